// W40, RFC 9293 3.1: a segment shorter than its header, a data offset below 5 words or beyond
// the segment. Dropped by a name, in front of a connection and of none; nothing is answered.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpInput, W40ShortSegment) {
  TcpBed bed(TcpState::established);
  for (size_t length = 0; length < 20; ++length) {
    const Packet frame = frame_of(
        Ipv4Segment{.ip = {.protocol = uint8_t{6}}, .data = std::string(length, '\x50')});
    bed.peer.expect_drop(Drop::tcp_short, padded(frame));
  }
}

TEST(TcpInput, W40DataOffset) {
  TcpBed bed(TcpState::established);
  for (const uint8_t offset : {0, 1, 2, 3, 4, 6, 15}) {
    const Packet frame = frame_of(TcpSegment{.tcp = {.seq = bed.remote.iss + 1,
                                                     .ack = bed.remote.irs + 1,
                                                     .offset = offset,
                                                     .flags = kAck}});
    EXPECT_NE(bed.peer.reaction_to(frame), Drop::none) << int{offset};
    bed.peer.expects_nothing();
  }
  bed.expects_state(TcpState::established);
}

TEST(TcpInput, PortZero) {  // nobody can be there
  Peer peer;
  EXPECT_NE(peer.reaction_to(frame_of(TcpSegment{.tcp = {.dst = 0, .flags = kSyn}})), Drop::none);
  peer.expects_nothing();
}

}  // namespace
}  // namespace pinion::testing
