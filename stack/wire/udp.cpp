#include "wire/udp.h"

#include "base/check.h"
#include "wire/checksum.h"
#include "wire/ipv4.h"

namespace pinion {

Drop udp_parse(Bytes packet, UdpDatagram& out) {
  if (packet.size() < sizeof(UdpHdr)) return Drop::udp_short;
  UdpHdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  const size_t length = h.length.get();
  if (length < sizeof h || length > packet.size()) return Drop::udp_length;
  out = {h.source_port.get(), h.destination_port.get(), h.checksum.get(),
         packet.subspan(sizeof h, length - sizeof h)};
  return Drop::none;
}

bool udp_checksum_ok(Bytes packet, const UdpDatagram& datagram, Ip source, Ip destination) {
  if (datagram.checksum == 0) return true;
  const size_t length = sizeof(UdpHdr) + datagram.payload.size();
  const uint64_t pseudo =
      pseudo_header_sum(source, destination, kProtocolUdp, static_cast<uint16_t>(length));
  return checksum_finish(checksum_add(pseudo, packet.first(length))) == 0;
}

uint16_t udp_checksum_field(uint64_t sum) {
  const uint16_t computed = checksum_finish(sum);
  return computed ? computed : 0xffff;
}

void udp_emit(const UdpDatagram& datagram, MutableBytes out) {
  const size_t length = sizeof(UdpHdr) + datagram.payload.size();
  STACK_DCHECK(out.size() >= sizeof(UdpHdr) && length <= 0xffff);
  const UdpHdr h{be16::of(datagram.source_port), be16::of(datagram.destination_port),
                 be16::of(static_cast<uint16_t>(length)), be16::of(datagram.checksum)};
  std::memcpy(out.data(), &h, sizeof h);
}

}  // namespace pinion
