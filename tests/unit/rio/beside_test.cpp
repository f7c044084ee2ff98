// ARCHITECTURE.md 5.6 for whole exchanges, in the deterministic host: whatever another application
// does for ever, each request of the bystander (a nop, a datagram out and back, bytes of a
// connection out and back) completes within two passes of its quiet run.
#include <cerrno>

#include "base/rng.h"
#include "support/beside.h"

namespace pinion::testing {
namespace {

// Another application with a few of everything.
struct Rival {
  Beside& b;
  RawApp app;
  RawCq cq;
  RawRq rq;
  uint64_t posted = 0;

  explicit Rival(Beside& beside, SessionQuota quota = Beside::small(), uint32_t sends = 512)
      : b(beside), app(beside.bed.kernel, 1, beside.bed.now, quota), cq(app.create_cq(sends + 16)) {
    rq = app.create_rq(app.socket(), cq, cq, {.receives = 16, .sends = sends});
  }
  // Keeps the ring full of sends to where `to` says.
  template <class To>
  void saturate(uint32_t length, const To& to) {
    app.dequeue_all(cq);
    while (posted - cq.position < 500) app.send(rq, 0, length, to(posted), posted), ++posted;
  }
  rio_control ask(uint16_t opcode, uint32_t handle, uint32_t a = 0, uint64_t size = 0) {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
    m.handle = handle, m.a = a, m.size = size;
    return app.call(m);
  }
};

TEST(BesideARival, A38SendsOfTheLargestSize) {
  Beside b;
  Rival rival(b);
  b.is_well([&] { rival.saturate(1472, [](uint64_t) { return Endpoint{kPeer, 7}; }); });
}

TEST(BesideARival, A38SendsThatAreTooLarge) {
  Beside b;
  Rival rival(b);
  b.is_well([&] { rival.saturate(65000, [](uint64_t) { return Endpoint{kPeer, 7}; }); });
}

// Each to another neighbour, none of which answers; time goes on, so that questions are repeated.
TEST(BesideARival, A36A38SendsToTheWholeNetwork) {
  Beside b;
  Rival rival(b);
  b.is_well(
      [&] {
        rival.saturate(64, [](uint64_t n) {
          return Endpoint{Ipv4{kOurs.v + 2 + static_cast<uint32_t>(n % 250)}, 7};
        });
      },
      200);
}

TEST(BesideARival, A36SendsWithoutARoute) {
  Beside b;
  Rival rival(b);
  b.is_well([&] {
    rival.saturate(64, [](uint64_t n) {
      return Endpoint{Ipv4{kFar.v + static_cast<uint32_t>(n)}, 7};
    });
  });
}

// One cold call a pass is what a host takes: each time the dearest, a connect and its abort.
TEST(BesideARival, A38ConnectAndAbortForEver) {
  Beside b;
  Rival rival(b);
  uint32_t socket = 0;
  uint64_t turn = 0, connected = 0;
  b.is_well(
      [&] {
        rival.saturate(1472, [](uint64_t) { return Endpoint{kPeer, 7}; });
        if (turn++ % 2 == 0) {
          socket = rival.app.stream_socket();
          rival.ask(RIO_CTL_SETSOCKOPT, socket, RIO_SO_LINGER_0, 1);
          const int status = rival.app.connect(socket, {kPeer, 9}).status;
          connected += status == -EINPROGRESS;
        } else {
          EXPECT_EQ(rival.ask(RIO_CTL_SOCKET_CLOSE, socket).status, 0);
        }
      },
      200);
  EXPECT_GT(connected, 100u);
}

// Connections that meet themselves too; then their peer is silent, and all of them have as much
// under way as they take.
TEST(BesideARival, A38ManyStreamsThatSend) {
  Beside b;
  b.all_comes_back = true;
  Rival rival(b);
  RawCq cq = rival.app.create_cq(1024);
  std::vector<RawRq> queues;
  for (int i = 0; i < 32; ++i) {
    const uint32_t socket = rival.app.stream_socket();
    EXPECT_EQ(rival.app.connect(socket, {kPeer, static_cast<uint16_t>(1000 + i)}).status,
              -EINPROGRESS);
    queues.push_back(
        rival.app.create_rq(socket, cq, cq, {.receives = 8, .sends = 8, .flags = RIO_RQ_COPIED}));
  }
  for (int i = 0; i < 50; ++i) b.pass();
  b.all_comes_back = false;
  uint64_t left = 0;
  b.is_well([&] {
    left = std::max<uint64_t>(left, b.bed.kernel.counters().tx_frames);
    rival.app.dequeue_all(cq);
    for (RawRq& rq : queues)
      if (rq.position - rival.cq.position < 8) rival.app.send(rq, 0, 60000, {}, 1);
    b.bed.now += kMilli;  // their retransmissions become due
  });
  EXPECT_GT(left, 32u * 10);  // an initial window of each
}

TEST(BesideARival, A25NothingIsEverDequeued) {
  Beside b;
  Rival rival(b);
  b.is_well([&] {
    for (int i = 0; i < 8; ++i) rival.app.send(rival.rq, 0, 64, Endpoint{kPeer, 7}, 1);
  });
}

TEST(BesideARival, A06GarbageAndScribbles) {
  Beside b;
  Rival rival(b);
  Rng rng(6);
  b.is_well(
      [&] {
        for (int i = 0; i < 64; ++i) {
          const size_t at = rng.next() % rival.app.ring_used();
          rival.app.region()[at] = static_cast<std::byte>(rng.next());
        }
        rival.app.ring(static_cast<uint32_t>(rng.next() % 4096));
        for (int i = 0; i < 4; ++i) {
          rio_abi_request slot{};
          auto* bytes = reinterpret_cast<std::byte*>(&slot);
          for (size_t k = 0; k < sizeof slot; ++k) bytes[k] = static_cast<std::byte>(rng.next());
          rival.app.post(rival.rq, slot);
        }
      },
      200);
}

// A36: all sockets, ports and listeners of its quota. As many are there for the next one.
TEST(BesideARival, A36SocketsPortsAndListenersOfTheOther) {
  SessionQuota quota = Beside::small();
  quota.sockets_max = 100;
  NetConfig net;
  net.udp_sockets_max = 256;
  Beside b({.sockets_max = 256, .work_units_max = Beside::kUnitsMax}, net);
  Rival rival(b, quota);
  const auto take_all = [](RawApp& app, uint32_t already, uint16_t first) {
    uint32_t made = already;
    for (uint16_t port = first; made < 100; ++port, ++made) {
      const bool stream = port % 2 != 0;
      const uint32_t socket = stream ? app.stream_socket() : app.socket();
      EXPECT_EQ(app.bind(socket, {kOurs, port}).status, 0) << port;
      rio_control m{};
      m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_LISTEN, m.handle = socket;
      m.a = UINT32_MAX;  // a backlog
      if (stream) {
        EXPECT_EQ(app.call(m).status, 0);
      }
    }
    rio_control more{};
    more.magic = RIO_CONTROL_MAGIC, more.opcode = RIO_CTL_SOCKET;
    more.a = RIO_FAMILY_IPV4, more.b = RIO_TYPE_DATAGRAM;
    EXPECT_EQ(app.call(more).status, -ENOSPC);
  };
  take_all(rival.app, 1, 1000);
  b.is_well([] {});
  RawApp third(b.bed.kernel, 2, b.bed.now, quota);
  take_all(third, 0, 2000);
  EXPECT_EQ(third.end(), 0);
  b.is_well([] {});
}

// A36: as many connections as there are. A share of them is each other session's own, and what
// peers may leave half open (here the other half) is no session's.
TEST(BesideARival, A36ConnectionsOfTheOther) {
  // Half of 256: 16 a session, 64 for whoever comes first.
  Beside b({.sessions_max = 4, .work_units_max = Beside::kUnitsMax});
  Rival rival(b);
  const auto connect_all = [&](RawApp& app, uint32_t most) {
    for (uint32_t n = 0; n < most; ++n) {
      b.pass();  // a host brings at most one cold call a pass
      const int status = app.connect(app.stream_socket(), {kPeer, 9}).status;
      if (status == -EINPROGRESS) continue;
      EXPECT_EQ(status, -ENOBUFS);
      return n;
    }
    return most;
  };
  EXPECT_EQ(connect_all(rival.app, 1000), 16u + 64u);
  RawApp third(b.bed.kernel, 2, b.bed.now);
  EXPECT_EQ(connect_all(third, 1000), 16u);
  EXPECT_EQ(b.app.connect(b.app.stream_socket(), {kPeer, 9}).status, -EINPROGRESS);
  b.is_well([] {});
  EXPECT_EQ(rival.app.end(), 0);
  EXPECT_EQ(connect_all(third, 1000), 64u);
}

// A23: another session sends from its memory for ever, so the NIC always holds some of it. That
// does not keep one that has ended.
TEST(BesideARival, A23ASenderKeepsNobodyFromEnding) {
  Beside b({.work_units_max = Beside::kUnitsMax, .copy_bytes = 512}, {}, true);
  RawApp sender(b.bed.kernel, 1, b.bed.now, {}, {.reach = 1});
  RawApp leaver(b.bed.kernel, 2, b.bed.now, {}, {.reach = 1});
  RawCq cq = sender.create_cq(64), other = leaver.create_cq(64);
  RawRq rq = sender.create_rq(sender.socket(), cq, cq, {.receives = 0, .sends = 32});
  RawRq last = leaver.create_rq(leaver.socket(), other, other, {.receives = 0, .sends = 32});
  b.port.reads_late = true;
  const auto pass = [&] {
    sender.dequeue_all(cq);
    sender.send(rq, 0, 1400, Endpoint{kPeer, 7}, 1);
    b.port.let_go();  // of what it took in the pass before
    b.pass();
    EXPECT_GT(b.bed.kernel.net().attached(), 0u);
  };
  pass();
  leaver.send(last, 0, 1400, Endpoint{kPeer, 7}, 1);
  pass();
  KernelMessage end;
  end.op = KernelMessage::Op::session_end, end.session = 2;
  b.bed.kernel.control(end, b.bed.now);
  EXPECT_EQ(end.status, -EINPROGRESS);
  pass(), pass();
  b.bed.kernel.control(end, b.bed.now);
  EXPECT_EQ(end.status, 0);
  b.port.reads_late = false;
  b.port.let_go();
  b.pass(), b.pass();
}

// A42, A23: everything under way, then everything gone, in each order; the NIC reads late. When the
// session has ended nothing refers to its memory any more (AddressSanitizer watches it go).
TEST(BesideARival, A23A42EndsWithTransmitsInFlight) {
  for (int order = 0; order < 3; ++order) {
    Beside b({.work_units_max = Beside::kUnitsMax, .copy_bytes = 1024}, {}, true);
    {
      RawApp app(b.bed.kernel, 1, b.bed.now, {}, {.reach = 1});
      RawCq cq = app.create_cq(256);
      const uint32_t socket = app.socket(), stream = app.stream_socket();
      RawRq rq = app.create_rq(socket, cq, cq, {.receives = 16, .sends = 16});
      EXPECT_EQ(app.connect(stream, {kPeer, 9}).status, -EINPROGRESS);
      RawRq stream_rq = app.create_rq(stream, cq, cq, {.receives = 16, .sends = 16});
      b.all_comes_back = true;
      for (int i = 0; i < 20; ++i) b.pass();
      b.port.reads_late = true;
      for (uint64_t i = 0; i < 16; ++i) {
        app.send(rq, 0, 1400, Endpoint{kPeer, 7}, i), app.receive(rq, 4096, 1400, i);
        app.send(stream_rq, 0, 60000, {}, i), app.receive(stream_rq, 8192, 4096, i);
      }
      b.pass();
      EXPECT_GT(b.bed.kernel.net().attached(), 0u);
      const auto close = [&](uint32_t handle) {
        rio_control m{};
        m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET_CLOSE, m.handle = handle;
        EXPECT_EQ(app.call(m).status, 0);
      };
      if (order >= 1) close(socket);
      if (order >= 2) close(stream);
      KernelMessage end;
      end.op = KernelMessage::Op::session_end, end.session = 1;
      for (int i = 0; i < 3; ++i) {
        b.bed.kernel.control(end, b.bed.now);
        EXPECT_EQ(end.status, -EINPROGRESS);
        b.pass();
      }
      b.port.reads_late = false;
      b.port.let_go();
      for (int i = 0; i < 100 && end.status != 0; ++i)
        b.pass(), b.bed.kernel.control(end, b.bed.now);
      EXPECT_EQ(end.status, 0);
    }
    b.is_well([] {});
    EXPECT_EQ(b.bed.kernel.server().usage().sessions, 1u);
    EXPECT_EQ(b.bed.kernel.server().usage().sockets, 2u);
    EXPECT_EQ(b.bed.kernel.net().attached(), 0u);
  }
}

}  // namespace
}  // namespace pinion::testing
