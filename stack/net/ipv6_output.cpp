// IPv6 output: a header in front of a packet, and which source address it has.
#include <bit>

#include "base/check.h"
#include "net/net.h"
#include "wire/eth.h"

namespace pinion {
namespace {

uint32_t common_prefix(Ip a, Ip b) {
  const auto high = static_cast<uint32_t>(std::countl_zero(a.hi ^ b.hi));
  return high < 64 ? high : 64 + static_cast<uint32_t>(std::countl_zero(a.lo ^ b.lo));
}

}  // namespace

int Net::ipv6_output(const Path& path, Frame* frame, const IpFields& fields, Nanos now) {
  STACK_DCHECK(frame->total_length() + sizeof(Ipv6Hdr) <= path.interface->mtu_bytes);
  const Ipv6Header header{.traffic_class = fields.tos,
                          .payload_length = static_cast<uint16_t>(frame->total_length()),
                          .next_header = fields.protocol,
                          .hop_limit = fields.ttl,
                          .source = path.source,
                          .destination = fields.destination};
  frame->l3_length = sizeof(Ipv6Hdr);
  frame->push(sizeof(Ipv6Hdr));
  ipv6_emit(header, frame->bytes());
  return link_output(path, frame, kEthTypeIpv6, now);
}

// RFC 6724, rules 2 and 8: of the destination's scope (for a group of a wider one than the link's,
// a global one), then the longest common prefix. "::": there is none, and nothing of another scope
// will do.
Ip Net::ipv6_address_towards(const Interface& interface, Ip dst) const {
  const bool link = dst.is_link_local() || is_group_of_link(dst);
  Ip best = kAnyIpv6;
  for (const InterfaceAddress& a : interface.addresses) {
    if (a.address.is_v4() || a.address.is_link_local() != link) continue;
    if (best == kAnyIpv6 || common_prefix(a.address, dst) > common_prefix(best, dst))
      best = a.address;
  }
  return best;
}

// ICMPv6 of our own, to a group or a known station: past the table of neighbours. `payload` is what
// stands behind the IPv6 header.
Drop Net::ipv6_send_own(Interface& interface, const Ipv6Header& header, Mac dst, Bytes payload) {
  if (ports_[interface.port].queued >= tx_queue_max_) return Drop::tx_port_full;
  Frame* frame = frame_alloc(interface);
  if (frame == nullptr) return Drop::tx_no_frame;
  const auto length = static_cast<uint32_t>(payload.size());
  std::memcpy(frame->append(length), payload.data(), length);
  ipv6_output_own(interface, frame, header, dst);
  return Drop::none;
}

// The same, with the payload in the frame already.
void Net::ipv6_output_own(Interface& interface, Frame* frame, Ipv6Header header, Mac dst) {
  header.payload_length = static_cast<uint16_t>(frame->length);
  frame->l3_length = sizeof(Ipv6Hdr);
  frame->push(sizeof(Ipv6Hdr));
  ipv6_emit(header, frame->bytes());
  eth_emit(interface, *frame, dst, kEthTypeIpv6);
  enqueue(interface, frame);
}

}  // namespace pinion
