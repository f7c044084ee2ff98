// Receives of a stream: one completion each with what is there, RIO_WAITALL, what waits without a
// receive, the window, and memory that runs out.
#include "stream_bed.h"

namespace pinion::testing {
namespace {

std::string pattern(size_t n) {
  std::string out(n, ' ');
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<char>('a' + i % 23);
  return out;
}

TEST(StreamReceive, CompletesWithWhatIsThere) {
  const auto bed = StreamBed::connected();
  bed->receive(100, 1);
  bed->receive(100, 2, 0, 100);
  bed->poll();
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, "abc"), 3u);
  const auto done = bed->app.dequeue_all(bed->cq);
  ASSERT_EQ(done.size(), 1u);
  EXPECT_EQ(done[0].status, 0);
  EXPECT_EQ(done[0].bytes, 3u);
  EXPECT_EQ(done[0].port, kServer.port);
  EXPECT_EQ(done[0].peer[3], 2);
  EXPECT_EQ(done[0].time_source, RIO_TIME_SOFTWARE);
  EXPECT_EQ(bed->app.text(0, 3), "abc");
}

TEST(StreamReceive, OneSegmentFillsSeveralReceivesInOrder) {
  const auto bed = StreamBed::connected();
  for (uint64_t i = 0; i < 3; ++i) bed->receive(4, i, 0, static_cast<uint32_t>(4 * i));
  bed->poll();
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, "abcdefghij"), 10u);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{0, {0, 4}}, {1, {0, 4}}, {2, {0, 2}}}));
  EXPECT_EQ(bed->app.text(0, 10), "abcdefghij");
}

// No pass lies between the posting and the data.
TEST(StreamReceive, LooksForWhatWasPosted) {
  const auto bed = StreamBed::connected();
  bed->send("first", 1);
  bed->receive(100, 2);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, "abc"), 3u);
  EXPECT_EQ(bed->endings(), (Endings{{2, {0, 3}}}));
  EXPECT_EQ(bed->tcp().appended, 0u);
  bed->poll();
  EXPECT_EQ(bed->tcp().wire, "first");
  fake_tcp().ack_all(*bed->sk);
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 5}}}));
}

// TCP brings up what waited out of order while the queue has its turn: a send that is found then
// leaves, though the turn has been over for sends.
TEST(StreamReceive, WhatItFindsInItsOwnTurnStarts) {
  const auto bed = StreamBed::connected();
  bed->receive(1, 0);
  bed->poll(4);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, "a"), 1u);
  bed->poll(4);
  bed->receive(100, 1);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, "abc"), 3u);
  bed->tcp().on_room = [&bed] {
    bed->send("late", 9);
    fake_tcp().deliver(*bed->sk, "xyz");
  };
  bed->poll(4);
  EXPECT_EQ(bed->tcp().on_room, nullptr);
  EXPECT_EQ(bed->tcp().wire, "late");
}

TEST(StreamReceive, LooksNoFurtherThanTheBudgetGoes) {
  SessionQuota quota;
  quota.requests_per_pass = 2;
  const auto bed = StreamBed::connected({}, {}, quota);
  for (uint64_t i = 0; i < 2; ++i) bed->send("x", i);
  bed->receive(100, 2);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, "abc"), 3u);
  EXPECT_TRUE(bed->endings().empty());
  bed->poll(4);
  EXPECT_EQ(bed->endings(), (Endings{{2, {0, 3}}}));
  EXPECT_EQ(bed->tcp().wire, "xx");
}

TEST(StreamReceive, WaitallFillsItsSlice) {
  const auto bed = StreamBed::connected();
  bed->receive(8, 1, RIO_WAITALL);
  bed->receive(8, 2, RIO_WAITALL, 8);
  bed->poll();
  fake_tcp().deliver(*bed->sk, "abc");
  fake_tcp().deliver(*bed->sk, "defg");
  EXPECT_TRUE(bed->endings().empty());
  fake_tcp().deliver(*bed->sk, "hij");
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 8}}}));
  EXPECT_EQ(bed->app.text(0, 8), "abcdefgh");
  stream_end(*bed->sk, bed->now);
  EXPECT_EQ(bed->endings(), (Endings{{2, {0, 2}}}));
  EXPECT_EQ(bed->app.text(8, 2), "ij");
}

