// Every ending: FIN, RST, time-out, close, LINGER_0, the application's death. Each accepted request
// completes exactly once, and everything comes back.
#include "stream_bed.h"

namespace pinion::testing {
namespace {

// Nothing is left of the application's socket but the session.
void expect_baseline(const StreamBed& bed) {
  const Server::Usage u = bed.kernel.server().usage();
  EXPECT_EQ(u.sockets, 0u);
  EXPECT_EQ(u.streams, 0u);
  EXPECT_EQ(u.request_queues, 0u);
  EXPECT_EQ(u.requests, 0u);
  EXPECT_EQ(u.chunks, 0u);
}

TEST(StreamEnding, FinIsZeroBytesForEveryFurtherReceive) {
  const auto bed = StreamBed::connected();
  bed->receive(10, 1);
  bed->receive(10, 2);
  bed->poll();
  fake_tcp().deliver(*bed->sk, "bye");
  stream_end(*bed->sk, bed->now);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 3}}, {2, {0, 0}}}));
  for (uint64_t i = 3; i < 6; ++i) {
    bed->receive(10, i);
    bed->poll();
    EXPECT_EQ(bed->endings(), (Endings{{i, {0, 0}}}));
  }
  bed->send("half-closed", 9);
  bed->poll();
  EXPECT_EQ(bed->tcp().wire, "half-closed");
}

TEST(StreamEnding, DataBeforeFinComesFirst) {
  const auto bed = StreamBed::connected();
  fake_tcp().deliver(*bed->sk, "data");
  stream_end(*bed->sk, bed->now);
  bed->receive(3, 1);
  bed->receive(3, 2);
  bed->receive(3, 3);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {0, 3}}, {2, {0, 1}}, {3, {0, 0}}}));
}

TEST(StreamEnding, FailureIsItsErrorForEveryFurtherReceiveBehindTheData) {
  for (const int error : {-ECONNRESET, -ETIMEDOUT, -EHOSTUNREACH}) {
    const auto bed = StreamBed::connected();
    fake_tcp().deliver(*bed->sk, "last");
    fake_tcp().fail(*bed->sk, error);
    bed->receive(10, 1);
    bed->receive(10, 2);
    bed->poll();
    EXPECT_EQ(bed->endings(), (Endings{{1, {0, 4}}, {2, {error, 0}}}));
    bed->receive(10, 3);
    bed->poll();
    EXPECT_EQ(bed->endings(), (Endings{{3, {error, 0}}}));
    rio_control m = bed->ask(RIO_CTL_GETSOCKOPT, bed->socket, RIO_SO_ERROR);
    EXPECT_EQ(static_cast<int64_t>(m.size), error);
    EXPECT_EQ(bed->ask(RIO_CTL_CONNECT_STATUS, bed->socket).status, error);
  }
}

TEST(StreamEnding, WaitallTellsWhatItHasWithTheError) {
  const auto bed = StreamBed::connected();
  bed->receive(10, 1, RIO_WAITALL);
  bed->poll();
  fake_tcp().deliver(*bed->sk, "part");
  fake_tcp().fail(*bed->sk, -ECONNRESET);
  EXPECT_EQ(bed->endings(), (Endings{{1, {-ECONNRESET, 4}}}));
}

TEST(StreamEnding, RefusedConnectFailsWhatWasPosted) {
  StreamBed bed({.receives = 4, .sends = 4});
  ASSERT_EQ(bed.connect(), -EINPROGRESS);
  EXPECT_EQ(bed.ask(RIO_CTL_CONNECT_STATUS, bed.socket).status, -EINPROGRESS);
  bed.receive(10, 1);
  bed.send("x", 2);
  bed.poll();
  fake_tcp().fail(*bed.sk, -ECONNREFUSED);
  EXPECT_EQ(bed.endings(),
            (Endings{{1, {-ECONNREFUSED, 0}}, {2, {-ECONNREFUSED, 0, RIO_CF_UNSENT}}}));
  EXPECT_EQ(bed.ask(RIO_CTL_CONNECT_STATUS, bed.socket).status, -ECONNREFUSED);
  EXPECT_EQ(bed.connect(), -EINVAL);
}

TEST(StreamEnding, CloseCancelsReceivesAndLetsSendsGoOn) {
  const auto bed = StreamBed::connected();
  bed->receive(10, 1);
  bed->poll();
  bed->send("in flight", 2);
  bed->poll();
  bed->send(" in the ring", 3);
  ASSERT_EQ(bed->close(), 0);
  EXPECT_FALSE(bed->tcp().closed);  // what is in the ring goes in front of FIN
  bed->poll();
  EXPECT_TRUE(bed->tcp().closed);
  EXPECT_EQ(bed->tcp().wire, "in flight in the ring");
  EXPECT_EQ(bed->endings(), (Endings{{1, {-ECANCELED, 0}}}));
  fake_tcp().ack_all(*bed->sk);
  EXPECT_EQ(bed->endings(), (Endings{{2, {0, 9}}, {3, {0, 12}}}));
  bed->poll(5);
  expect_baseline(*bed);
}

TEST(StreamEnding, FailureAfterCloseStillEndsTheSends) {
  const auto bed = StreamBed::connected();
  bed->send("lost", 1);
  bed->poll();
  ASSERT_EQ(bed->close(), 0);
  bed->poll();
  fake_tcp().fail(*bed->sk, -ETIMEDOUT);
  bed->poll();
  const auto endings = bed->endings();
  ASSERT_EQ(endings.size(), 1u);
  EXPECT_LT(endings.at(1).status, 0);
  bed->poll(5);
  expect_baseline(*bed);
}

