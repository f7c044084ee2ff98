// Sends of a stream: order, one append a batch, completion by acknowledgment, RIO_RQ_COPIED, and
// what a failed send tells.
#include "stream_bed.h"

namespace pinion::testing {
namespace {

TEST(StreamSend, CompletesWhenAllItsBytesAreAcknowledged) {
  const auto bed = StreamBed::connected();
  bed->send("hello ", 1);
  bed->send("world", 2);
  bed->poll();
  EXPECT_EQ(bed->tcp().wire, "hello world");
  EXPECT_TRUE(bed->endings().empty());
  fake_tcp().ack(*bed->sk, 5);
  EXPECT_TRUE(bed->endings().empty());
  fake_tcp().ack(*bed->sk, 1);
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 6}}}));
  fake_tcp().ack(*bed->sk, 5);
  EXPECT_EQ(bed->endings(), (Endings{{2, {0, 5}}}));
}

// Deferred sends and what commits them are one batch.
TEST(StreamSend, DeferredSendsAreOneAppendAndOneOutput) {
  const auto bed = StreamBed::connected();
  for (uint64_t i = 0; i < 15; ++i) bed->send(std::string(80, 'a'), i, RIO_DEFER);
  bed->poll();
  EXPECT_EQ(bed->tcp().appends, 0u);
  bed->send(std::string(80, 'b'), 15);
  bed->poll();
  EXPECT_EQ(bed->tcp().appends, 1u);
  EXPECT_EQ(bed->tcp().outputs, 1u);
  EXPECT_EQ(bed->tcp().wire.size(), 16u * 80);
}

TEST(StreamSend, CommitStartsWhatWasDeferred) {
  const auto bed = StreamBed::connected();
  bed->send("one", 1, RIO_DEFER);
  bed->send("two", 2, RIO_DEFER);
  bed->poll();
  bed->app.commit(bed->rq);
  bed->poll();
  EXPECT_EQ(bed->tcp().wire, "onetwo");
  EXPECT_EQ(bed->tcp().appends, 1u);
}

TEST(StreamSend, IsReadAgainFromRegisteredMemoryInAnyPieces) {
  const auto bed = StreamBed::connected();
  std::string all;
  for (uint64_t i = 0; i < 9; ++i) {
    const std::string text(static_cast<size_t>(2 * i + 1), static_cast<char>('a' + i));
    bed->send(text, i), all += text;
  }
  bed->poll();
  ASSERT_EQ(bed->tcp().wire, all);
  for (uint32_t piece = 1; piece < 12; ++piece)
    EXPECT_EQ(fake_tcp().read(*bed->sk, 0, static_cast<uint32_t>(all.size()), piece), all);
  for (uint32_t from = 0; from < all.size(); ++from)
    EXPECT_EQ(fake_tcp().read(*bed->sk, from, 1), all.substr(from, 1));
  fake_tcp().ack(*bed->sk, 20);
  EXPECT_EQ(fake_tcp().read(*bed->sk, 0, static_cast<uint32_t>(all.size() - 20)), all.substr(20));
}

TEST(StreamSend, NeedsDataAndNamesNoPeer) {
  const auto bed = StreamBed::connected();
  bed->app.send(bed->rq, 0, 0, {}, 1);
  bed->app.send(bed->rq, 0, 4, Endpoint{ipv4(10, 0, 0, 9), 9}, 2);
  bed->poll();
  EXPECT_EQ(bed->endings(),
            (Endings{{1, {-EINVAL, 0, RIO_CF_UNSENT}}, {2, {-EISCONN, 0, RIO_CF_UNSENT}}}));
}

TEST(StreamSend, WithoutAConnectionIsNotConnected) {
  StreamBed bed({.receives = 2, .sends = 2});
  bed.send("x", 1);
  bed.poll();
  EXPECT_EQ(bed.endings(), (Endings{{1, {-ENOTCONN, 0, RIO_CF_UNSENT}}}));
}

TEST(StreamSend, BeforeTheConnectionIsEstablishedWaits) {
  StreamBed bed({.receives = 2, .sends = 2});
  bed.connect();
  bed.send("early", 1);
  bed.poll();
  EXPECT_TRUE(bed.endings().empty());
  fake_tcp().connected(*bed.sk);
  EXPECT_EQ(bed.tcp().appended, 5u);
  fake_tcp().ack_all(*bed.sk);
  EXPECT_EQ(bed.endings(), (Endings{{1, {0, 5}}}));
}

// The ledger between "surely not sent" and "maybe sent".
TEST(StreamSend, FailedOnesTellWhatWasAcknowledgedAndWhetherTheyEverLeft) {
  const auto bed = StreamBed::connected({.receives = 2, .sends = 8});
  bed->tcp().window = 9;
  for (uint64_t i = 1; i <= 4; ++i) bed->send("abcd", i);
  bed->poll();
  fake_tcp().ack(*bed->sk, 6);
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 4}}}));
  fake_tcp().fail(*bed->sk, -ECONNRESET);
  EXPECT_EQ(bed->endings(), (Endings{{2, {-ECONNRESET, 2, 0}},
                                     {3, {-ECONNRESET, 0, 0}},
                                     {4, {-ECONNRESET, 0, RIO_CF_UNSENT}}}));
  bed->send("late", 5);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{5, {-ECONNRESET, 0, RIO_CF_UNSENT}}}));
}

