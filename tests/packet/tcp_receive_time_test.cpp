// The time of a receive of a stream (rio.h): when the network brought the last of its bytes, by the
// NIC where it says so, else when its frame was found there; whenever the receive was posted.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

struct TimedBed : TcpBed {
  TimedBed() : TcpBed(TcpState::established) {}
  // At `at` by the NIC's clock; 0: it does not say.
  void data(uint32_t from, uint32_t length, Nanos at) {
    const Seg seg{.flags = kAck | kPsh, .seq = 1 + from, .data = stream_bytes(from, length)};
    peer.queues(remote.frame(seg)).hw_time = at;
  }
  void expects_time(Nanos at, uint8_t source, uint32_t bytes) {
    const rio_abi_completion c = socket->expects_completion();
    EXPECT_EQ(c.bytes, bytes);
    EXPECT_EQ(c.time_ns, static_cast<uint64_t>(at));
    EXPECT_EQ(c.time_source, source);
  }
};

TEST(TcpReceiveTime, IsTheNicsOrOfTheBurst) {
  TimedBed bed;
  bed.socket->receive(1), bed.socket->receive(2);
  bed.peer.poll();
  const Nanos at = bed.peer.now;
  bed.data(0, 10, at - 700);
  bed.data(10, 10, 0);
  bed.peer.port.burst_at = at + 40;
  bed.peer.poll();
  bed.expects_time(at - 700, RIO_TIME_HARDWARE, 10);
  bed.expects_time(at + 40, RIO_TIME_SOFTWARE, 10);
  bed.remote.take_all();
}

TEST(TcpReceiveTime, IsOfTheArrivalNotOfTheReceive) {
  TimedBed bed;
  const Nanos at = bed.peer.now;
  bed.data(0, 10, at - 700);
  bed.peer.poll();
  bed.wait(kMilli);
  bed.socket->receive(1);
  bed.peer.poll();
  bed.expects_time(at - 700, RIO_TIME_HARDWARE, 10);
  bed.remote.take_all();
}

// Of a receive that several segments fill, the last one's.
TEST(TcpReceiveTime, IsOfTheLastByte) {
  TimedBed bed;
  bed.socket->receive(1, 20, RIO_WAITALL);
  bed.peer.poll();
  const Nanos at = bed.peer.now;
  bed.data(0, 10, at - 900);
  bed.peer.poll();
  bed.socket->expects_no_completion();
  bed.data(10, 10, at - 100);
  bed.peer.poll();
  bed.expects_time(at - 100, RIO_TIME_HARDWARE, 20);
  bed.remote.take_all();
}

// Bytes that wait behind a gap can be had when it is filled, and not sooner.
TEST(TcpReceiveTime, BehindAGapIsOfWhatFillsIt) {
  TimedBed bed;
  bed.socket->receive(1, 10), bed.socket->receive(2, 10), bed.socket->receive(3, 10);
  bed.peer.poll();
  const Nanos at = bed.peer.now;
  bed.data(10, 10, at - 900);
  bed.peer.poll();
  bed.socket->expects_no_completion();
  bed.data(0, 10, at - 100);
  bed.peer.poll();
  bed.expects_time(at - 100, RIO_TIME_HARDWARE, 10);
  bed.expects_time(at - 100, RIO_TIME_HARDWARE, 10);
  bed.data(20, 10, at - 50);
  bed.peer.poll();
  bed.expects_time(at - 50, RIO_TIME_HARDWARE, 10);
  bed.remote.take_all();
}

}  // namespace
}  // namespace pinion::testing
