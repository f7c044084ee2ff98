// BondPort by itself: which of its ports works, what becomes of the frames of both, and what it
// promises of itself.
#include "port/bond_port.h"

#include <gtest/gtest.h>

#include <string>

#include "support/memory_port.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {

struct TwoPorts {
  MemoryPort first{kOurMac}, second{kOurMac};
  BondPort bond{pooled(), second};

  ~TwoPorts() { EXPECT_EQ(first.outstanding(), 0u); }
  // What a pass takes, at most `burst`.
  std::string receive(size_t burst = 32) {
    Frame* frames[64];
    const size_t n = bond.rx_burst({frames, burst});
    std::string out;
    for (Frame* f : std::span(frames).first(n)) out += static_cast<char>(f->data[0]);
    if (n != 0) bond.free({frames, n});
    return out;
  }
  static void arrives(MemoryPort& port, const std::string& letters) {
    for (const char& c : letters) port.receive(std::as_bytes(std::span{&c, 1}));
  }
  size_t send(size_t count) {
    Frame* frames[64];
    EXPECT_EQ(bond.alloc({frames, count}), count);
    const size_t taken = bond.tx_burst({frames, count});
    if (taken < count) bond.free({frames + taken, count - taken});
    return taken;
  }

 private:
  Port& pooled() {
    second.share_pool(first);
    return first;
  }
};

TEST(BondPort, BeginsWithTheFirstThatHasALink) {
  MemoryPort first(kOurMac), second(kOurMac);
  EXPECT_EQ(BondPort(first, second).status().active, 0u);
  first.link_is_up = false;
  EXPECT_EQ(BondPort(first, second).status().active, 1u);
  second.link_is_up = false;
  EXPECT_EQ(BondPort(first, second).status().active, 0u);
}

TEST(BondPort, CutsWhatBothCut) {
  MemoryPort first(kOurMac), second(kOurMac);
  first.cut_segments(20'000);
  EXPECT_EQ(BondPort(first, second).capabilities().tx_tso_bytes, 0u);
  second.cut_segments(10'000);
  EXPECT_EQ(BondPort(first, second).capabilities().tx_tso_bytes, 10'000u);
}

// Who cuts a packet makes the checksums of all its parts, and of two unlike NICs each does what
// both can do.
TEST(BondPort, UnlikeNicsCutNothing) {
  MemoryPort first(kOurMac, 1500, kTxTcpCsum), second(kOurMac, 1500, kTxTcpCsum | kTxIpv4Csum);
  first.cut_segments(20'000), second.cut_segments(20'000);
  const bool alike = first.capabilities().tx_offload == second.capabilities().tx_offload;
  ASSERT_FALSE(alike);
  EXPECT_EQ(BondPort(first, second).capabilities().tx_tso_bytes, 0u);
}

TEST(BondPort, PromisesWhatBothCanDo) {
  MemoryPort first(kOurMac, 9000, kTxIpv4Csum | kTxUdpCsum), second(kOurMac, 1500, kTxUdpCsum);
  const BondPort bond(first, second);
  EXPECT_EQ(bond.capabilities().mac, kOurMac);
  EXPECT_EQ(bond.capabilities().mtu_bytes, 1500);
  EXPECT_EQ(bond.capabilities().tx_offload, kTxUdpCsum);
  first.attach_payloads(), second.attach_payloads();
  EXPECT_FALSE(BondPort(first, second).capabilities().tx_attach);
}

TEST(BondPort, OneTransmitsAndIsListenedTo) {
  TwoPorts two;
  two.arrives(two.first, "abc");
  two.arrives(two.second, "ABC");
  EXPECT_EQ(two.receive(), "abc");
  EXPECT_EQ(two.bond.status().rx_dropped, 3u);
  EXPECT_EQ(two.second.waiting(), 0u);
  EXPECT_EQ(two.send(3), 3u);
  EXPECT_EQ(two.first.take_sent().size(), 3u);
  EXPECT_EQ(two.second.take_sent().size(), 0u);
}

TEST(BondPort, MovesWhenTheLinkIsLostAndStays) {
  TwoPorts two;
  two.first.link_is_up = false;
  EXPECT_TRUE(two.bond.link_up());
  EXPECT_EQ(two.send(2), 2u) << "not even one pass is lost";
  EXPECT_EQ(two.second.take_sent().size(), 2u);
  EXPECT_EQ(two.bond.moves(), 1u);
  two.first.link_is_up = true;
  two.arrives(two.second, "B");
  EXPECT_EQ(two.receive(), "B");
  EXPECT_EQ(two.send(1), 1u);
  EXPECT_EQ(two.second.take_sent().size(), 1u);
  EXPECT_EQ(two.bond.status().moves, 1u);
  EXPECT_EQ(two.bond.moves(), 2u) << "switches may have heard of the one that came back";
  two.second.link_is_up = false;
  EXPECT_EQ(two.send(1), 1u);
  EXPECT_EQ(two.first.take_sent().size(), 1u);
  EXPECT_EQ(two.bond.status().moves, 2u);
  EXPECT_EQ(two.bond.moves(), 3u);
}

TEST(BondPort, WithoutAnyLinkItWaitsForTheFirstThatComes) {
  TwoPorts two;
  two.first.link_is_up = two.second.link_is_up = false;
  EXPECT_FALSE(two.bond.link_up());
  EXPECT_EQ(two.send(1), 0u);
  EXPECT_EQ(two.bond.moves(), 0u);
  two.second.link_is_up = true;
  EXPECT_TRUE(two.bond.link_up());
  EXPECT_EQ(two.receive(), "");
  EXPECT_EQ(two.bond.moves(), 1u);
  EXPECT_EQ(two.bond.status().active, 1u);
}

// What had arrived is older than what comes from now on, and all of it is taken, over several
// passes if need be.
TEST(BondPort, WhatHadArrivedWhenTheLinkWasLost) {
  TwoPorts two;
  two.arrives(two.first, "abcde");
  two.first.link_is_up = false;
  two.arrives(two.second, "FGH");
  EXPECT_EQ(two.receive(3), "abc");
  EXPECT_EQ(two.receive(3), "deF");
  EXPECT_EQ(two.receive(3), "GH");
  EXPECT_EQ(two.bond.status().rx_dropped, 0u);
  two.arrives(two.first, "z");
  EXPECT_EQ(two.receive(), "");
  EXPECT_EQ(two.bond.status().rx_dropped, 1u);
}

// A port that never falls silent cannot make itself heard for ever.
TEST(BondPort, WhatHadArrivedEndsWithTheLinksReturn) {
  TwoPorts two;
  two.arrives(two.first, "abcd");
  two.first.link_is_up = false;
  EXPECT_EQ(two.receive(2), "ab");
  two.first.link_is_up = true;
  EXPECT_EQ(two.receive(2), "cd");
  two.arrives(two.first, "ef");
  two.arrives(two.second, "G");
  EXPECT_EQ(two.receive(2), "G");
  EXPECT_EQ(two.bond.status().rx_dropped, 2u);
}

}  // namespace
}  // namespace pinion::testing
