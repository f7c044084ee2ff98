// RFC 8985 7: the last segment of a flight is lost, and no ACK comes that could tell. A probe
// after two round trips, long before the timeout; and RACK: what was sent before something that
// has arrived, and a quarter of a round trip longer ago, is lost.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions probing() {
  TcpBedOptions options;
  options.syn_options = mss(1460) + sack_permitted();
  options.peer.net.tcp.min_rto = kSecond;
  return options;
}

void measure(TcpBed& bed, Nanos round_trip = 10 * kMilli) {
  for (uint32_t i = 0; i < 8; ++i) {
    bed.socket->send("m", 100 + i);
    bed.wait(round_trip);
    bed.remote.expects({.seq = 1 + i, .data = "m"});
    bed.remote.sends({.seq = 1, .ack = 2 + i});
    bed.socket->expects_sent(100 + i);
  }
}

TEST(TcpRecovery, ProbeOfTheTail) {
  TcpBed bed(TcpState::established, probing());
  measure(bed);
  bed.socket->send(stream_bytes(0, 3 * kMss), 1);
  bed.peer.poll(3);
  bed.remote.expects_data(9, 9 + 3 * kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 9 + 2 * kMss});
  bed.wait(600 * kMilli);
  const std::vector<Seg> probes = bed.remote.take_all();
  ASSERT_GE(probes.size(), 1u) << "nothing before the timeout of a second";
  EXPECT_EQ(probes[0].seq, 9 + 2 * kMss);
  bed.remote.sends({.seq = 1, .ack = 9 + 3 * kMss});
  bed.socket->expects_sent(1);
}

// A peer that holds its ACKs back for longer than the timeout: it gets one segment twice, says so,
// and is waited for from then on.
TEST(TcpRecovery, ADelayedAckIsWaitedForOnceItsPeerHasSaidSo) {
  TcpBedOptions options = probing();
  options.peer.net.tcp.min_rto = 5 * kMilli;
  TcpBed bed(TcpState::established, options);
  measure(bed, kMilli);
  bed.socket->send("a", 1);
  bed.wait(7 * kMilli);
  EXPECT_EQ(bed.remote.take_all().size(), 2u);
  const uint32_t base = bed.remote.irs + 9;
  bed.remote.sends({.seq = 1, .ack = 10, .options = kNop + kNop + sack({{base, base + 1}})});
  bed.socket->expects_sent(1);
  for (uint32_t i = 0; i < 3; ++i) {
    bed.socket->send("b", 2 + i);
    bed.wait(44 * kMilli);
    EXPECT_EQ(bed.remote.take_all().size(), 1u);
    bed.remote.sends({.seq = 1, .ack = 11 + i});
    bed.socket->expects_sent(2 + i);
  }
}

TEST(TcpRecovery, RackMarksWhatIsOlder) {
  TcpBed bed(TcpState::established, probing());
  measure(bed);
  bed.socket->send(stream_bytes(0, 2 * kMss), 1);
  bed.peer.poll(3);
  bed.remote.expects_data(9, 9 + 2 * kMss, kMss);
  bed.wait(10 * kMilli);
  const uint32_t base = bed.remote.irs + 9;
  bed.remote.sends(
      {.seq = 1, .ack = 9, .options = kNop + kNop + sack({{base + kMss, base + 2 * kMss}})});
  bed.wait(40 * kMilli);
  const std::vector<Seg> again = bed.remote.take_all();
  ASSERT_EQ(again.size(), 1u) << "one ACK is enough: no three duplicates are to be had";
  EXPECT_EQ(again[0].seq, 9u);
}

}  // namespace
}  // namespace pinion::testing