TEST(StreamReceive, WaitallTakesWhatWaitedFirst) {
  const auto bed = StreamBed::connected();
  fake_tcp().deliver(*bed->sk, "waited ");
  bed->receive(12, 1, RIO_WAITALL);
  bed->poll();
  EXPECT_TRUE(bed->endings().empty());
  fake_tcp().deliver(*bed->sk, "later");
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 12}}}));
  EXPECT_EQ(bed->app.text(0, 12), "waited later");
}

TEST(StreamReceive, WithoutAReceiveItWaitsPacked) {
  const auto bed = StreamBed::connected();
  const std::string all = pattern(1000);
  for (size_t i = 0; i < all.size(); i += 10)
    EXPECT_EQ(fake_tcp().deliver(*bed->sk, all.substr(i, 10)), 10u);
  EXPECT_EQ(bed->kernel.server().usage().chunks, 1u);
  for (uint64_t i = 0; i < 10; ++i) bed->receive(100, i, 0, static_cast<uint32_t>(100 * i));
  bed->poll();
  EXPECT_EQ(bed->endings().size(), 10u);
  EXPECT_EQ(bed->app.text(0, 1000), all);
  EXPECT_EQ(bed->kernel.server().usage().chunks, 0u);
}

TEST(StreamReceive, OneReceiveTakesAllThatWaits) {
  const auto bed = StreamBed::connected();
  const std::string all = pattern(200'000);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, all), all.size());
  bed->receive(300'000, 1);
  bed->poll(2);
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 200'000}}}));
  EXPECT_EQ(bed->app.text(0, 200'000), all);
}

// Of what waited as of what did not; and never before what stood in front of it.
TEST(StreamReceive, TellsWhenItsLastBytesCame) {
  const auto bed = StreamBed::connected();
  bed->receive(4, 1), bed->receive(4, 2);
  bed->poll();
  fake_tcp().deliver(*bed->sk, "abcdefghij", {50, true});  // "ij" waits
  fake_tcp().deliver(*bed->sk, "kl", {60, false});
  fake_tcp().deliver(*bed->sk, pattern(2 * Chunk::kBytes), {55, true});
  bed->poll();
  bed->receive(4, 3), bed->receive(5000, 4);
  bed->poll(2);
  std::vector<std::pair<uint64_t, int>> times;
  for (const rio_abi_completion& c : bed->app.dequeue_all(bed->cq))
    times.emplace_back(c.time_ns, c.time_source);
  EXPECT_EQ(times, (std::vector<std::pair<uint64_t, int>>{{50, RIO_TIME_HARDWARE},
                                                          {50, RIO_TIME_HARDWARE},
                                                          {60, RIO_TIME_SOFTWARE},
                                                          {60, RIO_TIME_SOFTWARE}}));
}

TEST(StreamReceive, RoomIsTheBufferAndWhatIsPosted) {
  const auto bed = StreamBed::connected();
  ASSERT_EQ(bed->set(RIO_SO_RECEIVE_BUFFER, 10'000), 0);
  EXPECT_EQ(stream_room(*bed->sk), 10'000u);
  bed->receive(5000, 1, RIO_WAITALL);
  bed->poll();
  EXPECT_EQ(stream_room(*bed->sk), 15'000u);
  fake_tcp().deliver(*bed->sk, pattern(2000));
  EXPECT_EQ(stream_room(*bed->sk), 13'000u);
  fake_tcp().deliver(*bed->sk, pattern(7000));
  EXPECT_EQ(stream_room(*bed->sk), 6000u);
  bed->receive(1000, 2);
  bed->poll();
  EXPECT_EQ(stream_room(*bed->sk), 7000u);
}

TEST(StreamReceive, TcpIsToldOfNewRoomOnceAVisit) {
  const auto bed = StreamBed::connected();
  const uint32_t before = bed->tcp().windows;
  for (uint64_t i = 0; i < 8; ++i) bed->receive(100, i);
  bed->poll();
  EXPECT_EQ(bed->tcp().windows, before + 1);
  bed->poll(3);
  EXPECT_EQ(bed->tcp().windows, before + 1);
}

TEST(StreamReceive, MemoryThatRunsOutIsTakenInPart) {
  SessionQuota quota;
  quota.waiting_bytes_max = 4 * sizeof(Chunk);
  const auto bed = StreamBed::connected({}, {}, quota);
  const std::string all = pattern(4 * Chunk::kBytes + 500);
  EXPECT_EQ(stream_room(*bed->sk), 4 * Chunk::kBytes);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, all), 4 * Chunk::kBytes);
  EXPECT_EQ(stream_room(*bed->sk), 0u);
  EXPECT_EQ(stream_take(*bed->sk), nullptr);
  bed->receive(10'000, 1);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 4 * Chunk::kBytes}}}));
  EXPECT_EQ(stream_room(*bed->sk), 4 * Chunk::kBytes);
}

// Out-of-order data and what waits come of one share.
TEST(StreamReceive, ChunksThatTcpHoldsAreChargedToTheSession) {
  SessionQuota quota;
  quota.waiting_bytes_max = 3 * sizeof(Chunk);
  const auto bed = StreamBed::connected({}, {}, quota);
  StreamChunk* a = stream_take(*bed->sk);
  StreamChunk* b = stream_take(*bed->sk);
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(stream_room(*bed->sk), Chunk::kBytes);
  EXPECT_NE(stream_take(*bed->sk), nullptr);
  EXPECT_EQ(stream_take(*bed->sk), nullptr);
  stream_give(*bed->sk, a);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, pattern(5000)), Chunk::kBytes);
  stream_give(*bed->sk, b);
  EXPECT_EQ(bed->kernel.server().usage().chunks, 2u);
}

// A session that fills its share leaves the others theirs.
TEST(StreamReceive, OneSessionsHoardLeavesTheOthersTheirShare) {
  ServerConfig server;
  server.backlog_chunks = 64, server.sessions_max = 4;  // a share is 8
  const auto bed = StreamBed::connected({}, server);
  const std::string much = pattern(64 * Chunk::kBytes);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, much), 40 * Chunk::kBytes);
  StreamBed::Fresh keep_nothing;
  RawApp other(bed->kernel, 1, bed->now);
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET;
  m.a = RIO_FAMILY_IPV4, m.b = RIO_TYPE_STREAM;
  const uint32_t socket = other.call(m).handle;
  EXPECT_EQ(other.connect(socket, kServer).status, -EINPROGRESS);
  Socket& sk = *fake_tcp().last;
  fake_tcp().connected(sk);
  EXPECT_EQ(stream_room(sk), 8 * Chunk::kBytes);
  EXPECT_EQ(fake_tcp().deliver(sk, much), 8 * Chunk::kBytes);
}

TEST(StreamReceive, NeedsRoom) {
  const auto bed = StreamBed::connected();
  bed->receive(0, 1);
  rio_abi_request slot{};
  slot.opcode = RIO_OP_RECEIVE, slot.request_context = 2, slot.buffer_id = RIO_INVALID_BUFFER;
  bed->app.post(bed->rq, slot);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {-EINVAL}}, {2, {-EINVAL}}}));
}

