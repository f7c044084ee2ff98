// The UDP header (RFC 768).
#pragma once
#include "base/drop.h"
#include "base/types.h"

namespace pinion {

struct UdpHdr {
  be16 source_port, destination_port, length, checksum;
};
static_assert(sizeof(UdpHdr) == 8 && alignof(UdpHdr) == 1);

struct UdpDatagram {
  uint16_t source_port = 0, destination_port = 0;
  uint16_t checksum = 0;  // 0: the sender computed none
  Bytes payload;          // as long as the UDP length says: a surplus is not in it
};

Drop udp_parse(Bytes packet, UdpDatagram& out);
// Over the datagram in `packet`, which udp_parse has accepted.
bool udp_checksum_ok(Bytes packet, const UdpDatagram& datagram, Ip source, Ip destination);
// What goes into the checksum field for a sum over pseudo header, header and payload: a computed 0
// is sent as 0xFFFF, since 0 means "none" (RFC 768, RFC 1122 4.1.3.4).
uint16_t udp_checksum_field(uint64_t sum);
// Writes the header to the front of out, with datagram.checksum as it is.
void udp_emit(const UdpDatagram& datagram, MutableBytes out);

}  // namespace pinion
