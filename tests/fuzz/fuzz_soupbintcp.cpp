// Any bytes as a SoupBinTCP stream: cut into segments anywhere, the same packets come out. Then to
// a client and to a server: they use no more than there is, and number what they deliver.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "gateway/soupbintcp/client.h"
#include "gateway/soupbintcp/server.h"

namespace {

using namespace pinion;
using namespace pinion::soupbintcp;

using Packets = std::vector<std::vector<std::byte>>;

// Returns how many bytes make up whole packets.
size_t take_packets(Bytes stream, Packets& out) {
  Bytes packet;
  size_t used = 0, total = 0;
  while (next_packet(stream.subspan(total), packet, used) == Framing::packet) {
    STACK_CHECK(used == packet.size() + kLengthBytes && !packet.empty());
    out.emplace_back(packet.begin(), packet.end());
    total += used;
  }
  return total;
}

void check_packets(const Packets& packets) {
  std::vector<std::byte> room(kPacketBytesMax);
  for (const auto& bytes : packets) {
    (void)read(Bytes{bytes}, [&](const auto& packet, Bytes rest) {
      const size_t length = emit_packet(packet, rest, room);
      STACK_CHECK(length == bytes.size() + kLengthBytes);
      STACK_CHECK(std::equal(bytes.begin(), bytes.end(), room.begin() + kLengthBytes));
    });
  }
}

void check_sessions(Bytes stream) {
  std::vector<std::byte> room(500);
  Client client({});
  client.on_connecting(0);
  client.on_connected(0);
  (void)client.output(room, 0);
  uint64_t last = 0;
  STACK_CHECK(client.input(stream, 0, [&](uint64_t sequence, Bytes) {
    STACK_CHECK(last == 0 || sequence == last + 1);
    last = sequence;
  }) <= stream.size());
  (void)client.output(room, kSecond);
  client.poll(20 * kSecond);
  MessageStore store({2, 100});
  STACK_CHECK(store.append(bytes_of_text("one")));
  ServerConnection server({}, store, 0);
  STACK_CHECK(server.input(
                  stream, 0, [](const LoginRequest&) { return kAuthorised; }, [](Bytes) {}) <=
              stream.size());
  while (server.output(room, 0) > 0) {
  }
  STACK_CHECK(!server.behind());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t segment = 1 + data[0] % 16;
  const Bytes stream{reinterpret_cast<const std::byte*>(data + 1), size - 1};
  Packets whole, pieces;
  take_packets(stream, whole);
  std::vector<std::byte> held;
  for (size_t at = 0; at < stream.size(); at += segment) {
    const Bytes piece = stream.subspan(at, std::min(segment, stream.size() - at));
    held.insert(held.end(), piece.begin(), piece.end());
    held.erase(held.begin(), held.begin() + static_cast<ptrdiff_t>(take_packets(held, pieces)));
  }
  STACK_CHECK(whole == pieces);
  check_packets(whole);
  check_sessions(stream);
  return 0;
}
