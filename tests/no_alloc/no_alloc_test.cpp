// Kernel::poll allocates nothing after start: a busy mixture of all that it does runs while every
// allocation aborts the process. The control shows that an allocation there would be noticed.
#include <gtest/gtest.h>

#include <vector>

#include "no_alloc/outside_port.h"
#include "support/raw_app.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kSockets = 3, kQuota = 16;
constexpr Ipv4 kSilentIp = ipv4(10, 0, 0, 77);

class Busy : public ::testing::Test {
 protected:
  struct UdpSocket {
    RawCq cq;
    RawRq rq;
  };

  Busy() {
    for (uint32_t i = 0; i < kSockets; ++i) {
      UdpSocket& s = sockets_[i];
      s.cq = app_.create_cq(2 * kQuota, 0, 100 + static_cast<int>(i));
      const uint32_t socket = app_.socket();
      s.rq = app_.create_rq(socket, s.cq, s.cq, {.receives = kQuota, .sends = kQuota});
      EXPECT_EQ(app_.bind(socket, {kOurIp, static_cast<uint16_t>(kOurPort + i)}).status, 0);
    }
  }

  void poll(int passes = 1) {
    for (; passes > 0; --passes) {
      now_ += kMicro;
      const NoAllocation here;
      kernel_.poll(now_);
    }
  }
  // A barrier is answered outside of poll, as a host's control thread does.
  void answer_barriers() {
    for (; barriers_ != 0; barriers_ = 0) {
      KernelMessage m;
      m.op = KernelMessage::Op::barrier_done, m.value = barriers_;
      kernel_.control(m, now_);
    }
  }
  void dequeue() {
    for (UdpSocket& s : sockets_) completions_ += app_.dequeue_all(s.cq).size();
  }
  void receives(const Packet& frame) { port_.port.receive(frame); }
  uint64_t dropped(Drop why) const { return kernel_.counters().dropped(why); }

  void peer_asks_and_echoes();
  void datagrams_both_ways(uint32_t i);
  void deferred_and_nops(uint32_t i);
  void slow_reader(uint32_t i);
  void icmp_errors();
  void unresolved_and_notified(uint32_t i);
  void port_in_trouble();

  KernelConfig config() {
    KernelConfig c;
    c.net.interfaces = {{.name = "nic0", .port = &port_, .addresses = {{kOurIp, 24}}}};
    c.net.udp_sockets_max = 16;
    c.server.sessions_max = 2;
    c.server.hot_queues_max = 2;  // of three: one is always made cold
    c.server.udp_backlog_max = 4;
    c.hooks.self = this;
    c.hooks.signal = [](void* self, uint32_t, int) { ++static_cast<Busy*>(self)->signals_; };
    c.hooks.barrier = [](void* self, uint32_t value) {
      static_cast<Busy*>(self)->barriers_ = value, ++static_cast<Busy*>(self)->coolings_;
    };
    return c;
  }

  OutsidePort port_{kOurMac};
  Nanos now_ = kSecond;
  uint32_t signals_ = 0, barriers_ = 0, coolings_ = 0;
  size_t completions_ = 0;
  Kernel kernel_{config()};
  RawApp app_{kernel_, 0, now_};
  UdpSocket sockets_[kSockets];
};

