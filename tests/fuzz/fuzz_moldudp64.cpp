// Any bytes as a MoldUDP64 packet: what is accepted, written again from its messages, is the same
// bytes; what is refused has its reason. Then as a receiver's day: packets of the input's choice
// on lines of its choice, with time passing; what comes out is in order, and nothing comes twice.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "gateway/moldudp64/receiver.h"

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

struct OrderedSink {
  uint64_t next;
  bool ended = false;
  void message(uint64_t sequence, Bytes) { STACK_CHECK(sequence == next++ && !ended); }
  void hole(uint64_t first, uint64_t end) {
    STACK_CHECK(first == next && first < end && !ended);
    next = end;
  }
  void end_of_session() {
    STACK_CHECK(!ended);
    ended = true;
  }
};

// Each four bytes: what to do and when; how many messages; the number they begin with.
void check_receiver(const uint8_t* data, size_t size) {
  Receiver receiver({.first = 1, .window_messages = 8, .message_bytes_max = 4, .attempts = 2});
  OrderedSink sink{.next = 1};
  const auto session = Alpha<10>::of("FUZZ");
  Nanos now = 0;
  for (; size >= 4; data += 4, size -= 4) {
    std::byte room[200];
    PacketWriter writer(room, session, static_cast<uint64_t>(data[2]) << (data[3] & 1) * 3);
    for (int i = 0; i < data[1] % 6; ++i) writer.add(Bytes{room, static_cast<size_t>(data[3] % 8)});
    const size_t length = data[1] > 250 ? writer.finish_end_of_session() : writer.finish();
    receiver.input(static_cast<Line>(data[0] % 3), Bytes{room, length}, now, sink);
    now += (data[0] >> 2) * kMilli;
    receiver.poll(now, sink);
    uint32_t server = 0;
    if (data[0] & 4) (void)receiver.request(room, server, now);
    STACK_CHECK(receiver.expected() == sink.next);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  check_packet({reinterpret_cast<const std::byte*>(data), size});
  check_receiver(data, size);
  return 0;
}
