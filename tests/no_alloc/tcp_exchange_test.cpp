// A TCP exchange allocates nothing: two kernels, over a link that loses and reorders, connect, send
// both ways, close and reset, while every allocation in Kernel::poll aborts the process.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <utility>

#include "no_alloc/outside_port.h"
#include "support/raw_app.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kQuota = 8, kSendBytes = 6000, kReceiveBytes = 4000, kRounds = 24;
constexpr uint32_t kReceivesAt = RawApp::kDataBytes / 2;

// A kernel, its application, and one connection after the other.
struct End {
  OutsidePort port;
  Kernel kernel;
  RawApp app;
  RawCq cq;
  uint32_t socket = 0;
  RawRq rq;
  uint32_t receives = 0;  // posted
  uint64_t received = 0, completions = 0;

  End(Mac mac, Ipv4 ip, Mac peer_mac, Ipv4 peer, Nanos now)
      : port(mac),
        kernel(config(port, ip, peer_mac, peer)),
        app(kernel, 0, now),
        cq(app.create_cq(4 * kQuota)) {}

  static KernelConfig config(OutsidePort& port, Ipv4 ip, Mac peer_mac, Ipv4 peer) {
    KernelConfig c;
    c.net.interfaces = {{.name = "nic0", .port = &port, .addresses = {{ip, 24}}}};
    c.net.neighbours = {{.address = peer, .mac = peer_mac}};
    c.net.tcp.connections_max = 8;  // fewer than there will be: TIME-WAIT gives way
    c.net.tcp.receive_bytes = 16 * 1024;
    c.hooks.signal = [](void*, uint32_t, int) {};
    c.hooks.barrier = [](void*, uint32_t) {};
    return c;
  }
  rio_control ask(uint16_t opcode, uint32_t handle, uint32_t a = 0, uint64_t size = 0) {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
    m.handle = handle, m.a = a, m.size = size;
    return app.call(m);
  }
  void use(uint32_t handle, uint32_t flags) {
    socket = handle;
    rq = app.create_rq(handle, cq, cq, {.receives = kQuota, .sends = kQuota, .flags = flags});
  }
  void post_receives() {
    for (; receives < kQuota; ++receives) app.receive(rq, kReceivesAt, kReceiveBytes, 1);
  }
  void poll(Nanos now) {
    app.set_now(now);
    {
      const NoAllocation here;
      kernel.poll(now);
    }
    for (const rio_abi_completion& c : app.dequeue_all(cq)) {
      ++completions;
      if ((c.flags & RIO_CF_OPCODE_MASK) == RIO_OP_RECEIVE) --receives, received += c.bytes;
    }
  }
};

class TcpExchange : public ::testing::Test {
 protected:
  void carry(End& from, End& to) {
    Packet late;
    for (Packet& frame : from.port.port.take_sent()) {
      if (++frames_ % 17 == 0) continue;  // lost
      if (frames_ % 5 == 0 && late.empty()) late = std::move(frame);
      else to.port.port.receive(frame);
    }
    if (!late.empty()) to.port.port.receive(late);
  }
  void run(int passes) {
    for (; passes > 0; --passes) {
      now_ += 200 * kMicro;
      client_.poll(now_), server_.poll(now_);
      carry(client_, server_), carry(server_, client_);
    }
  }
  // Until the condition holds.
  template <class Condition>
  void run_until(Condition condition) {
    for (int i = 0; i < 20'000; ++i) {
      if (condition()) return;
      run(1);
    }
    FAIL();
  }
  void exchange(uint32_t round);

  Nanos now_ = kSecond;
  uint64_t frames_ = 0;
  End client_{kPeerMac, kPeerIp, kOurMac, kOurIp, now_};
  End server_{kOurMac, kOurIp, kPeerMac, kPeerIp, now_};
  uint32_t listener_ = 0;
};

void TcpExchange::exchange(uint32_t round) {
  const uint32_t flags = round % 2 == 0 ? 0u : RIO_RQ_COPIED;
  client_.use(client_.app.stream_socket(), flags);
  ASSERT_EQ(client_.app.connect(client_.socket, {kOurIp, kOurPort}).status, -EINPROGRESS);
  for (uint32_t i = 0; i < kQuota; ++i)
    client_.app.send(client_.rq, i * 100, kSendBytes, {}, 2, i % 3 == 0 ? RIO_DEFER : 0);
  rio_control accepted{};
  run_until([&] { return (accepted = server_.ask(RIO_CTL_ACCEPT, listener_)).status == 0; });
  server_.use(accepted.handle2, flags);
  if (round % 4 == 3) run(100);  // a slow reader: the window closes
  for (uint32_t i = 0; i < kQuota; ++i) server_.app.send(server_.rq, i * 100, kSendBytes, {}, 3);
  const uint64_t all = uint64_t{kQuota} * kSendBytes * (round + 1);
  run_until([&] {
    server_.post_receives(), client_.post_receives();
    return server_.received == all && client_.received == all;
  });
  const bool reset = round % 6 == 5;
  if (reset) client_.ask(RIO_CTL_SETSOCKOPT, client_.socket, RIO_SO_LINGER_0, 1);
  else client_.ask(RIO_CTL_SHUTDOWN, client_.socket);
  run(round % 3 == 0 ? 100 : 1);
  EXPECT_EQ(client_.ask(RIO_CTL_SOCKET_CLOSE, client_.socket).status, 0);
  run(50);
  EXPECT_EQ(server_.ask(RIO_CTL_SOCKET_CLOSE, server_.socket).status, 0);
  run(500);
}

TEST_F(TcpExchange, PollAllocatesNothing) {
  listener_ = server_.app.stream_socket();
  ASSERT_EQ(server_.app.bind(listener_, {kOurIp, kOurPort}).status, 0);
  ASSERT_EQ(server_.ask(RIO_CTL_LISTEN, listener_, 8).status, 0);
  for (uint32_t round = 0; round < kRounds && !HasFatalFailure(); ++round) exchange(round);
  now_ += 300 * kSecond;  // everything that time ends
  run(20);
  // All of it did happen.
  const Counters &c = client_.kernel.counters(), &s = server_.kernel.counters();
  EXPECT_EQ(c.tcp_opened, kRounds);
  EXPECT_EQ(s.tcp_accepted, kRounds);
  EXPECT_GT(c.tcp_retransmitted, kRounds);
  EXPECT_GT(s.tcp_retransmitted, 0u);
  EXPECT_GT(c.tcp_resets_sent, 0u);
  EXPECT_GT(c.tcp_time_wait_evicted + s.tcp_time_wait_evicted, 0u);
  EXPECT_GE(client_.completions + server_.completions, 4 * kRounds * kQuota);
  EXPECT_EQ(client_.kernel.net().tcp().tcbs_used(), 0u);
  EXPECT_EQ(server_.kernel.net().tcp().tcbs_used(), 0u);
}

}  // namespace
}  // namespace pinion::testing