void Busy::peer_asks_and_echoes() {
  receives(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
  receives(frame_of(IcmpSegment{.data = "are you there?"}));
  receives(frame_of(UdpSegment{.ip = {.ttl = 1, .options = std::string(4, '\1')},
                               .udp = {.dst = 9999}}));  // nobody there: an ICMP error of ours
  poll();
}

void Busy::datagrams_both_ways(uint32_t i) {
  UdpSocket& s = sockets_[i % kSockets];
  app_.receive(s.rq, 0, 2048, 1);
  app_.send(s.rq, 0, 1400, Endpoint{kPeerIp, kPeerPort}, 2);
  const auto port = static_cast<uint16_t>(kOurPort + i % kSockets);
  receives(frame_of(UdpSegment{.udp = {.dst = port}, .data = std::string(600, 'x')}));
  poll(2);
}

void Busy::deferred_and_nops(uint32_t i) {
  UdpSocket& s = sockets_[i % kSockets];
  for (int k = 0; k < 4; ++k) app_.send(s.rq, 0, 80, Endpoint{kPeerIp, kPeerPort}, 3, RIO_DEFER);
  app_.nop(s.rq, 4, RIO_DEFER);
  poll();
  if (i % 2 == 0) app_.commit(s.rq);
  else now_ += kMilli;  // defer_max starts them
  poll(2);
}

// Datagrams that wait, more than may, and then the receives that take them.
void Busy::slow_reader(uint32_t i) {
  UdpSocket& s = sockets_[i % kSockets];
  const auto port = static_cast<uint16_t>(kOurPort + i % kSockets);
  for (int k = 0; k < 6; ++k)
    receives(frame_of(UdpSegment{.udp = {.dst = port}, .data = std::string(1472, 'y')}));
  poll();
  for (int k = 0; k < 6; ++k) app_.receive(s.rq, 4096, 100, 5);
  poll();
  for (int k = 0; k < 2; ++k) receives(frame_of(UdpSegment{.udp = {.dst = port}, .data = "short"}));
  poll();
}

void Busy::icmp_errors() {
  const UdpSegment ours{.ip = {.src = kOurIp, .dst = kPeerIp},
                        .udp = {.src = kOurPort, .dst = kPeerPort}};
  receives(frame_of(IcmpSegment{.icmp = {.type = 3, .code = 3}, .data = packet_of(ours)}));
  receives(frame_of(IcmpSegment{.icmp = {.type = 3, .code = 3}, .data = "not a quote"}));
  receives(cut(frame_of(IcmpSegment{}), 40));
  receives(frame_of(Ipv4Segment{}));
  poll();
}

// A neighbour that never answers: requests, parked frames, failure; and a signal asked for.
void Busy::unresolved_and_notified(uint32_t i) {
  UdpSocket& s = sockets_[i % kSockets];
  rio_word_store(&s.cq.header->consumed, s.cq.position);
  app_.ring(s.cq.doorbell);
  for (int k = 0; k < 3; ++k) app_.send(s.rq, 0, 64, Endpoint{kSilentIp, 9}, 6);
  for (int k = 0; k < 8; ++k) {
    poll();
    now_ += kSecond;
  }
}

void Busy::port_in_trouble() {
  UdpSocket& s = sockets_[0];
  port_.port.tx_accepts = 0;
  app_.send(s.rq, 0, 64, Endpoint{kPeerIp, kPeerPort}, 7);
  poll(2);
  port_.port.link_is_up = false;
  now_ += kSecond;
  poll(2);
  port_.port.link_is_up = true, port_.port.tx_accepts = SIZE_MAX;
  now_ += kSecond;
  poll(2);
}

TEST_F(Busy, PollAllocatesNothing) {
  for (uint32_t i = 0; i < 60; ++i) {
    peer_asks_and_echoes();
    datagrams_both_ways(i);
    deferred_and_nops(i);
    slow_reader(i);
    icmp_errors();
    if (i % 4 == 0) unresolved_and_notified(i);
    if (i % 8 == 0) port_in_trouble();
    answer_barriers();
    dequeue();
  }
  // All of it did happen.
  const Counters& c = kernel_.counters();
  EXPECT_GT(c.udp_received, 100u);
  EXPECT_GT(c.udp_sent, 100u);
  EXPECT_GT(c.arp_requests_sent, 10u);
  EXPECT_GT(c.arp_replies_sent, 10u);
  EXPECT_GT(c.icmp_echo_replies, 10u);
  EXPECT_GT(c.icmp_errors_received, 10u);
  EXPECT_GT(c.icmp_errors_sent, 10u);
  for (const Drop why : {Drop::tx_neighbour_failed, Drop::udp_backlog_full, Drop::tx_link_down,
                         Drop::icmp_quote, Drop::ipv4_total_length, Drop::ipv4_protocol})
    EXPECT_GT(dropped(why), 0u) << drop_name(why);
  EXPECT_GT(coolings_, 10u);
  EXPECT_GT(signals_, 5u);
  EXPECT_GT(completions_, 500u);
}

// The control: each way to allocate is noticed.
void* volatile kept;
TEST(NoAllocationDeathTest, AnAllocationAborts) {
  const auto forbidden = [](auto allocate) {
    const NoAllocation here;
    kept = allocate();
  };
  const char* said = "allocation while none is allowed";
  EXPECT_DEATH(forbidden([] { return operator new(8); }), said);
  EXPECT_DEATH(forbidden([] { return std::malloc(8); }), said);
  EXPECT_DEATH(forbidden([] { return std::calloc(8, 8); }), said);
  EXPECT_DEATH(forbidden([] { return std::realloc(nullptr, 8); }), said);
  EXPECT_DEATH(forbidden([] { return std::aligned_alloc(64, 64); }), said);
  void* block = std::malloc(8);
  EXPECT_DEATH(forbidden([&] { return std::free(block), block; }), said);
  std::free(block);
}

}  // namespace
}  // namespace pinion::testing
