// IGMP messages (RFC 2236, RFC 3376 4): what queriers ask, and what a host answers. Which group is
// joined is net's business.
#pragma once
#include "base/drop.h"
#include "wire/group_record.h"

namespace pinion {

inline constexpr uint8_t kProtocolIgmp = 2;
inline constexpr Ipv4 kAllSystems = ipv4(224, 0, 0, 1), kAllRouters = ipv4(224, 0, 0, 2),
                      kIgmpV3Routers = ipv4(224, 0, 0, 22);

struct IgmpHdr {
  uint8_t type, code;
  be16 checksum;
  be32 group;
};
static_assert(sizeof(IgmpHdr) == 8 && alignof(IgmpHdr) == 1);

// What a query of version 3 has behind that; sources follow.
struct IgmpQueryTail {
  uint8_t flags, interval_code;
  be16 sources;
};
static_assert(sizeof(IgmpQueryTail) == 4 && alignof(IgmpQueryTail) == 1);

struct IgmpReportHdr {
  uint8_t type, reserved1;
  be16 checksum, reserved2, records;
};
static_assert(sizeof(IgmpReportHdr) == 8 && alignof(IgmpReportHdr) == 1);

enum IgmpType : uint8_t {
  kIgmpQuery = 0x11,
  kIgmpV1Report = 0x12,
  kIgmpV2Report = 0x16,
  kIgmpV2Leave = 0x17,
  kIgmpV3Report = 0x22
};

struct IgmpMessage {
  uint8_t type = 0;
  uint8_t version = 0;     // of a query: 1, 2 or 3
  Ipv4 group;              // 0: a general query
  Nanos max_response = 0;  // of a query
  uint8_t robustness = 0;  // of a query of version 3; 0: not told
  Nanos interval = 0;      // as well
  Bytes sources;           // as well; 4 bytes each

  GroupQuery query() const { return {group, version, robustness, max_response, sources}; }
};

// A message of another type is not looked at further: its type says so.
Drop igmp_parse(Bytes packet, IgmpMessage& out);
// A report or leave of version 1 or 2; `out` holds 8 bytes.
void igmp_emit(uint8_t type, Ipv4 group, MutableBytes out);
// The header of a report of version 3, with a checksum over it and the records behind it in `out`.
void igmp_emit_report(uint16_t records, MutableBytes out);

}  // namespace pinion
