// ARP for IPv4 over Ethernet (RFC 826). Field names are those of the RFC.
#pragma once
#include "base/drop.h"
#include "base/types.h"

namespace pinion {

struct ArpHdr {
  be16 hrd, pro;
  uint8_t hln, pln;
  be16 op;
  Mac sha;
  be32 spa;
  Mac tha;
  be32 tpa;
};
static_assert(sizeof(ArpHdr) == 28 && alignof(ArpHdr) == 1);

enum class ArpOp : uint16_t { request = 1, reply = 2 };

struct ArpPacket {
  ArpOp op = ArpOp::request;
  Mac sha;
  Ipv4 spa;
  Mac tha;
  Ipv4 tpa;
};

Drop arp_parse(Bytes packet, ArpPacket& out);
void arp_emit(const ArpPacket& packet, MutableBytes out);

}  // namespace pinion
