// W44, RFC 7323 5: a segment whose timestamp is older than the last is answered by an ACK and
// dropped; a RST is not subject to it; after 24 days of silence the old one does not count.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions paws_options() {
  TcpBedOptions options;
  options.syn_options = mss(1460) + timestamps(0x7ffffff0, 0);
  return options;
}

Seg at_time(const TcpBed& bed, uint32_t seq, const std::string& data, uint32_t value) {
  return {.seq = seq, .ack = 1, .data = data,
          .options = kNop + kNop + timestamps(value, bed.remote.ts_echo)};
}

void start_near_the_sign(TcpBed& bed) {  // from 0x7ffffff0 on, across the sign
  bed.remote.ts_ahead = 0x7ffffff0 - static_cast<uint32_t>(bed.peer.now / kMilli);
  bed.reach(TcpState::established);
  bed.socket->receive(1), bed.socket->receive(2);
  bed.peer.poll();
  bed.remote.sends(at_time(bed, 1, "a", 0x80000010));
  bed.remote.expects({.seq = 1, .ack = 2});
  EXPECT_EQ(bed.socket->expects_received(1), "a");
}

TEST(TcpInput, W44OldDuplicateIsNotTaken) {
  TcpBed bed(paws_options());
  start_near_the_sign(bed);
  bed.remote.sends(at_time(bed, 2, "b", 0x8000000f));
  bed.remote.expects({.seq = 1, .ack = 2});
  bed.socket->expects_no_completion();
  bed.remote.sends(at_time(bed, 2, "b", 0x80000010));
  bed.remote.expects({.seq = 1, .ack = 3});
  EXPECT_EQ(bed.socket->expects_received(2), "b");
}

TEST(TcpInput, W44After24DaysItIs) {
  TcpBed bed(paws_options());
  start_near_the_sign(bed);
  bed.wait(25 * 24 * 3600 * kSecond);
  bed.remote.sends(at_time(bed, 2, "b", 0x00000001));
  bed.remote.expects({.seq = 1, .ack = 3});
  EXPECT_EQ(bed.socket->expects_received(2), "b");
}

TEST(TcpInput, W44RstIsNotSubject) {
  TcpBed bed(paws_options());
  start_near_the_sign(bed);
  bed.remote.sends({.flags = kRst, .seq = 2,
                    .options = kNop + kNop + timestamps(1, bed.remote.ts_echo)});
  bed.socket->expects_failed(2, -ECONNRESET);
}

}  // namespace
}  // namespace pinion::testing
