#include "wire/arp.h"

#include "base/check.h"
#include "wire/eth.h"

namespace pinion {
namespace {
constexpr uint16_t kHardwareEthernet = 1;
}

Drop arp_parse(Bytes packet, ArpPacket& out) {
  if (packet.size() < sizeof(ArpHdr)) return Drop::arp_short;
  ArpHdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  if (h.hrd.get() != kHardwareEthernet || h.pro.get() != kEthTypeIpv4 || h.hln != sizeof(Mac) ||
      h.pln != sizeof(be32))
    return Drop::arp_format;
  const ArpOp op{h.op.get()};
  if (op != ArpOp::request && op != ArpOp::reply) return Drop::arp_opcode;
  out = {op, h.sha, {h.spa.get()}, h.tha, {h.tpa.get()}};
  return Drop::none;
}

void arp_emit(const ArpPacket& packet, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(ArpHdr));
  const ArpHdr h{be16::of(kHardwareEthernet),
                 be16::of(kEthTypeIpv4),
                 sizeof(Mac),
                 sizeof(be32),
                 be16::of(static_cast<uint16_t>(packet.op)),
                 packet.sha,
                 be32::of(packet.spa.v),
                 packet.tha,
                 be32::of(packet.tpa.v)};
  std::memcpy(out.data(), &h, sizeof h);
}

}  // namespace pinion
