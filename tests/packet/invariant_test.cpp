// I7 and I2 over one conversation with every kind of frame we send: what leaves does not depend on
// what stood in the port's buffers before, nor on who computes the checksums; and wherever a single
// allocation fails, nothing is lost for good and nothing is left behind.
#include <gtest/gtest.h>

#include "packet/conversation.h"

namespace pinion::testing {
namespace {

std::vector<Packet> talk_over(std::byte fill, uint8_t tx_offload) {
  Peer peer({.resolved = false, .tx_offload = tx_offload});
  peer.port.fill = fill;
  return talk(peer);
}

TEST(Invariant, I7SameBytesWhateverTheBuffersHeld) {
  const auto expected = talk_over(std::byte{0x00}, kTxNone);
  EXPECT_GT(expected.size(), 4 * kPastThePad);
  for (const uint8_t fill : {0xa5, 0x5a, 0x3c, 0x01})
    EXPECT_EQ(talk_over(std::byte{fill}, kTxNone), expected) << "filled with " << int{fill};
}

TEST(Invariant, I7SameBytesWhoeverComputesTheChecksums) {
  const auto expected = talk_over(MemoryPort::kPoison, kTxNone);
  for (const uint8_t offload :
       {kTxIpv4Csum + kTxNone, kTxUdpCsum + kTxNone, kTxIpv4Csum | kTxUdpCsum})
    EXPECT_EQ(talk_over(MemoryPort::kPoison, offload), expected) << int{offload};
}

// Fail the n-th allocation. Each end of a test checks I2.
TEST(Invariant, I2AnyOneAllocationMayFail) {
  const size_t frames = talk_over(MemoryPort::kPoison, kTxNone).size();
  size_t n = 0;
  for (bool failed = true; failed; ++n) {
    SCOPED_TRACE(n);
    Peer peer({.resolved = false});
    peer.port.alloc_fails_after = n;
    const size_t left = talk(peer).size();
    failed = peer.port.alloc_fails_after == SIZE_MAX;
    EXPECT_GE(left, frames - 1);
    EXPECT_LE(left, frames + 1) << "a question asked again";
  }
  EXPECT_GE(n, frames);
}

}  // namespace
}  // namespace pinion::testing
