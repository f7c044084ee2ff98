// W28 to W30, RFC 9293 3.9.2.2 MUST-54 to 56, RFC 5927: an error must quote a number that is in
// flight; soft ones never end a connection; hard ones are soft for one that is established;
// quench is ignored; fragmentation needed lowers the segment, not below a floor.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

Packet error_about(const TcpBed& bed, uint8_t type, uint8_t code, uint32_t seq, uint32_t rest = 0,
                   uint16_t flags = kDontFragment) {
  const TcpSegment quoted{.ip = {.flags_fragment = flags, .src = kOurIp, .dst = kPeerIp},
                          .tcp = {.src = kOurPort, .dst = kPeerPort, .seq = seq, .flags = kAck},
                          .data = std::string(64, 'q')};
  static_cast<void>(bed);
  return frame_of(IcmpSegment{.ip = {.src = kGatewayIp},
                              .icmp = {.type = type, .code = code, .rest = rest},
                              .data = packet_of(quoted)});
}

TEST(TcpInput, W30HardErrorsAreSoftOnceEstablished) {
  for (const uint8_t code : {0, 1, 2, 3, 5, 9, 10, 13}) {
    TcpBed bed(TcpState::established);
    bed.socket->send("out", 1);
    bed.peer.poll(2);
    bed.remote.expects({.seq = 1, .data = "out"});
    bed.peer.sends(error_about(bed, 3, code, bed.remote.irs + 1));
    bed.expects_state(TcpState::established);
    bed.remote.sends({.seq = 1, .ack = 4});
    bed.socket->expects_sent(1);
  }
}

TEST(TcpInput, W28HardErrorRefusesAConnect) {
  for (const uint8_t code : {2, 3}) {
    TcpBed bed(TcpState::syn_sent);
    bed.peer.sends(error_about(bed, 3, code, bed.remote.irs + 77));
    EXPECT_EQ(bed.socket->connect_status(), -EINPROGRESS) << "a number that is not in flight";
    bed.peer.sends(error_about(bed, 3, code, bed.remote.irs));
    const int status = bed.socket->connect_status();
    EXPECT_EQ(status, code == 3 ? -ECONNREFUSED : -ENOPROTOOPT);
  }
}

TEST(TcpInput, W28SoftErrorsDoNotEndAConnect) {
  for (const auto& [type, code] :
       {std::pair<uint8_t, uint8_t>{3, 0}, {3, 1}, {11, 0}, {12, 0}, {4, 0}}) {
    TcpBed bed(TcpState::syn_sent);
    bed.peer.sends(error_about(bed, type, code, bed.remote.irs));
    EXPECT_EQ(bed.socket->connect_status(), -EINPROGRESS);
    bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
    bed.expects_state(TcpState::established);
  }
}

TEST(TcpInput, W29FragmentationNeeded) {
  TcpBed bed(TcpState::established);
  app_sends(bed, 4);
  bed.remote.expects_data(1, 1 + 4 * kMss, kMss);
  // Nothing that is in flight; more than it is; nothing at all.
  bed.peer.sends(error_about(bed, 3, 4, bed.remote.irs + 100'000, 1000));
  bed.peer.sends(error_about(bed, 3, 4, bed.remote.irs + 1, 1500));
  bed.peer.sends(error_about(bed, 3, 4, bed.remote.irs + 1, 65535));
  bed.remote.expects_nothing();
  bed.peer.sends(error_about(bed, 3, 4, bed.remote.irs + 1, 1000));
  bed.wait(500 * kMilli);
  const std::vector<Seg> again = bed.remote.take_all();
  ASSERT_FALSE(again.empty());
  for (const Seg& seg : again) EXPECT_LE(seg.data.size(), 960u);
}

// Whoever quotes may have cleared DF; the number is what says that it was ours.
TEST(TcpInput, W29QuoteWithoutDontFragment) {
  TcpBed bed(TcpState::established);
  app_sends(bed, 1);
  bed.remote.expects_data(1, 1 + kMss, kMss);
  bed.peer.sends(error_about(bed, 3, 4, bed.remote.irs + 1, 1000, 0));
  const std::vector<Seg> again = bed.remote.take_all();
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0].data.size(), 960u);
}

TEST(TcpInput, W29FloorOfThePath) {
  for (const uint32_t mtu : {0u, 20u, 67u, 68u, 551u}) {
    TcpBed bed(TcpState::established);
    app_sends(bed, 4);
    bed.remote.expects_data(1, 1 + 4 * kMss, kMss);
    bed.peer.sends(error_about(bed, 3, 4, bed.remote.irs + 1, mtu));
    bed.wait(500 * kMilli);
    size_t longest = 0;
    for (const Seg& seg : bed.remote.take_all()) longest = std::max(longest, seg.data.size());
    EXPECT_EQ(longest, 512u) << mtu;
  }
}

}  // namespace
}  // namespace pinion::testing
