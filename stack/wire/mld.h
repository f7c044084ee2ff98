// Multicast listener discovery, a host's part: queries of both versions, and reports (RFC 3810,
// RFC 2710).
#pragma once
#include "wire/icmp6.h"

namespace pinion {

struct MldQuery {
  bool version_1 = false;
  uint32_t max_response_ms = 0;
  Ip group = kAnyIpv6;  // "::": a general query
};

// The numbers of a record (RFC 3810 5.2.5).
enum class MldRecord : uint8_t { is_exclude = 2, to_exclude = 4 };

inline constexpr Ip kMldRouters{0xff02'0000'0000'0000, 0x16};  // who hears version 2's reports

constexpr size_t mld_report_bytes(size_t groups) { return sizeof(IcmpHdr) + groups * 20; }
inline constexpr size_t kMldReportV1Bytes = sizeof(IcmpHdr) + 16;

Drop mld_query_parse(const IcmpMessage& message, MldQuery& out);
// One record without sources for each group. `out` has mld_report_bytes.
void mld_report_emit(std::span<const Ip> groups, MldRecord type, Ip source, MutableBytes out);
// To the group itself, as version 1 wants it. `out` has kMldReportV1Bytes.
void mld_report_v1_emit(Ip group, Ip source, MutableBytes out);

}  // namespace pinion
