// Once it is made, market data takes no memory: messages, holes and their requests, silence and a
// snapshot, with the allocator counted.
#include "bench.h"
#include "gateway/support/count_allocations.h"

namespace pinion::market {
namespace {

std::vector<std::byte> packet(uint64_t first, int count) {
  std::vector<std::byte> out(1'400);
  moldudp64::PacketWriter writer(out, Alpha<10>::of("DAY1"), first);
  for (int i = 0; i < count; ++i) {
    const itch::AddOrder add = adds(first + static_cast<uint64_t>(i));
    EXPECT_TRUE(writer.add(bytes_of_message(add)));
  }
  out.resize(writer.finish());
  return out;
}

std::vector<std::byte> glimpse(uint64_t from) {
  std::vector<std::byte> out(1'000);
  size_t used = 0;
  const auto put = [&](const auto& p, Bytes rest) {
    used += soupbintcp::emit_packet(p, rest, MutableBytes{out}.subspan(used));
  };
  put(soupbintcp::LoginAccepted{Char::of('A'), Alpha<10>::of("S"), Digits20::of(1)}, {});
  for (uint64_t n = 1; n < from; ++n) {
    const itch::AddOrder add = adds(n);
    put(soupbintcp::SequencedData{Char::of('S')}, bytes_of_message(add));
  }
  const itch::Snapshot end{Char::of('G'), Digits20::of(from)};
  put(soupbintcp::SequencedData{Char::of('S')}, bytes_of_message(end));
  out.resize(used);
  return out;
}

TEST(MarketNoAllocation, AfterItWasMade) {
  Bench b(Bench::config(0));
  std::vector<std::vector<std::byte>> packets;
  for (uint64_t n = 5; n < 200; n += 5) packets.push_back(packet(n, 5));
  const std::vector<std::byte> snapshot = glimpse(10);
  uint64_t stale = 0;
  const size_t before = testing::allocations;

  b.stream.input(Line::a, packets[0], b.now);
  ASSERT_TRUE(b.session.wants_connection(b.now));
  b.session.on_connecting(b.now);
  b.session.on_connected(b.now);
  std::byte room[128];
  EXPECT_GT(b.session.output(room, b.now), 0u);
  b.stream.input(Line::b, packets[1], b.now);
  EXPECT_EQ(b.session.input(snapshot, b.now), snapshot.size());
  b.session.on_closed();
  const bool joined = b.all_fresh();
  uint32_t server = 0, requests = 0;
  for (size_t i = 2; i < packets.size(); ++i) {
    if (i % 7 != 3) b.stream.input(Line::a, packets[i], b.now);
    if (i % 7 != 3 && i % 2 == 0) b.stream.input(Line::b, packets[i], b.now);
    b.time_passes(kMilli);
    if (b.stream.request(room, server, b.now) == 0) continue;
    ++requests;
    if (i < 20) b.stream.input(Line::retransmit, packets[i - 1], b.now);
    else b.time_passes(50 * kMilli);  // later holes are given up
  }
  b.time_passes(5 * kSecond);
  b.stream.take_stale([&](size_t) { ++stale; });

  EXPECT_EQ(testing::allocations, before);
  EXPECT_TRUE(joined);
  EXPECT_GT(requests, 0u);
  EXPECT_EQ(stale, 2u);
  EXPECT_TRUE(b.stream.silent());
  EXPECT_GT(b.stream.receiver().counters().healed, 0u);
  EXPECT_GT(b.stream.receiver().counters().given_up, 0u);
}

}  // namespace
}  // namespace pinion::market