// A position on the wire has 32 bits: TCP never has more than 2^30 bytes, the rest follows.
TEST(StreamSend, MoreThanTcpCanCountGoesBitByBit) {
  constexpr uint32_t kMega = RawApp::kDataBytes, kSends = 1100;
  const auto bed = StreamBed::connected({.receives = 0, .sends = 2048});
  for (uint64_t i = 0; i < kSends; ++i) bed->app.send(bed->rq, 0, kMega, {}, i);
  bed->poll(40);
  EXPECT_EQ(bed->tcp().appended, 1u << 30);
  fake_tcp().ack(*bed->sk, 10 * kMega);
  bed->poll(2);
  EXPECT_EQ(bed->tcp().appended, (1u << 30) + 10 * kMega);
  EXPECT_EQ(bed->endings().size(), 10u);
  for (int i = 0; i < 20; ++i) fake_tcp().ack_all(*bed->sk), bed->poll(20);
  EXPECT_EQ(bed->tcp().appended, uint64_t{kSends} * kMega);
  EXPECT_EQ(bed->endings().size(), kSends - 10);
}

TEST(StreamSend, NopCompletesInItsPlace) {
  const auto bed = StreamBed::connected();
  bed->send("x", 1);
  bed->app.nop(bed->rq, 2);
  bed->poll();
  EXPECT_TRUE(bed->endings().empty());
  fake_tcp().ack_all(*bed->sk);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 1}}, {2, {0, 0}}}));
}

TEST(StreamSend, CopiedCompletesAtOnceAndTheMemoryMayChange) {
  const auto bed = StreamBed::connected({.receives = 2, .sends = 64, .flags = RIO_RQ_COPIED});
  std::string all;
  bed->tcp().window = 0;
  for (uint64_t i = 0; i < 30; ++i) {
    const std::string text(83, static_cast<char>('a' + i % 26));
    bed->send(text, i), all += text;
  }
  bed->poll();
  EXPECT_EQ(bed->endings().size(), 30u);
  std::memset(bed->app.data(), 0, RawApp::kDataBytes);
  EXPECT_EQ(bed->kernel.server().usage().chunks, 2u);  // packed
  EXPECT_EQ(fake_tcp().read(*bed->sk, 0, static_cast<uint32_t>(all.size())), all);
  EXPECT_EQ(fake_tcp().read(*bed->sk, 100, 2000, 7), all.substr(100, 2000));
  fake_tcp().ack(*bed->sk, 2000);
  EXPECT_EQ(bed->kernel.server().usage().chunks, 1u);
  EXPECT_EQ(fake_tcp().read(*bed->sk, 0, 400), all.substr(2000, 400));
  fake_tcp().ack_all(*bed->sk);
  EXPECT_EQ(bed->kernel.server().usage().chunks, 0u);
}

TEST(StreamSend, CopiedWithoutMemoryCompletesWhenAcknowledged) {
  SessionQuota quota;
  quota.waiting_bytes_max = 2 * sizeof(Chunk);
  const auto bed =
      StreamBed::connected({.receives = 2, .sends = 8, .flags = RIO_RQ_COPIED}, {}, quota);
  std::string all;
  for (uint64_t i = 1; i <= 3; ++i) {
    const std::string text(1500, static_cast<char>('a' + i));
    bed->send(text, i), all += text;
  }
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 1500}}, {2, {0, 1500}}}));
  EXPECT_EQ(bed->tcp().wire, all);
  EXPECT_EQ(fake_tcp().read(*bed->sk, 0, 4500, 999), all);
  fake_tcp().ack_all(*bed->sk);
  EXPECT_EQ(bed->endings(), (Endings{{3, {0, 1500}}}));
}

TEST(StreamSend, ShutdownPutsFinBehindWhatWasPosted) {
  const auto bed = StreamBed::connected();
  bed->send("last words", 1, RIO_DEFER);
  EXPECT_EQ(bed->ask(RIO_CTL_SHUTDOWN, bed->socket).status, 0);
  bed->poll(2);
  EXPECT_EQ(bed->tcp().wire, "last words");
  EXPECT_TRUE(bed->tcp().fin);
  bed->send("too late", 2);
  bed->poll();
  fake_tcp().ack_all(*bed->sk);
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 10}}, {2, {-EPIPE, 0, RIO_CF_UNSENT}}}));
  EXPECT_EQ(bed->ask(RIO_CTL_SHUTDOWN, bed->socket).status, 0);
}

}  // namespace
}  // namespace pinion::testing
