// Any bytes as a MoldUDP64 packet: what is accepted, written again from its messages, is the same
// bytes; what is refused has its reason.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "gateway/moldudp64/moldudp64.h"

namespace {

using namespace pinion;
using namespace pinion::moldudp64;

void check_packet(Bytes datagram) {
  Packet packet;
  const Parse what = parse(datagram, packet);
  STACK_CHECK((what == Parse::short_header) == (datagram.size() < sizeof(Header)));
  (void)parse_request(datagram);
  if (what != Parse::ok) return;
  std::vector<std::byte> room(datagram.size());
  PacketWriter writer(room, packet.session, packet.sequence);
  for (int i = 0; i < packet.count; ++i) STACK_CHECK(writer.add(take_message(packet.blocks)));
  STACK_CHECK(packet.blocks.empty());
  const size_t length =
      packet.kind == Kind::end_of_session ? writer.finish_end_of_session() : writer.finish();
  STACK_CHECK(length == datagram.size() && std::ranges::equal(room, datagram));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_packet({reinterpret_cast<const std::byte*>(data), size});
  return 0;
}
