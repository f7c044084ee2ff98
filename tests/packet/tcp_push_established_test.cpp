// RFC 9293 3.9.1.2 MUST-61: PSH stands on the last segment of what the application gave; and on
// the last of several that leave together, for receivers that put segments together.
#include "packet/tcp_events.h"

namespace pinion::testing {
namespace {

TEST(TcpOutput, PushOnTheLast) {
  TcpBed bed(TcpState::established);
  bed.socket->send(stream_bytes(0, 3 * kMss + 10), 1);
  bed.peer.poll(3);
  const std::vector<Seg> all = bed.remote.take_all();
  ASSERT_EQ(all.size(), 4u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ((all[i].flags & kPsh) != 0, i == 3) << i;
}

TEST(TcpOutput, PushOnTheLastThatTheWindowLetsOut) {
  TcpBedOptions options;
  options.window = 3 * kMss;
  TcpBed bed(TcpState::established, options);
  bed.socket->send(stream_bytes(0, 6 * kMss), 1);
  bed.peer.poll(3);
  const std::vector<Seg> all = bed.remote.take_all();
  ASSERT_EQ(all.size(), 3u);
  for (size_t i = 0; i < all.size(); ++i) EXPECT_EQ((all[i].flags & kPsh) != 0, i == 2) << i;
  // One that leaves alone has more behind it.
  bed.remote.sends({.seq = 1, .ack = 1 + 3 * kMss, .window = kMss});
  const Seg alone = bed.remote.expects_any();
  EXPECT_EQ(alone.data.size(), kMss);
  EXPECT_EQ(alone.flags & kPsh, 0);
  bed.remote.expects_nothing();
}

// Sixteen deferred sends and a commit leave as one segment.
TEST(TcpOutput, DeferredSendsAreOneSegment) {
  TcpBed bed(TcpState::established);
  std::string all;
  for (size_t i = 0; i < 16; ++i) {
    const std::string part = stream_bytes(80 * i, 80);
    bed.socket->send(part, i, i == 15 ? 0 : RIO_DEFER);
    all += part;
  }
  bed.peer.poll(2);
  bed.remote.expects({.seq = 1, .data = all});
  bed.remote.expects_nothing();
}

}  // namespace
}  // namespace pinion::testing
