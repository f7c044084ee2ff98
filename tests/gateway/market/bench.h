// A venue in the memory of these tests: its stream of ITCH messages, packets of it, and GLIMPSE
// sessions by the real server's state machine. Message number n of the stream adds order n to AAPL,
// unless a test says what it is.
#pragma once
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "gateway/market/snapshot.h"
#include "gateway/soupbintcp/server.h"
#include "gateway/wire/message_store.h"

namespace pinion::market {

using moldudp64::Line;

inline itch::AddOrder adds(uint64_t reference, uint16_t locate = 1) {
  auto m = itch::make<itch::AddOrder>(locate, reference);
  m.reference = be64::of(reference), m.side = Char::of('B'), m.shares = be32::of(10);
  m.stock = Alpha<8>::of(locate == 1 ? "AAPL" : "MSFT");
  m.price = be32::of(static_cast<uint32_t>(10'000 + reference));
  return m;
}
inline itch::OrderDelete deletes(uint64_t reference) {
  auto m = itch::make<itch::OrderDelete>(1, reference);
  m.reference = be64::of(reference);
  return m;
}

struct Bench {
  static constexpr size_t kAapl = 0, kMsft = 1;
  static StreamConfig config(uint64_t first) {
    return {.lines = 2,
            .receiver = {.first = first, .window_messages = 64, .attempts = 2},
            .books = {{"AAPL", "MSFT"}, 10'000, 10'000},
            .kept_messages_max = 64};
  }
  explicit Bench(StreamConfig c = config(1), SnapshotPace pace = {})
      : stream(c),
        session({.username = Alpha<6>::of("U"), .peer_timeout = 5 * kSecond}, pace, stream) {}

  template <class Message>
  void message_is(uint64_t number, const Message& m) {
    const Bytes bytes = bytes_of_message(m);
    said[number] = {bytes.begin(), bytes.end()};
  }
  std::vector<std::byte> message(uint64_t number) const {
    if (const auto found = said.find(number); found != said.end()) return found->second;
    const itch::AddOrder add = adds(number);
    const Bytes bytes = bytes_of_message(add);
    return {bytes.begin(), bytes.end()};
  }
  // Messages [first, first + count); none: a heartbeat, -1: the end of the session.
  void gets(Line line, uint64_t first, int count) {
    std::byte room[4'096];
    moldudp64::PacketWriter writer(room, Alpha<10>::of("DAY1"), first);
    for (int i = 0; i < count; ++i) ASSERT_TRUE(writer.add(message(first + i)));
    const size_t bytes = count < 0 ? writer.finish_end_of_session() : writer.finish();
    stream.input(line, Bytes{room, bytes}, now);
  }
  void time_passes(Nanos by) {
    now += by;
    stream.poll(now);
    session.poll(now);
  }
  // "first+count" of the request that is due, or "".
  std::string request() {
    std::byte out[sizeof(moldudp64::Request)];
    uint32_t server = 0;
    if (stream.request(out, server, now) == 0) return "";
    const moldudp64::Request* r = moldudp64::parse_request(out);
    return std::to_string(r->sequence.get()) + "+" + std::to_string(r->count.get());
  }
  std::string stale_since() {
    std::string out;
    stream.take_stale([&](size_t i) { out += std::to_string(i) + " "; });
    return out;
  }
  const book::Book& aapl() const { return stream.books().at(kAapl); }
  const book::Book& msft() const { return stream.books().at(kMsft); }
  bool all_fresh() const { return aapl().fresh() && msft().fresh(); }

  // A snapshot as of message `from`, of the orders that the tests' own messages are no part of.
  void make_snapshot(uint64_t from) {
    snapshot.clear();
    for (uint64_t n = 1; n < from; ++n) {
      if (said.contains(n)) continue;
      ASSERT_TRUE(snapshot.append(message(n)));
    }
    const itch::Snapshot end{Char::of('G'), Digits20::of(from)};
    ASSERT_TRUE(snapshot.append(bytes_of_message(end)));
  }
  // The whole of a session, from the connection that is wanted to its close.
  void snapshot_session(char refusal = soupbintcp::kAuthorised) {
    ASSERT_TRUE(session.wants_connection(now));
    session.on_connecting(now);
    session.on_connected(now);
    soupbintcp::ServerConnection server({.session = Alpha<10>::of("GLIMPSE")}, snapshot, now);
    server.end_session();
    std::byte room[1'000];
    std::vector<std::byte> bytes;
    for (size_t n = 1; n != 0 && !session.wants_close();) {
      n = session.output(room, now);
      server.input(
          Bytes{room, n}, now, [&](const auto&) { return refusal; }, [](Bytes) {});
      n = server.output(room, now);
      bytes.insert(bytes.end(), room, room + n);
      const size_t used = session.input(bytes, now);
      bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(used));
    }
    session.on_closed();
  }
  // Behind one that was of no use.
  void next_snapshot(uint64_t from) {
    time_passes(kSecond);
    make_snapshot(from);
    snapshot_session();
  }
  // What a server says, byte by byte as a test has it.
  template <class Packet>
  void server_says(const Packet& packet, Bytes rest = {}) {
    std::byte room[256];
    const size_t n = soupbintcp::emit_packet(packet, rest, room);
    EXPECT_EQ(session.input(Bytes{room, n}, now), n);
  }
  void server_sends(Bytes message) {
    server_says(soupbintcp::SequencedData{Char::of('S')}, message);
  }
  // The snapshot session is connected, and the server goes on from this message.
  void logs_in(uint64_t first = 1) {
    session.on_connecting(now);
    session.on_connected(now);
    server_says(soupbintcp::LoginAccepted{Char::of('A'), Alpha<10>::of("S"), Digits20::of(first)});
  }

  std::map<uint64_t, std::vector<std::byte>> said;
  MessageStore snapshot{{10'000, 1'000'000}};
  Stream stream;
  SnapshotSession session;
  Nanos now = kSecond;
};

}  // namespace pinion::market
