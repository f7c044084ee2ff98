// Multicast listener discovery, a host's part: queries of both versions, and the reports of the
// first (RFC 3810, RFC 2710). Those of the second are a header and records (wire/group_record.h).
#pragma once
#include "wire/group_record.h"
#include "wire/icmp6.h"

namespace pinion {

inline constexpr Ip kMldRouters{0xff02'0000'0000'0000, 0x16},  // who hears version 2's reports
    kAllRouters6{0xff02'0000'0000'0000, 2};

inline constexpr size_t kMldV1Bytes = sizeof(IcmpHdr) + 16;

Drop mld_query_parse(const IcmpMessage& message, GroupQuery& out);
// The group of a message of version 1.
Drop mld_v1_parse(const IcmpMessage& message, Ip& group);
// A report or a "done" of version 1. `out` has kMldV1Bytes.
void mld_v1_emit(uint8_t type, Ip group, Ip source, Ip destination, MutableBytes out);

}  // namespace pinion
