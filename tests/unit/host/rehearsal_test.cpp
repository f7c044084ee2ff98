// What a silent core rehearses: it goes round by both protocols, at its pace, for ever, and what it
// does is seen by nobody.
#include "host/rehearsal.h"

#include <gtest/gtest.h>
#include <rio/rio.hpp>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "wire/eth.h"
#include "wire/ipv4.h"

namespace pinion {
namespace {

constexpr int kGetRegistrations = 1 << 9;  // MEMBARRIER_CMD_GET_REGISTRATIONS

struct FakeTime {
  Nanos now = kSecond;
  Clock clock() {
    return {this, [](void* self) { return static_cast<FakeTime*>(self)->now; }, nullptr};
  }
};

KernelConfig one_session(const Hooks& hooks) {
  KernelConfig c;
  c.server.sessions_max = 1;
  c.hooks = hooks;
  return c;
}

// A core with an application in the same thread, and what it does in silence.
class RehearsalTest : public ::testing::Test {
 protected:
  RehearsalTest() : host_({}), kernel_(one_session(host_.hooks())) {
    host_.attach_kernel(kernel_);
  }
  void SetUp() override {
    std::string why;
    rehearsal_ = Rehearsal::create(kernel_, time_.clock(), why);
    ASSERT_NE(rehearsal_, nullptr) << why;
    ASSERT_EQ(session_.open(host_.transport()), 0) << rio_last_error();
    ASSERT_EQ(cq_.create(session_, 64, 0), 0) << rio_last_error();
    for (rio::Socket& socket : sockets_) {
      ASSERT_EQ(socket.create(session_), 0) << rio_last_error();
      ASSERT_EQ(socket.create_queue(1, 4, cq_, cq_, 0), 0) << rio_last_error();
    }
  }
  void pass(Nanos later) {
    time_.now += later;
    host_.poll(time_.now);
    rehearsal_->after_pass(time_.now);
  }
  void silence(Nanos how_long) {
    for (Nanos end = time_.now + how_long; time_.now < end;) pass(kMicro);
  }
  void request(size_t queue) {
    ASSERT_EQ(rio_nop(sockets_[queue].queue(), 0, queue), 0);
    pass(100);
    rio_result r{};
    ASSERT_EQ(rio_dequeue(cq_.get(), &r, 1), 1);
    ASSERT_EQ(r.status, 0);
    ASSERT_EQ(r.request_context, queue);
    ASSERT_EQ(rio_dequeue(cq_.get(), &r, 1), 0);
  }

