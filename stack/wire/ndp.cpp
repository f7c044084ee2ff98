#include "wire/ndp.h"

#include "base/check.h"
#include "wire/ipv6.h"

namespace pinion {
namespace {

constexpr uint32_t kRouter = 1u << 31, kSolicited = 1u << 30, kOverride = 1u << 29;
constexpr uint8_t kSourceLinkAddress = 1, kTargetLinkAddress = 2;
constexpr size_t kOptionUnit = 8;

struct LinkAddressOption {
  uint8_t type, length;
  Mac address;
};
static_assert(sizeof(LinkAddressOption) == kOptionUnit);

Drop parse_options(Bytes options, NdMessage& out) {
  const uint8_t wanted = out.advertisement ? kTargetLinkAddress : kSourceLinkAddress;
  while (!options.empty()) {
    if (options.size() < kOptionUnit) return Drop::nd_malformed;
    LinkAddressOption o;
    std::memcpy(&o, options.data(), sizeof o);
    const size_t length = o.length * kOptionUnit;
    if (length == 0 || length > options.size()) return Drop::nd_malformed;
    if (o.type == wanted) {
      if (length != sizeof o) return Drop::nd_malformed;  // of another kind of link
      out.has_link_address = true;
      out.link_address = o.address;
    }
    options = options.subspan(length);
  }
  return Drop::none;
}

}  // namespace

Drop nd_parse(const IcmpMessage& message, NdMessage& out) {
  be64 target[2];
  if (message.code != 0 || message.body.size() < sizeof target) return Drop::nd_malformed;
  std::memcpy(target, message.body.data(), sizeof target);
  out = {};
  out.advertisement = message.type == kIcmp6NeighbourAdvertisement;
  out.target = ip_of(target);
  if (out.advertisement) {
    out.router = (message.rest & kRouter) != 0;
    out.solicited = (message.rest & kSolicited) != 0;
    out.override_known = (message.rest & kOverride) != 0;
  }
  if (out.target.is_multicast() || out.target.is_v4()) return Drop::nd_malformed;
  return parse_options(message.body.subspan(sizeof target), out);
}

size_t nd_emit(const NdMessage& message, Ip source, Ip destination, MutableBytes out) {
  STACK_DCHECK(out.size() >= kNdBytes);
  const be64 target[2] = {be64::of(message.target.hi), be64::of(message.target.lo)};
  std::memcpy(out.data() + sizeof(IcmpHdr), target, sizeof target);
  size_t length = sizeof(IcmpHdr) + sizeof target;
  if (message.has_link_address) {
    const LinkAddressOption o{message.advertisement ? kTargetLinkAddress : kSourceLinkAddress, 1,
                              message.link_address};
    std::memcpy(out.data() + length, &o, sizeof o);
    length += sizeof o;
  }
  const uint32_t flags = (message.router ? kRouter : 0) | (message.solicited ? kSolicited : 0) |
                         (message.override_known ? kOverride : 0);
  icmp6_emit(
      {.type = message.advertisement ? kIcmp6NeighbourAdvertisement : kIcmp6NeighbourSolicitation,
       .rest = flags,
       .body = {}},
      source, destination, out.first(length));
  return length;
}

}  // namespace pinion
