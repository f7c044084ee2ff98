#include "wire/mld.h"

#include "base/check.h"
#include "wire/ipv6.h"

namespace pinion {
namespace {

struct QueryBody {
  be64 group[2];
};
struct QueryV2Rest {
  uint8_t flags, interval_code;
  be16 sources;
};
struct Record {
  uint8_t type, aux_length;
  be16 sources;
  be64 group[2];
};
static_assert(sizeof(QueryBody) == 16 && sizeof(QueryV2Rest) == 4 && sizeof(Record) == 20);
constexpr size_t kSourceBytes = 16;

// RFC 3810 5.1.3: from 32,768 on, a mantissa of 12 bits and an exponent.
uint32_t max_response_of(uint16_t code) {
  if (code < 0x8000) return code;
  return (uint32_t{code & 0x0fffu} | 0x1000) << ((code >> 12 & 7) + 3);
}

}  // namespace

Drop mld_query_parse(const IcmpMessage& message, MldQuery& out) {
  QueryBody body;
  if (message.body.size() < sizeof body) return Drop::mld_malformed;
  std::memcpy(&body, message.body.data(), sizeof body);
  const auto code = static_cast<uint16_t>(message.rest >> 16);
  out.group = ip_of(body.group);
  out.version_1 = message.body.size() == sizeof body;
  out.max_response_ms = out.version_1 ? code : max_response_of(code);
  if (out.group != kAnyIpv6 && !out.group.is_multicast()) return Drop::mld_malformed;
  if (out.version_1) return Drop::none;
  QueryV2Rest rest;
  if (message.body.size() < sizeof body + sizeof rest) return Drop::mld_malformed;
  std::memcpy(&rest, message.body.data() + sizeof body, sizeof rest);
  const size_t sources = (message.body.size() - sizeof body - sizeof rest) / kSourceBytes;
  return rest.sources.get() <= sources ? Drop::none : Drop::mld_malformed;
}

void mld_report_emit(std::span<const Ip> groups, MldRecord type, Ip source, MutableBytes out) {
  STACK_DCHECK(out.size() == mld_report_bytes(groups.size()));
  std::byte* at = out.data() + sizeof(IcmpHdr);
  for (const Ip group : groups) {
    const Record r{static_cast<uint8_t>(type), 0, {}, {be64::of(group.hi), be64::of(group.lo)}};
    std::memcpy(at, &r, sizeof r);
    at += sizeof r;
  }
  icmp6_emit({.type = kIcmp6MldReportV2, .rest = static_cast<uint32_t>(groups.size()), .body = {}},
             source, kMldRouters, out);
}

void mld_report_v1_emit(Ip group, Ip source, MutableBytes out) {
  STACK_DCHECK(out.size() == kMldReportV1Bytes);
  const QueryBody body{{be64::of(group.hi), be64::of(group.lo)}};
  std::memcpy(out.data() + sizeof(IcmpHdr), &body, sizeof body);
  icmp6_emit({.type = kIcmp6MldReport, .body = {}}, source, group, out);
}

}  // namespace pinion