  // Beside other tests, which may have been applications.
  const long registered_ = syscall(SYS_membarrier, kGetRegistrations, 0, 0);
  FakeTime time_;
  EmbeddedHost host_;
  Kernel kernel_;
  std::unique_ptr<Rehearsal> rehearsal_;
  rio::Session session_;
  rio::CompletionQueue cq_;
  std::vector<rio::Socket> sockets_ = std::vector<rio::Socket>(10);
};

TEST_F(RehearsalTest, GoesRoundOnceInEachInterval) {
  silence(10 * kMilli);
  const uint64_t before = rehearsal_->rounds();
  EXPECT_GT(before, 0u);  // the connection stands
  silence(100 * Rehearsal::kEvery);
  EXPECT_GE(rehearsal_->rounds() - before, 95u);
  EXPECT_LE(rehearsal_->rounds() - before, 101u);
}

TEST_F(RehearsalTest, ABusyCoreDoesNot) {
  silence(kMilli);
  request(0);
  const uint64_t before = rehearsal_->rounds();
  for (int i = 0; i < 100; ++i) {
    silence(Rehearsal::kEvery - 10 * kMicro);
    request(0);
  }
  EXPECT_EQ(rehearsal_->rounds(), before);
}

// Who registers for membarrier can be interrupted by any process: an application must, no core may.
TEST_F(RehearsalTest, TheProcessIsNotRegisteredForMembarrier) {
  if (registered_ < 0) GTEST_SKIP() << "Linux before 6.3 does not tell";
  EXPECT_EQ(syscall(SYS_membarrier, kGetRegistrations, 0, 0), registered_);
}

TEST_F(RehearsalTest, AfterALongSilenceOfItsOwnItGoesOn) {
  silence(kMilli);
  const uint64_t before = rehearsal_->rounds();
  for (int hour = 0; hour < 48; ++hour) pass(3600 * kSecond);
  silence(10 * kMilli);
  EXPECT_GT(rehearsal_->rounds(), before + 100);
}

TEST_F(RehearsalTest, GoesOnThroughManyRounds) {  // numbers of the stream, rings, identifications
  constexpr uint64_t kRounds = 100'000;
  while (rehearsal_->rounds() < kRounds) {
    const uint64_t before = rehearsal_->rounds();
    silence(1000 * Rehearsal::kEvery);
    ASSERT_GT(rehearsal_->rounds(), before + 900);
  }
}

TEST_F(RehearsalTest, TheRealCoreAnswersAsEverAndCountsNothingOfIt) {
  for (size_t i = 0; i < 1000; ++i) {
    silence(100 * kMicro);
    request(i % sockets_.size());
  }
  sockets_[3] = {}, sockets_[9] = {};  // queues that are polled go away
  silence(10 * kMilli);
  request(0);
  EXPECT_EQ(kernel_.counters().udp_sent, 0u);
  EXPECT_EQ(kernel_.counters().tcp_sent, 0u);
  EXPECT_EQ(kernel_.server().usage().sockets, sockets_.size() - 2);
}

TEST(MirrorPortTest, SendsBackWhatIsForItsNeighbour) {
  MirrorPort port;
  Frame* frame = nullptr;
  ASSERT_EQ(port.alloc({&frame, 1}), 1u);
  std::byte* packet = frame->append(sizeof(EthHdr) + sizeof(Ipv4Hdr) + 8);
  std::memset(packet, 0, frame->length);
  eth_emit({MirrorPort::kNeighbour, MirrorPort::kOurs, kEthTypeIpv4, {}}, frame->bytes());
  Ipv4Header header;
  header.total_length = sizeof(Ipv4Hdr) + 8, header.ttl = 1, header.protocol = kProtocolUdp;
  header.source = Ipv4{0x0a000001}, header.destination = Ipv4{0x0a000002};
  ipv4_emit(header, frame->bytes().subspan(sizeof(EthHdr)));
  ASSERT_EQ(port.tx_burst({&frame, 1}), 1u);
  Frame* back = nullptr;
  ASSERT_EQ(port.rx_burst({&back, 1}), 1u);
  EthPacket eth;
  Ipv4Packet ip;
  ASSERT_EQ(eth_parse(back->bytes(), eth), Drop::none);
  EXPECT_EQ(eth.dst, MirrorPort::kOurs);
  EXPECT_EQ(eth.src, MirrorPort::kNeighbour);
  ASSERT_EQ(ipv4_parse(eth.payload, ip), Drop::none);  // its checksum holds
  EXPECT_EQ(ip.header.source, header.destination);
  EXPECT_EQ(ip.header.destination, header.source);
  port.free({&back, 1});
}

TEST(MirrorPortTest, AnythingElseIsGoneAndNoFrameIsLost) {
  MirrorPort port;
  for (int i = 0; i < 100; ++i) {
    Frame* frame = nullptr;
    ASSERT_EQ(port.alloc({&frame, 1}), 1u);
    std::memset(frame->append(60), 0xff, 60);
    if (i % 2 == 0) frame->length = static_cast<uint32_t>(i) % 34;
    ASSERT_EQ(port.tx_burst({&frame, 1}), 1u);
    ASSERT_EQ(port.rx_burst({&frame, 1}), 0u);
  }
}

}  // namespace
}  // namespace pinion
