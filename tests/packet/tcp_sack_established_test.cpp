// RFC 2018 5, RFC 6675, W45: what the peer has told is not sent again, what it has not, is, and
// nothing is forgotten before it is acknowledged. Blocks that cannot be are ignored.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TcpBedOptions recovering() {
  TcpBedOptions options;
  options.syn_options = mss(1460) + sack_permitted();
  options.peer.net.tcp.min_rto = 500 * kMilli;
  options.peer.net.tcp.congestion = CongestionControl::newreno;
  return options;
}

// In whole segments of the stream, counted from 0.
std::string told(const TcpBed& bed, const std::vector<SackBlock>& segments) {
  std::vector<SackBlock> wire;
  for (const SackBlock& s : segments)
    wire.push_back({bed.remote.irs + 1 + s.left * kMss, bed.remote.irs + 1 + s.right * kMss});
  return kNop + kNop + sack(wire);
}

// Ten segments, and 10 ms in which their tail-loss probe may follow.
void ten_leave(TcpBed& bed) {
  app_sends(bed, 10);
  bed.remote.expects_data(1, 1 + 10 * kMss, kMss);
  bed.wait(10 * kMilli);
  bed.remote.take_all();
}

TEST(TcpRecovery, OnlyTheHoleIsSentAgain) {
  TcpBed bed(TcpState::established, recovering());
  ten_leave(bed);
  bed.remote.sends({.seq = 1, .ack = 1, .options = told(bed, {{1, 10}})});
  bed.remote.expects_data(1, 1 + kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1 + 10 * kMss});
  bed.socket->expects_sent(1);
  bed.remote.expects_nothing();
}

TEST(TcpRecovery, TwoHoles) {
  TcpBed bed(TcpState::established, recovering());
  ten_leave(bed);
  bed.remote.sends({.seq = 1, .ack = 1, .options = told(bed, {{1, 2}})});
  bed.remote.sends({.seq = 1, .ack = 1, .options = told(bed, {{3, 10}, {1, 2}})});
  std::vector<uint32_t> again;
  for (const Seg& seg : bed.remote.take_all()) again.push_back((seg.seq - 1) / kMss);
  EXPECT_EQ(again, (std::vector<uint32_t>{0, 2}));
}

// RFC 6675 5: what any ACK SACKs counts, one that a later one has overtaken too. 0, 3 and 6 are
// lost; the ACKs that tell of 4 and 5, and that repair 0, change places.
TEST(TcpRecovery, AnOvertakenAckTellsToo) {
  TcpBed bed(TcpState::established, recovering());
  ten_leave(bed);
  bed.remote.sends({.seq = 1, .ack = 1, .options = told(bed, {{1, 3}})});
  bed.remote.sends({.seq = 1, .ack = 1, .options = told(bed, {{7, 8}, {1, 3}})});
  bed.remote.expects_data(1, 1 + kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1 + 3 * kMss, .options = told(bed, {{7, 8}})});
  const std::vector<Seg> more = bed.remote.take_all();
  ASSERT_FALSE(more.empty());
  EXPECT_EQ(more[0].seq, 1 + 3 * kMss);
  uint32_t sent = more.back().seq + static_cast<uint32_t>(more.back().data.size());
  ASSERT_LE(sent, 1 + 6 * kMss) << "6 waits for what the overtaken ACK tells";
  bed.remote.sends({.seq = 1, .ack = 1, .options = told(bed, {{4, 6}, {7, 8}, {1, 3}})});
  bool six = false;
  for (const Seg& seg : bed.remote.take_all()) {
    six |= seg.seq == 1 + 6 * kMss;
    EXPECT_FALSE(seg.seq == 1 + 4 * kMss || seg.seq == 1 + 5 * kMss) << "the peer has it";
  }
  EXPECT_TRUE(six);
}

TEST(TcpRecovery, W45ImpossibleBlocks) {
  TcpBed bed(TcpState::established, recovering());
  app_sends(bed, 10);
  bed.remote.expects_data(1, 1 + 10 * kMss, kMss);
  const uint32_t base = bed.remote.irs + 1;
  const std::vector<SackBlock> bad[] = {{{base + 2 * kMss, base + kMss}},        // reversed
                                        {{base + kMss, base + kMss}},            // empty
                                        {{base + 20 * kMss, base + 30 * kMss}},  // not sent
                                        {{base + kMss, base + 30 * kMss}},
                                        {{base - 3000, base - 1000}},  // acknowledged long ago
                                        {{base, base - 1}},            // everything there is
                                        {{base + 0x80000000u, base + 0x80000010u}}};
  for (const auto& block : bad)
    for (int i = 0; i < 2; ++i) {
      bed.remote.sends({.seq = 1,
                        .ack = 1,
                        .window = static_cast<uint16_t>(50000 + i),
                        .options = kNop + kNop + sack(block)});
      EXPECT_EQ(bed.remote.take_all().size(), 0u);
    }
  bed.remote.sends({.seq = 1, .ack = 1 + 10 * kMss});
  bed.socket->expects_sent(1);
}

// Reneging (RFC 2018 8): told, and then not held after all. Everything is still there to be sent.
TEST(TcpRecovery, W45Reneging) {
  TcpBed bed(TcpState::established, recovering());
  app_sends(bed, 6);
  bed.remote.expects_data(1, 1 + 6 * kMss, kMss);
  bed.remote.sends({.seq = 1, .ack = 1, .options = told(bed, {{1, 6}})});
  bed.wait(20 * kMilli);
  bed.remote.take_all();
  bed.remote.sends({.seq = 1, .ack = 1 + kMss});  // and no word of the rest
  std::string data(6 * kMss, '\0');
  for (int i = 0; i < 40; ++i) {
    bed.wait(500 * kMilli);
    uint32_t ack = 0;
    for (const Seg& seg : bed.remote.take_all()) {
      ASSERT_LE(seg.seq - 1 + seg.data.size(), data.size());
      data.replace(seg.seq - 1, seg.data.size(), seg.data);
      ack = std::max(ack, static_cast<uint32_t>(seg.seq + seg.data.size()));
    }
    if (ack != 0) bed.remote.sends({.seq = 1, .ack = ack});
  }
  EXPECT_EQ(data.substr(kMss), stream_bytes(0, 6 * kMss).substr(kMss));
  bed.socket->expects_sent(1);
}

}  // namespace
}  // namespace pinion::testing
