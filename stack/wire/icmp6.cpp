#include "wire/icmp6.h"

#include <algorithm>

#include "base/check.h"
#include "wire/checksum.h"
#include "wire/ipv6.h"

namespace pinion {
namespace {
uint64_t pseudo_of(size_t length, Ip source, Ip destination) {
  return pseudo_header_sum(source, destination, kProtocolIcmp6, static_cast<uint16_t>(length));
}
}  // namespace

Drop icmp6_parse(Bytes packet, Ip source, Ip destination, IcmpMessage& out,
                 bool checksum_known_good) {
  if (packet.size() < sizeof(IcmpHdr)) return Drop::icmp6_short;
  const uint64_t pseudo = pseudo_of(packet.size(), source, destination);
  if (!checksum_known_good && checksum_finish(checksum_add(pseudo, packet)) != 0)
    return Drop::icmp6_checksum;
  IcmpHdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  out = {h.type, h.code, h.rest.get(), packet.subspan(sizeof h)};
  return Drop::none;
}

void icmp6_emit(const IcmpMessage& message, Ip source, Ip destination, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(IcmpHdr));
  const uint64_t pseudo = pseudo_of(out.size(), source, destination);
  icmp_emit_summed(message, out, checksum_add(pseudo, out.subspan(sizeof(IcmpHdr))));
}

Drop icmp6_quote_parse(Bytes body, IcmpQuote& out) {
  struct {
    be16 source, destination;
    be32 sequence;
  } ports;
  Ipv6Hdr h;
  if (body.size() < sizeof h + sizeof ports) return Drop::icmp6_quote;
  std::memcpy(&h, body.data(), sizeof h);
  if (h.version_class_label.get() >> 28 != 6) return Drop::icmp6_quote;
  uint8_t protocol = h.next_header;
  Bytes upper = body.subspan(sizeof h);
  if (protocol == kNextHeaderFragment) {
    Ipv6FragmentHdr f;
    if (upper.size() < sizeof f + sizeof ports) return Drop::icmp6_quote;
    std::memcpy(&f, upper.data(), sizeof f);
    if (f.offset_flags.get() >> 3 != 0) return Drop::icmp6_quote;
    protocol = f.next_header, upper = upper.subspan(sizeof f);
  }
  std::memcpy(&ports, upper.data(), sizeof ports);
  const size_t length = sizeof h + h.payload_length.get();
  out = {.protocol = protocol,
         .source = ip_of(h.source),
         .destination = ip_of(h.destination),
         .source_port = ports.source.get(),
         .destination_port = ports.destination.get(),
         .dont_fragment = true,
         .total_length = static_cast<uint16_t>(std::min<size_t>(length, UINT16_MAX)),
         .sequence = ports.sequence.get()};
  // What looks like IPv4 inside would find the sockets of another family.
  return out.source.is_v4() || out.destination.is_v4() ? Drop::icmp6_quote : Drop::none;
}

}  // namespace pinion
