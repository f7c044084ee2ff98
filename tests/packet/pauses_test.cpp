// The pauses that stations of a link must not share come from secrets of their own, which nobody
// can compute back to the root.
#include <gtest/gtest.h>

#include "packet/ipv6_bed.h"

namespace pinion::testing {
namespace {

// How long the first question of duplicate address detection waits (RFC 4862 5.4.2).
int first_claim_ms(uint64_t secret_0, uint64_t secret_1) {
  PeerOptions options;
  options.resolved = false;
  options.more_addresses = {{kOurIp6, 64}};
  options.net.secret[0] = secret_0, options.net.secret[1] = secret_1;
  Peer peer(std::move(options));
  for (int ms = 0; ms < 3000; ++ms) {
    for (const Packet& frame : peer.take_all())
      if (const Sent6 s = sent6(frame); s.fault.empty() && s.at(0) == 135) return ms;
    peer.wait(kMilli);
  }
  return -1;
}

TEST(Pauses, NoWordOfTheRootIsTheSeed) {
  EXPECT_GE(first_claim_ms(7, 12), 0);
  EXPECT_EQ(first_claim_ms(7, 12), first_claim_ms(7, 12));
  EXPECT_NE(first_claim_ms(7, 12), first_claim_ms(0, 7 ^ 12)) << "the sum of both words";
}

}  // namespace
}  // namespace pinion::testing
