#include "gateway/moldudp64/moldudp64.h"

namespace pinion::moldudp64 {

namespace {

Parse verify_blocks(Bytes blocks, uint16_t count) {
  for (uint16_t i = 0; i < count; ++i) {
    const be16* length = in_place<be16>(blocks);
    if (!length || length->get() > blocks.size() - sizeof(be16)) return Parse::short_block;
    blocks = blocks.subspan(sizeof(be16) + length->get());
  }
  return blocks.empty() ? Parse::ok : Parse::trailing_bytes;
}

}  // namespace

Parse parse(Bytes datagram, Packet& out) {
  const Header* header = in_place<Header>(datagram);
  if (!header) return Parse::short_header;
  out.session = header->session;
  out.sequence = header->sequence.get();
  const uint16_t count = header->count.get();
  out.kind = count == kHeartbeatCount      ? Kind::heartbeat
             : count == kEndOfSessionCount ? Kind::end_of_session
                                           : Kind::data;
  out.count = out.kind == Kind::data ? count : uint16_t{0};
  if (out.count > UINT64_MAX - out.sequence) return Parse::bad_sequence;
  out.blocks = datagram.subspan(sizeof(Header));
  return verify_blocks(out.blocks, out.count);
}

}  // namespace pinion::moldudp64