// A wrong receive between good ones completes in its place.
TEST(StreamReceive, WrongOneKeepsTheOrder) {
  const auto bed = StreamBed::connected();
  bed->receive(4, 1);
  bed->receive(0, 2);
  bed->receive(4, 3, 0, 4);
  bed->poll();
  EXPECT_TRUE(bed->endings().empty());
  fake_tcp().deliver(*bed->sk, "abcdefgh");
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 4}}, {2, {-EINVAL}}, {3, {0, 4}}}));
  EXPECT_EQ(bed->app.text(0, 8), "abcdefgh");
}

TEST(StreamReceive, DatagramsDoNotWaitForAll) {
  QueueBed bed;
  OneQueue one(bed);
  one.app.receive(one.rq, 0, 8, 1, RIO_WAITALL);
  bed.poll();
  EXPECT_EQ(one.app.dequeue_all(one.cq).at(0).status, -EINVAL);
}

// What a segment completes is counted in units; the rest goes on in the next pass.
TEST(StreamReceive, TinyReceivesDoNotStopTheCore) {
  SessionQuota quota;
  quota.requests_per_pass = 16;
  const auto bed = StreamBed::connected({.receives = 128, .sends = 1}, {}, quota);
  for (uint64_t i = 0; i < 128; ++i) bed->receive(1, i, 0, static_cast<uint32_t>(i));
  bed->poll(20);
  bed->endings();
  const std::string all = pattern(128);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, all), 128u);
  EXPECT_LE(bed->endings().size(), 17u);
  for (int i = 0; i < 12; ++i) {
    bed->poll();
    EXPECT_LE(bed->endings().size(), 16u);
  }
  EXPECT_EQ(bed->app.text(0, 128), all);
}

}  // namespace
}  // namespace pinion::testing
