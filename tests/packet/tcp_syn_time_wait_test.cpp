// A SYN in TIME-WAIT (RFC 9293 3.6.1 MAY-2, RFC 6191): a newer one opens the next connection, if
// somebody listens; any other is answered by an ACK (RFC 5961 4.2).
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W64NewerSynTimeWait) {
  TcpBed bed(TcpState::time_wait);
  TcpEnd next(bed.peer);
  next.iss = bed.remote.iss + 100'000;
  next.sends({.flags = kSyn, .options = mss(1460)});
  next.expects({.flags = kSyn | kAck, .ack = 1});
  next.sends({.seq = 1, .ack = 1});
  EXPECT_TRUE(bed.listener->accept().has_value());
  // The numbers of the new one do not overlap those of the old.
  EXPECT_GT(static_cast<int32_t>(next.irs - bed.remote.irs), 2);
}

TEST(TcpInput, W64OlderSynTimeWait) {
  answered_by_ack(TcpState::time_wait, {.flags = kSyn, .seq = 0xffff0000});
}

// It opens nothing, so it must not end TIME-WAIT either.
TEST(TcpInput, W64NewerSynFinTimeWait) {
  answered_by_ack(TcpState::time_wait, {.flags = kSyn | kFin, .seq = 100'000});
}

TEST(TcpInput, SynWithoutAListenerTimeWait) {
  TcpBedOptions options;
  options.active = true;
  TcpBed bed(TcpState::time_wait, options);
  bed.remote.sends({.flags = kSyn, .seq = 100'000, .options = mss(1460)});
  for (const Seg& seg : bed.remote.take_all()) EXPECT_EQ(seg.flags & kSyn, 0);
}

// RFC 6191 2: with timestamps, a greater one is enough, whatever the number.
TEST(TcpInput, SynWithNewerTimestampTimeWait) {
  TcpBedOptions options;
  options.syn_options = mss(1460) + timestamps(5, 0);
  TcpBed bed(TcpState::time_wait, options);
  TcpEnd next(bed.peer);
  next.iss = bed.remote.iss - 100'000;
  next.sends(
      {.flags = kSyn, .options = mss(1460) + timestamps(bed.remote.ts_now() + 1'000'000, 0)});
  next.expects({.flags = kSyn | kAck, .ack = 1});
}

}  // namespace
}  // namespace pinion::testing
