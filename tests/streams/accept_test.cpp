// Listeners: the queue of accepted connections, which get their request queue later; and options.
#include "stream_bed.h"

namespace pinion::testing {
namespace {

struct Listening : StreamBed {
  explicit Listening(uint32_t backlog = 4, SessionQuota quota = {})
      : StreamBed({.receives = 0, .sends = 0}, {}, quota) {
    EXPECT_EQ(app.bind(socket, {{}, 8080}).status, 0);
    sk = fake_tcp().last;
    EXPECT_EQ(ask(RIO_CTL_LISTEN, socket, backlog).status, 0);
  }
  rio_control accept() { return ask(RIO_CTL_ACCEPT, socket); }
};

TEST(StreamAccept, GivesOutConnectionsInOrder) {
  Listening bed;
  EXPECT_EQ(bed.accept().status, -EAGAIN);
  Socket* first = fake_tcp().accepted(*bed.sk);
  Socket* second = fake_tcp().accepted(*bed.sk);
  const uint16_t ports[] = {first->remote.port, second->remote.port};
  for (const uint16_t port : ports) {
    const rio_control reply = bed.accept();
    EXPECT_EQ(reply.status, 0);
    EXPECT_EQ(reply.address.port, port);
    EXPECT_EQ(reply.c, 0u);
    EXPECT_EQ(bed.ask(RIO_CTL_GETPEERNAME, reply.handle2).address.port, port);
  }
  EXPECT_EQ(bed.accept().status, -EAGAIN);
}

// What arrived meanwhile comes out of the first receive.
TEST(StreamAccept, QueueComesLaterAndFindsWhatArrived) {
  Listening bed;
  Socket* sk = fake_tcp().accepted(*bed.sk);
  EXPECT_EQ(fake_tcp().deliver(*sk, "before accept "), 14u);
  const uint32_t handle = bed.accept().handle2;
  EXPECT_EQ(fake_tcp().deliver(*sk, "before queue"), 12u);
  stream_end(*sk, bed.now);
  bed.rq = bed.app.create_rq(handle, bed.cq, bed.cq, {});
  bed.receive(100, 1);
  bed.receive(100, 2, 0, 100);
  bed.poll();
  EXPECT_EQ(bed.endings(), (Endings{{1, {0, 26}}, {2, {0, 0}}}));
  EXPECT_EQ(bed.app.text(0, 26), "before accept before queue");
}

TEST(StreamAccept, BacklogAndQuotaBound) {
  Listening bed(2);
  EXPECT_NE(fake_tcp().accepted(*bed.sk), nullptr);
  EXPECT_NE(fake_tcp().accepted(*bed.sk), nullptr);
  EXPECT_EQ(fake_tcp().accepted(*bed.sk), nullptr);
  EXPECT_EQ(bed.accept().status, 0);
  EXPECT_NE(fake_tcp().accepted(*bed.sk), nullptr);

  SessionQuota quota;
  quota.sockets_max = 3;
  Listening small(100, quota);
  EXPECT_NE(fake_tcp().accepted(*small.sk), nullptr);
  EXPECT_NE(fake_tcp().accepted(*small.sk), nullptr);
  EXPECT_EQ(fake_tcp().accepted(*small.sk), nullptr);
}

TEST(StreamAccept, AHugeBacklogIsTakenForTheLargest) {  // HOSTILE A36
  StreamBed bed({.receives = 0, .sends = 0});
  EXPECT_EQ(bed.ask(RIO_CTL_LISTEN, bed.socket, 1).status, -EINVAL) << "not bound";
  EXPECT_EQ(bed.app.bind(bed.socket, {{}, 8080}).status, 0);
  EXPECT_EQ(bed.ask(RIO_CTL_LISTEN, bed.socket, 1u << 31).status, 0);
  EXPECT_EQ(bed.ask(RIO_CTL_LISTEN, bed.socket, 0).status, 0);
  EXPECT_EQ(bed.connect(), -EINVAL);
}

TEST(StreamAccept, ClosingTheListenerAbortsWhoWasNotAccepted) {
  Listening bed(64);
  std::vector<Socket*> all;
  for (int i = 0; i < 40; ++i) all.push_back(fake_tcp().accepted(*bed.sk));
  const uint32_t kept = bed.accept().handle2;
  EXPECT_EQ(bed.close(), 0);
  EXPECT_LE(bed.kernel.next_deadline(), bed.now);
  bed.poll(4);
  EXPECT_EQ(bed.kernel.server().usage().streams, 1u);
  for (size_t i = 1; i < all.size(); ++i)
    EXPECT_EQ(fake_tcp().of(*all[i]).aborted, -ECONNABORTED) << i;
  EXPECT_EQ(fake_tcp().of(*all[0]).aborted, 0);
  EXPECT_EQ(bed.ask(RIO_CTL_SOCKET_CLOSE, kept).status, 0);
  EXPECT_EQ(bed.kernel.server().usage().streams, 0u);
}

TEST(StreamAccept, DeathAbortsTheListenerAndWhoWaits) {
  for (const bool closed : {false, true}) {
    Listening bed(64);
    for (int i = 0; i < 40; ++i) fake_tcp().accepted(*bed.sk);
    if (closed) {
      EXPECT_EQ(bed.close(), 0);
      bed.poll();
    }
    EXPECT_EQ(bed.app.end(), 0);
    bed.poll(2);
    EXPECT_EQ(bed.kernel.server().usage().sockets, 0u);
    for (auto& [socket, stream] : fake_tcp().streams) EXPECT_TRUE(stream.released);
  }
}

TEST(StreamAccept, AFailedConnectionIsGivenOutAndTells) {
  Listening bed;
  Socket* sk = fake_tcp().accepted(*bed.sk);
  fake_tcp().fail(*sk, -ECONNRESET);
  const rio_control reply = bed.accept();
  ASSERT_EQ(reply.status, 0);
  bed.rq = bed.app.create_rq(reply.handle2, bed.cq, bed.cq, {});
  bed.receive(10, 1);
  bed.poll();
  EXPECT_EQ(bed.endings(), (Endings{{1, {-ECONNRESET}}}));
}

TEST(StreamAccept, InheritsTheListenersOptions) {
  Listening bed;
  EXPECT_EQ(bed.set(RIO_SO_TTL, 3), 0);
  EXPECT_EQ(bed.set(RIO_SO_RECEIVE_BUFFER, 5000), 0);
  EXPECT_EQ(bed.set(RIO_SO_KEEPALIVE_S, 7), 0);
  Socket* sk = fake_tcp().accepted(*bed.sk);
  EXPECT_EQ(sk->ttl, 3);
  EXPECT_EQ(sk->stream.keepalive_idle, 7 * kSecond);
  EXPECT_EQ(stream_room(*sk), 5000u);
}

TEST(StreamAccept, AListenerHasNoRequests) {
  Listening bed;
  RawRq rq;
  EXPECT_EQ(bed.app.try_create_rq(bed.socket, bed.cq, bed.cq, {}, rq).status, -EINVAL);
  StreamBed with_queue({.receives = 1, .sends = 1});
  EXPECT_EQ(with_queue.app.bind(with_queue.socket, {{}, 8080}).status, 0);
  EXPECT_EQ(with_queue.ask(RIO_CTL_LISTEN, with_queue.socket, 1).status, -EINVAL);
}

TEST(StreamAccept, OnlyOfStreams) {
  StreamBed bed({.receives = 0, .sends = 0});
  const uint32_t udp = bed.app.socket();
  for (const uint16_t opcode :
       {RIO_CTL_LISTEN, RIO_CTL_ACCEPT, RIO_CTL_SHUTDOWN, RIO_CTL_CONNECT_STATUS})
    EXPECT_EQ(bed.ask(opcode, udp).status, -EOPNOTSUPP);
  EXPECT_EQ(bed.ask(RIO_CTL_ACCEPT, bed.socket).status, -EINVAL);
  EXPECT_EQ(bed.ask(RIO_CTL_SHUTDOWN, bed.socket).status, -ENOTCONN);
  EXPECT_EQ(bed.ask(RIO_CTL_CONNECT_STATUS, bed.socket).status, -ENOTCONN);
  EXPECT_EQ(bed.ask(RIO_CTL_SETSOCKOPT, udp, RIO_SO_NODELAY, 1).status, -ENOPROTOOPT);
}

struct OptionCase {
  uint32_t option;
  uint64_t initially, good, bad;
};

TEST(StreamOptions, AreSetReadAndRefused) {
  const OptionCase cases[] = {
      {RIO_SO_TTL, 64, 7, 256},
      {RIO_SO_DSCP, 0, 46, 64},
      {RIO_SO_REUSEADDR, 0, 1, 2},
      {RIO_SO_NODELAY, 1, 0, 2},
      {RIO_SO_KEEPALIVE_S, 0, 30, 1ull << 40},
      {RIO_SO_KEEPALIVE_INTERVAL_S, 75, 5, 1ull << 40},
      {RIO_SO_KEEPALIVE_COUNT, 9, 3, 1ull << 40},
      {RIO_SO_USER_TIMEOUT_MS, 900'000, 1500, 1ull << 40},
      {RIO_SO_LINGER_0, 0, 1, 2},
      {RIO_SO_DELAYED_ACK_US, 0, 40'000, 500'000},
      {RIO_SO_RECEIVE_BUFFER, 262'144, 65'536, 1ull << 30},
      {RIO_SO_MAXSEG, 0, 536, 63},
      {RIO_SO_CONGESTION, 2, 1, 3},
      {RIO_SO_FIN_WAIT_2_S, 60, 5, 1ull << 40},
      {RIO_SO_CONNECT_TIMEOUT_MS, 180'000, 2000, 1ull << 40},
  };
  StreamBed bed({.receives = 0, .sends = 0});
  const auto get = [&](uint32_t option) {
    const rio_control m = bed.ask(RIO_CTL_GETSOCKOPT, bed.socket, option);
    EXPECT_EQ(m.status, 0) << option;
    return m.size;
  };
  for (const OptionCase& c : cases) {
    EXPECT_EQ(get(c.option), c.initially) << c.option;
    EXPECT_EQ(bed.set(c.option, c.good), 0) << c.option;
    EXPECT_EQ(get(c.option), c.good) << c.option;
    EXPECT_EQ(bed.set(c.option, c.bad), -EINVAL) << c.option;
    EXPECT_EQ(get(c.option), c.good) << c.option;
  }
  EXPECT_EQ(get(RIO_SO_STATE), RIO_STATE_CLOSED);
  EXPECT_EQ(bed.set(RIO_SO_STATE, 1), -ENOPROTOOPT);
  EXPECT_EQ(bed.set(RIO_SO_BROADCAST, 1), -ENOPROTOOPT);
  EXPECT_EQ(bed.set(99, 1), -ENOPROTOOPT);
  EXPECT_EQ(bed.set(RIO_SO_KEEPALIVE_S, 0), 0);
  EXPECT_EQ(get(RIO_SO_KEEPALIVE_S), 0u);
}

TEST(StreamConnect, RefusedOnesLeaveTheSocketAsItWas) {
  StreamBed bed({.receives = 0, .sends = 0});
  EXPECT_EQ(bed.app.connect(bed.socket, {ipv4(255, 255, 255, 255), 80}).status, -EACCES);
  EXPECT_EQ(bed.app.connect(bed.socket, {ipv4(224, 0, 0, 1), 80}).status, -EACCES);
  fake_tcp().connect_answer = -ENETUNREACH;
  EXPECT_EQ(bed.connect(), -ENETUNREACH);
  EXPECT_EQ(bed.connect(), -EINPROGRESS);
  EXPECT_EQ(bed.connect(), -EALREADY);
  fake_tcp().connected(*bed.sk);
  EXPECT_EQ(bed.app.connect(bed.socket, kServer).status, -EISCONN);
  EXPECT_EQ(bed.ask(RIO_CTL_CONNECT_STATUS, bed.socket).status, 0);
}

}  // namespace
}  // namespace pinion::testing
