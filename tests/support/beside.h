// Two applications in the deterministic host: a bystander with a datagram socket and a connection,
// both of which meet themselves (what leaves comes back, addresses and ports swapped), and whoever
// else the test opens. Its requests are timed in passes, against a quiet run of the same.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "support/bed.h"
#include "support/memory_port.h"
#include "support/net_bed.h"

namespace pinion::testing {

// How many passes each kind of request of the bystander took.
struct Passes {
  uint32_t nop = 0, datagram_sent = 0, datagram_back = 0, stream_sent = 0, stream_back = 0;
};

struct Beside {
  static constexpr uint32_t kUnitsMax = 256, kBudget = 16;
  static constexpr uint32_t kDatagram = 300, kStream = 700;
  static constexpr Endpoint kThere{kPeer, 9};

  static SessionQuota small() {
    SessionQuota quota;
    quota.requests_per_pass = kBudget;
    return quota;
  }
  static NetConfig net_over(MemoryPort& port, NetConfig net = {}) {
    net.interfaces = {{.name = "eth0", .port = &port, .addresses = {{kOurs, 24}}}};
    net.neighbours = {{kPeer, kPeerMac, 0}};
    net.tcp.connections_max = net.tcp.bound_max = 256;
    net.tcp.segments_max = 4096;
    return net;
  }

  MemoryPort port{kOurMac};
  QueueBed bed;
  RawApp app;  // the bystander
  RawCq cq, stream_cq;
  RawRq rq, stream_rq;
  uint16_t datagram_port = 0, stream_port = 0;
  uint64_t beats = 0;
  Passes quiet;
  bool all_comes_back = false;  // of the others, too

  explicit Beside(ServerConfig server = {.work_units_max = kUnitsMax}, NetConfig net = {},
                  bool attaches = false)
      : bed(server, net_over(attaching(port, attaches), std::move(net))),
        app(bed.kernel, 0, bed.now, {}, {.reach = attaches ? 1u : 0u}),
        cq(app.create_cq(32)),
        stream_cq(app.create_cq(32)) {
    const uint32_t datagram = app.socket(), stream = app.stream_socket();
    datagram_port = app.connect(datagram, kThere).address.port;
    rq = app.create_rq(datagram, cq, cq);
    const rio_control reply = app.connect(stream, kThere);
    EXPECT_EQ(reply.status, -EINPROGRESS);
    stream_port = reply.address.port;
    stream_rq = app.create_rq(stream, stream_cq, stream_cq);
    for (int i = 0; i < 20; ++i) pass();
    for (int i = 0; i < 20; ++i) {
      const Passes p = beat([] {});
      quiet.nop = std::max(quiet.nop, p.nop);
      quiet.datagram_sent = std::max(quiet.datagram_sent, p.datagram_sent);
      quiet.datagram_back = std::max(quiet.datagram_back, p.datagram_back);
      quiet.stream_sent = std::max(quiet.stream_sent, p.stream_sent);
      quiet.stream_back = std::max(quiet.stream_back, p.stream_back);
    }
  }
  static MemoryPort& attaching(MemoryPort& port, bool attaches) {
    if (attaches) port.attach_payloads();
    return port;
  }

  // A pass, what every pass must keep to, and the network behind it.
  void pass() {
    bed.poll();
    EXPECT_LE(bed.kernel.work_units(), kUnitsMax);
    for (std::vector<std::byte>& frame : port.take_sent()) {
      const auto at = [&](size_t i) { return std::to_integer<uint32_t>(frame[i]); };
      if (frame.size() < 42 || at(12) != 8 || at(13) != 0) continue;
      const uint32_t source = at(34) << 8 | at(35);
      if (!all_comes_back && source != datagram_port && source != stream_port) continue;
      std::swap_ranges(frame.begin(), frame.begin() + 6, frame.begin() + 6);
      std::swap_ranges(frame.begin() + 26, frame.begin() + 30, frame.begin() + 30);
      std::swap_ranges(frame.begin() + 34, frame.begin() + 36, frame.begin() + 36);
      port.receive(frame);
    }
  }

  // One of each request; `act` is what the others do before each pass.
  template <class Act>
  Passes beat(const Act& act) {
    constexpr uint64_t kNop = 1, kOut = 2, kIn = 3;
    constexpr uint32_t kInAt = 8192, kStreamAt = 16384, kStreamInAt = 32768;
    const auto mark = static_cast<std::byte>(++beats);
    std::fill_n(app.data(), kDatagram, mark);
    std::fill_n(app.data(kStreamAt), kStream, mark);
    app.receive(rq, kInAt, 2048, kIn);
    app.receive(stream_rq, kStreamInAt, kStream, kIn, RIO_WAITALL);
    app.nop(rq, kNop);
    app.send(rq, 0, kDatagram, {}, kOut);
    app.send(stream_rq, kStreamAt, kStream, {}, kOut);
    Passes took;
    uint32_t left = 5;
    for (uint32_t n = 1; left > 0; ++n) {
      if (n > 1000) {
        ADD_FAILURE() << left << " requests of the bystander wait for ever";
        return took;
      }
      act();
      pass();
      for (const auto& c : app.dequeue_all(cq)) {
        EXPECT_EQ(c.status, 0);
        (c.request_context == kNop   ? took.nop
         : c.request_context == kOut ? took.datagram_sent
                                     : took.datagram_back) = n;
        --left;
      }
      for (const auto& c : app.dequeue_all(stream_cq)) {
        EXPECT_EQ(c.status, 0);
        (c.request_context == kOut ? took.stream_sent : took.stream_back) = n;
        --left;
      }
    }
    const std::byte* const in = app.data(kInAt);
    const std::byte* const stream_in = app.data(kStreamInAt);
    EXPECT_TRUE(std::all_of(in, in + kDatagram, [&](std::byte b) { return b == mark; }));
    EXPECT_TRUE(
        std::all_of(stream_in, stream_in + kStream, [&](std::byte b) { return b == mark; }));
    return took;
  }
  // The rule: each within two passes of its quiet run.
  template <class Act>
  void is_well(const Act& act, int rounds = 50) {
    for (int i = 0; i < rounds && !::testing::Test::HasFailure(); ++i) {
      const Passes p = beat(act);
      EXPECT_LE(p.nop, quiet.nop + 2);
      EXPECT_LE(p.datagram_sent, quiet.datagram_sent + 2);
      EXPECT_LE(p.datagram_back, quiet.datagram_back + 2);
      EXPECT_LE(p.stream_sent, quiet.stream_sent + 2);
      EXPECT_LE(p.stream_back, quiet.stream_back + 2);
    }
  }
};

}  // namespace pinion::testing
