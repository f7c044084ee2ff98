#include "wire/mld.h"

#include "base/check.h"

namespace pinion {
namespace {

struct QueryV2Rest {
  uint8_t flags, interval_code;
  be16 sources;
};
static_assert(sizeof(QueryV2Rest) == 4);
constexpr size_t kGroupBytes = address_bytes(false);
constexpr size_t kQueryV2 = kGroupBytes + sizeof(QueryV2Rest);

// RFC 3810 5.1.3: from 32,768 on, a mantissa of 12 bits and an exponent.
uint32_t max_response_of(uint16_t code) {
  if (code < 0x8000) return code;
  return (uint32_t{code & 0x0fffu} | 0x1000) << ((code >> 12 & 7) + 3);
}

}  // namespace

Drop mld_query_parse(const IcmpMessage& message, GroupQuery& out) {
  if (message.body.size() < kGroupBytes) return Drop::mld_malformed;
  const auto code = static_cast<uint16_t>(message.rest >> 16);
  const bool version_1 = message.body.size() == kGroupBytes;  // RFC 3810 8.1
  out = {.group = address_at(message.body.data(), false),
         .version = static_cast<uint8_t>(version_1 ? 1 : 2),
         .max_response = Nanos{version_1 ? code : max_response_of(code)} * kMilli,
         .sources = {}};
  const bool of_group = out.group.is_multicast() && !out.group.is_v4();
  if (out.group != kAnyIpv6 && !of_group) return Drop::mld_malformed;
  if (version_1) return Drop::none;
  if (message.body.size() < kQueryV2) return Drop::mld_malformed;
  const auto rest = load<QueryV2Rest>(message.body.data() + kGroupBytes);
  const size_t bytes = rest.sources.get() * address_bytes(false);
  if (bytes > message.body.size() - kQueryV2) return Drop::mld_malformed;
  out.robustness = rest.flags & kRobustnessMask;
  out.sources = message.body.subspan(kQueryV2, bytes);
  return Drop::none;
}

Drop mld_v1_parse(const IcmpMessage& message, Ip& group) {
  if (message.body.size() < kGroupBytes) return Drop::mld_malformed;
  group = address_at(message.body.data(), false);
  return group.is_multicast() && !group.is_v4() ? Drop::none : Drop::mld_malformed;
}

void mld_v1_emit(uint8_t type, Ip group, Ip source, Ip destination, MutableBytes out) {
  STACK_DCHECK(out.size() == kMldV1Bytes && !group.is_v4());
  address_emit(group, out.data() + sizeof(IcmpHdr));
  icmp6_emit({.type = type, .body = {}}, source, destination, out);
}

}  // namespace pinion
