#include "wire/eth.h"

#include "base/check.h"

namespace pinion {

Drop eth_parse(Bytes frame, EthPacket& out) {
  if (frame.size() < sizeof(EthHdr)) return Drop::eth_short;
  EthHdr h;
  std::memcpy(&h, frame.data(), sizeof h);
  out = {h.dst, h.src, h.type.get(), frame.subspan(sizeof h)};
  return Drop::none;
}

void eth_emit(const EthPacket& packet, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(EthHdr));
  const EthHdr h{packet.dst, packet.src, be16::of(packet.type)};
  std::memcpy(out.data(), &h, sizeof h);
}

}  // namespace pinion
