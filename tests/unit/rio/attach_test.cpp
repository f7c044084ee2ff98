// Sends whose payload the port reads from registered memory: which ones, when they complete, and
// that a session's memory stays until the port has let go of it.
#include <gtest/gtest.h>

#include <cerrno>

#include "support/bed.h"
#include "support/memory_port.h"
#include "support/net_bed.h"

namespace pinion::testing {
namespace {

constexpr uint32_t kCopyBytes = 512;

NetConfig net_over(MemoryPort& port) {
  NetConfig net;
  net.interfaces = {{.name = "eth0", .port = &port, .addresses = {{kOurs, 24}}}};
  net.neighbours = {{kPeer, kPeerMac, 0}};
  return net;
}

struct AttachBed {
  MemoryPort port{kOurMac};
  QueueBed bed{{.copy_bytes = kCopyBytes}, net_over(attaching(port))};
  RawApp app{bed.kernel, 0, bed.now, {}, {.reach = 1}};
  RawCq cq = app.create_cq(32);
  RawRq rq = app.create_rq(app.socket(), cq, cq);

  static MemoryPort& attaching(MemoryPort& port) {
    port.attach_payloads();
    port.reads_late = true;
    return port;
  }
  void send(uint32_t length) { app.send(rq, 0, length, Endpoint{kPeer, 5000}, length); }
};

TEST(Attach, LongPayloadsCompleteWhenThePortLetsGo) {
  AttachBed b;
  b.send(kCopyBytes + 1);
  b.bed.poll(3);
  EXPECT_FALSE(b.app.dequeue(b.cq));
  EXPECT_EQ(b.bed.kernel.net().attached(), 1u);
  b.port.let_go();
  b.bed.poll();
  const auto done = b.app.dequeue(b.cq);
  ASSERT_TRUE(done);
  EXPECT_EQ(done->status, 0);
  EXPECT_EQ(done->bytes, kCopyBytes + 1);
}

TEST(Attach, ShortPayloadsAreCopied) {
  AttachBed b;
  b.send(kCopyBytes);
  b.bed.poll();
  EXPECT_EQ(b.bed.kernel.net().attached(), 0u);
  EXPECT_EQ(b.port.take_sent().size(), 1u);
  EXPECT_TRUE(b.app.dequeue(b.cq));
}

TEST(Attach, MemoryThatNoPortReachesIsCopied) {
  AttachBed b;
  RawApp other(b.bed.kernel, 1, b.bed.now);
  RawCq cq = other.create_cq(32);
  RawRq rq = other.create_rq(other.socket(), cq, cq);
  other.send(rq, 0, 1400, Endpoint{kPeer, 5000}, 1);
  b.bed.poll();
  EXPECT_EQ(b.bed.kernel.net().attached(), 0u);
  EXPECT_TRUE(other.dequeue(cq));
}

TEST(Attach, ASessionsMemoryStaysUntilThePortLetsGo) {
  AttachBed b;
  b.send(1400);
  b.bed.poll();
  KernelMessage end;
  end.op = KernelMessage::Op::session_end;
  for (int i = 0; i < 3; ++i) {
    b.bed.kernel.control(end, b.bed.now);
    EXPECT_EQ(end.status, -EINPROGRESS);
    b.bed.poll();
  }
  b.port.let_go();
  b.bed.poll();
  b.bed.kernel.control(end, b.bed.now);
  EXPECT_EQ(end.status, 0);
  EXPECT_EQ(b.bed.kernel.server().usage().requests, 0u);
  EXPECT_EQ(b.port.outstanding(), 0u);
}

}  // namespace
}  // namespace pinion::testing
