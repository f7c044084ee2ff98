// Flow: where a socket's last packet went, and its headers. The next one to the same place leaves
// with a copy of them: no route, no neighbour and no address is looked up, and only lengths and
// checksums are written. Net fills it and decides whether it still holds; whoever owns the socket
// only keeps it.
#pragma once
#include <cstring>

#include "socket/endpoint.h"

namespace pinion {

struct Neighbour;

// What routers say of the way to one destination of a socket (RFC 1191, RFC 8201), and what shows
// that it is their business: anybody can send such an error. There is no table of these to fill, to
// poison or to search: a socket remembers the last narrow path that it met, for a while.
struct PathMtu {
  Ip sent_to;              // by the last datagram
  uint16_t sent_most = 0;  // bytes of the longest packet that went there
  uint16_t mtu = 0;        // towards destination; 0: nothing was said
  Ip destination;
  Nanos until = 0;
};

struct Flow {
  static constexpr uint32_t kHeadersMaxIpv4 = 48;  // Ethernet, 802.1Q, IPv4, UDP
  static constexpr uint32_t kHeadersMax = 80;      // with IPv6; both multiples of 16

  Endpoint source, destination;  // as they were asked for; destination port 0: nothing is kept
  uint8_t ttl = 0, tos = 0, ip_bytes = 0;  // ip_bytes: of the IP header
  uint16_t payload_max = 0;                // bytes that the MTU leaves
  uint32_t interface = 0;
  Ip next_hop;
  Mac mac;                         // of next_hop, as it stands in the headers
  Neighbour* neighbour = nullptr;  // a place in the table: whose it is now must be looked at
  uint64_t ip_sum = 0;             // of the IPv4 header, without length and checksum; IPv6 has none
  uint64_t pseudo_sum = 0;         // of the pseudo header, without length
  uint64_t ports_sum = 0;
  uint32_t headers_length = 0;
  std::byte headers[kHeadersMax] = {};  // lengths and checksums are 0

  // Copies of fixed size: what is too much is for the caller to write over.
  void put_headers(std::byte* at) const {
    std::memcpy(at, headers, kHeadersMaxIpv4);
    if (headers_length > kHeadersMaxIpv4)
      std::memcpy(at + kHeadersMaxIpv4, headers + kHeadersMaxIpv4, kHeadersMax - kHeadersMaxIpv4);
  }
};

}  // namespace pinion
