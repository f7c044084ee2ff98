#include "wire/icmp.h"

#include "base/check.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"

namespace pinion {
namespace {
constexpr uint16_t kPlateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68};
}  // namespace

Drop icmp_parse(Bytes packet, IcmpMessage& out) {
  if (packet.size() < sizeof(IcmpHdr)) return Drop::icmp_short;
  if (checksum(packet) != 0) return Drop::icmp_checksum;
  IcmpHdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  out = {h.type, h.code, h.rest.get(), packet.subspan(sizeof h)};
  return Drop::none;
}

void icmp_emit(const IcmpMessage& message, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(IcmpHdr));
  icmp_emit_summed(message, out, checksum_add(0, out.subspan(sizeof(IcmpHdr))));
}

void icmp_emit_summed(const IcmpMessage& message, MutableBytes out, uint64_t body_sum) {
  STACK_DCHECK(out.size() >= sizeof(IcmpHdr));
  IcmpHdr h{message.type, message.code, {}, be32::of(message.rest)};
  h.checksum = be16::of(checksum_finish(checksum_add(body_sum, std::as_bytes(std::span{&h, 1}))));
  std::memcpy(out.data(), &h, sizeof h);
}

uint16_t icmp_told_mtu(uint16_t told, uint16_t length) {
  if (told != 0) return told;
  for (const uint16_t plateau : kPlateaus)
    if (plateau < length) return plateau;
  return 68;
}

Drop icmp_quote_parse(Bytes body, IcmpQuote& out) {
  if (body.size() < sizeof(Ipv4Hdr)) return Drop::icmp_quote;
  Ipv4Hdr h;
  std::memcpy(&h, body.data(), sizeof h);
  const size_t header_length = size_t{h.version_ihl & 0x0fu} * 4;
  if (h.version_ihl >> 4 != 4 || header_length < sizeof h) return Drop::icmp_quote;
  if ((h.flags_fragment.get() & Ipv4Hdr::kOffsetMask) != 0) return Drop::icmp_quote;
  // RFC 792: the header and the first 64 bits of data, which hold the ports.
  if (body.size() < header_length + 8) return Drop::icmp_quote;
  struct {
    be16 source, destination;
    be32 sequence;
  } ports;
  std::memcpy(&ports, body.data() + header_length, sizeof ports);
  out = {h.protocol,
         Ipv4{h.source.get()},
         Ipv4{h.destination.get()},
         ports.source.get(),
         ports.destination.get(),
         (h.flags_fragment.get() & Ipv4Hdr::kDontFragment) != 0,
         h.total_length.get(),
         ports.sequence.get()};
  return Drop::none;
}

}  // namespace pinion