TEST(StreamEnding, CloseWithUnreadDataResets) {
  const auto bed = StreamBed::connected();
  bed->send("x", 1);
  bed->poll();
  fake_tcp().deliver(*bed->sk, "unread");
  ASSERT_EQ(bed->close(), 0);
  EXPECT_EQ(bed->tcp().aborted, -ECONNABORTED);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {-ECONNABORTED, 0, 0}}}));
  bed->poll(5);
  expect_baseline(*bed);
}

TEST(StreamEnding, Linger0Resets) {
  const auto bed = StreamBed::connected();
  ASSERT_EQ(bed->set(RIO_SO_LINGER_0, 1), 0);
  bed->receive(10, 1);
  bed->send("x", 2);
  bed->poll();
  bed->send("never left", 3);
  ASSERT_EQ(bed->close(), 0);
  EXPECT_EQ(bed->tcp().aborted, -ECONNABORTED);
  bed->poll();
  EXPECT_EQ(bed->endings(), (Endings{{1, {-ECANCELED, 0}},
                                     {2, {-ECONNABORTED, 0, 0}},
                                     {3, {-ECONNABORTED, 0, RIO_CF_UNSENT}}}));
  bed->poll(5);
  expect_baseline(*bed);
}

TEST(StreamEnding, CloseWithoutAQueueAndInEveryState) {
  {  // new
    StreamBed bed({.receives = 0, .sends = 0});
    EXPECT_EQ(bed.close(), 0);
    expect_baseline(bed);
  }
  {  // bound
    StreamBed bed({.receives = 0, .sends = 0});
    EXPECT_EQ(bed.app.bind(bed.socket, {{}, 8080}).status, 0);
    EXPECT_EQ(bed.close(), 0);
    expect_baseline(bed);
  }
  {  // connecting
    StreamBed bed({.receives = 2, .sends = 2});
    bed.connect();
    bed.send("x", 1);
    bed.poll();
    EXPECT_EQ(bed.close(), 0);
    bed.poll();
    EXPECT_EQ(bed.endings(), (Endings{{1, {-ECONNABORTED, 0, RIO_CF_UNSENT}}}));
    bed.poll(5);
    expect_baseline(bed);
  }
  {  // connected, no queue
    const auto bed = StreamBed::connected({.receives = 0, .sends = 0});
    EXPECT_EQ(bed->close(), 0);
    EXPECT_TRUE(bed->tcp().closed);
    expect_baseline(*bed);
  }
  {  // failed
    const auto bed = StreamBed::connected();
    fake_tcp().fail(*bed->sk, -ECONNRESET);
    EXPECT_EQ(bed->close(), 0);
    bed->poll(5);
    expect_baseline(*bed);
  }
}

TEST(StreamEnding, DeathOfTheApplicationAbortsEverything) {
  const auto bed = StreamBed::connected({.receives = 8, .sends = 8, .flags = RIO_RQ_COPIED});
  bed->tcp().window = 0;
  for (uint64_t i = 0; i < 4; ++i) bed->send("copied", i), bed->receive(10, 10 + i, RIO_WAITALL);
  bed->poll();
  fake_tcp().deliver(*bed->sk, "part");
  StreamChunk* held = stream_take(*bed->sk);
  bed->tcp().held.push_back(held);
  EXPECT_EQ(bed->app.end(), 0);
  EXPECT_EQ(bed->tcp().aborted, -ECONNABORTED);
  EXPECT_TRUE(bed->tcp().released);
  bed->poll(2);
  expect_baseline(*bed);
}

TEST(StreamEnding, DeathInTheMiddleOfClose) {
  const auto bed = StreamBed::connected();
  bed->send("going on", 1);
  bed->poll();
  ASSERT_EQ(bed->close(), 0);
  bed->poll();
  EXPECT_FALSE(bed->tcp().released);
  EXPECT_EQ(bed->app.end(), 0);
  EXPECT_TRUE(bed->tcp().released);
  bed->poll(2);
  expect_baseline(*bed);
}

// Nothing of the memory is read once the session has ended, however many calls that takes.
TEST(StreamEnding, AbortComesBeforeTheRequestsGo) {
  const auto bed = StreamBed::connected({.receives = 1, .sends = 2000});
  bed->tcp().window = 0;
  for (uint64_t i = 0; i < 2000; ++i) bed->app.send(bed->rq, 0, 10, {}, i);
  bed->poll(40);
  EXPECT_EQ(bed->tcp().appended, 20'000u);
  KernelMessage m;
  m.op = KernelMessage::Op::session_end, m.session = 0;
  bed->kernel.control(m, bed->now);
  EXPECT_EQ(m.status, -EINPROGRESS);
  EXPECT_TRUE(bed->tcp().released);
  EXPECT_EQ(bed->app.end(), 0);
  expect_baseline(*bed);
}

TEST(StreamEnding, BrokenSessionTakesNothingMore) {
  const auto bed = StreamBed::connected();
  bed->receive(10, 1);
  bed->poll();
  bed->cq.header->consumed = 77;  // never posted
  ASSERT_EQ(bed->close(), 0);
  bed->poll(3);
  ASSERT_EQ(bed->broken.size(), 1u);
  EXPECT_EQ(fake_tcp().deliver(*bed->sk, "x"), 0u);
  EXPECT_EQ(bed->app.end(), 0);
  expect_baseline(*bed);
}

}  // namespace
}  // namespace pinion::testing
