// Any bytes as a day of market data: what a line's packet holds, what a GLIMPSE server says, when
// connections come and go and time passes. Whatever comes, the books' levels hold just the open
// orders, and a book that is fresh was started by the first message or a snapshot.
#include <algorithm>
#include <cstdint>

#include "base/check.h"
#include "gateway/market/snapshot.h"

namespace {

using namespace pinion;
using namespace pinion::market;

struct Day {
  Stream stream{{.lines = 2,
                 .receiver = {.window_messages = 16, .attempts = 1},
                 .books = {{"AAPL", "MSFT"}, 16, 4},
                 .kept_messages_max = 8}};
  SnapshotSession session{{}, {}, stream};
  Nanos now = 0;
  bool connected = false;

  void check() const {
    const book::Books& books = stream.books();
    size_t orders = 0;
    for (size_t i = 0; i < books.size(); ++i) {
      const book::Book& b = books.at(i);
      for (const book::Levels* side : {&b.bids, &b.asks}) {
        for (size_t k = 0; k < side->size(); ++k) orders += side->at(k).orders;
      }
      STACK_CHECK(!b.fresh() || (stream.feed().live() && !stream.silent()));
    }
    STACK_CHECK(orders == books.open_orders());
    STACK_CHECK(!stream.feed().loading() || session.busy());
  }
  // The bytes are the messages, each behind its length.
  void packet(moldudp64::Line line, uint8_t ahead, Bytes bytes) {
    std::byte room[300];
    const uint64_t sequence = stream.receiver().expected() + ahead % 20 - ahead % 3;
    moldudp64::PacketWriter writer(room, Alpha<10>::of("FUZZ"), sequence);
    while (!bytes.empty()) {
      const size_t n = std::min<size_t>(static_cast<uint8_t>(bytes[0]), bytes.size() - 1);
      if (!writer.add(bytes.subspan(1, n))) break;
      bytes = bytes.subspan(1 + n);
    }
    const size_t n = ahead == 255 ? writer.finish_end_of_session() : writer.finish();
    stream.input(line, Bytes{room, n}, now);
  }
  void connection(Bytes bytes) {
    if (session.wants_close() || (connected && bytes.empty())) {
      session.on_closed();
      connected = false;
    } else if (session.wants_connection(now)) {
      session.on_connecting(now);
    } else if (session.busy() && !connected) {
      session.on_connected(now);
      connected = true;
    } else if (connected) {
      (void)session.input(bytes, now);
    }
    std::byte room[64];
    if (connected) (void)session.output(room, now);
  }
  void time_passes(uint8_t by) {
    now += by * (by & 1 ? kMilli : kSecond);
    stream.poll(now);
    session.poll(now);
    std::byte room[32];
    uint32_t server = 0;
    (void)stream.request(room, server, now);
    (void)stream.next_deadline();
    (void)session.next_deadline();
  }
};

}  // namespace

// What, how far ahead or how long, how many bytes; the bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Day day;
  while (size >= 3) {
    const uint8_t what = data[0], how = data[1];
    const size_t n = std::min<size_t>(data[2], size - 3);
    const Bytes bytes{reinterpret_cast<const std::byte*>(data + 3), n};
    if (what % 6 < 3) day.packet(static_cast<moldudp64::Line>(what % 6), how, bytes);
    else if (what % 6 == 3) day.time_passes(how);
    else if (what == 5) day.stream.input(moldudp64::Line::a, bytes, day.now);
    else day.connection(bytes);
    day.check();
    data += 3 + n;
    size -= 3 + n;
  }
  return 0;
}
