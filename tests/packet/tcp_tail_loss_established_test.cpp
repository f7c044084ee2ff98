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

// Makes the round trip 10 ms.
void measure(TcpBed& bed) {
  for (uint32_t i = 0; i < 8; ++i) {
    bed.socket->send("m", 100 + i);
    bed.wait(10 * kMilli);
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

TEST(TcpRecovery, RackMarksWhatIsOlder) {
  TcpBed bed(TcpState::established, probing());
  measure(bed);
  bed.socket->send(stream_bytes(0, 2 * kMss), 1);
  bed.peer.poll(3);
  bed.remote.expects_data(9, 9 + 2 * kMss, kMss);
  bed.wait(10 * kMilli);
  const uint32_t base = bed.remote.irs + 9;
  bed.remote.sends({.seq = 1, .ack = 9,
                    .options = kNop + kNop + sack({{base + kMss, base + 2 * kMss}})});
  bed.wait(40 * kMilli);
  const std::vector<Seg> again = bed.remote.take_all();
  ASSERT_EQ(again.size(), 1u) << "one ACK is enough: no three duplicates are to be had";
  EXPECT_EQ(again[0].seq, 9u);
}

}  // namespace
}  // namespace pinion::testing
