// W42, RFC 9293 3.7.1 MUST-14 to 16, 65, 67, SHLD-5: what a peer's MSS makes of our segments; a
// floor for the absurd ones; 536 if it says nothing; our MTU above all; options take their part.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

uint32_t segment_for(const std::string& syn_options, TcpBedOptions options = {}) {
  options.syn_options = syn_options;
  TcpBed bed(TcpState::established, options);
  bed.socket->send(stream_bytes(0, 4000), 1);
  bed.peer.poll(3);
  return static_cast<uint32_t>(bed.remote.expects_any().data.size());
}

TEST(TcpOutput, W42SegmentSize) {
  EXPECT_EQ(segment_for(""), 536u);
  EXPECT_EQ(segment_for(mss(536)), 536u);
  EXPECT_EQ(segment_for(mss(64)), 64u);
  EXPECT_EQ(segment_for(mss(1000)), 1000u);
  EXPECT_EQ(segment_for(mss(1461)), 1460u);
  EXPECT_EQ(segment_for(mss(65535)), 1460u);
  for (const uint16_t tiny : {1, 47, 48, 63}) EXPECT_EQ(segment_for(mss(tiny)), 64u) << tiny;
  EXPECT_EQ(segment_for(mss(0)), 536u) << "none is meant";
}

TEST(TcpOutput, W42FloorIsConfigured) {
  TcpBedOptions options;
  options.peer.net.tcp.mss_min = 536;
  EXPECT_EQ(segment_for(mss(48), options), 536u);
}

TEST(TcpOutput, OptionsTakeTheirPart) {  // MUST-16
  EXPECT_EQ(segment_for(mss(1460) + timestamps(1, 0)), 1448u);
  EXPECT_EQ(segment_for(mss(1000) + timestamps(1, 0)), 988u);
}

TEST(TcpOutput, OurMssIsThatOfTheLink) {  // MUST-67
  for (const uint16_t mtu : {576, 1500, 9000}) {
    TcpBedOptions options;
    options.peer.mtu_bytes = mtu;
    TcpBed bed(TcpState::listen, options);
    bed.remote.sends({.flags = kSyn, .options = mss(1460)});
    const auto o = options_of(*bed.remote.expects({.flags = kSyn | kAck, .ack = 1}).tcp);
    EXPECT_EQ(o.mss, mtu - 40);
  }
}

// Read, it is what both ends and the path made of it.
TEST(TcpOutput, OptionSaysWhatAFullSegmentCarries) {
  TcpBedOptions options;
  options.syn_options = mss(1100);
  TcpBed bed(TcpState::established, options);
  EXPECT_EQ(bed.socket->option(RIO_SO_MAXSEG), 1100u);
}

TEST(TcpOutput, OptionOfTheSocket) {
  TcpBed bed;
  bed.socket.emplace(bed.peer);
  EXPECT_EQ(bed.socket->set_option(RIO_SO_MAXSEG, 900), 0);
  EXPECT_EQ(bed.socket->connect(), -EINPROGRESS);
  bed.peer.poll(2);
  EXPECT_EQ(options_of(*bed.remote.expects({.flags = kSyn}).tcp).mss, 900);
  bed.remote.sends({.flags = kSyn | kAck, .ack = 1, .options = mss(1460)});
  bed.remote.expects({.seq = 1, .ack = 1});
  bed.socket->send(stream_bytes(0, 2000), 1);
  bed.peer.poll(2);
  EXPECT_EQ(bed.remote.expects_any().data.size(), 900u);
}

}  // namespace
}  // namespace pinion::testing
