// A Peer whose first interface speaks both families: 10.0.0.1/24 and 2001:db8::1/64, its addresses
// in use at once (no duplicate address detection) and what MLD says of them already said.
#pragma once
#include <gtest/gtest.h>

#include "support/peer.h"
#include "support/segments6.h"

namespace pinion::testing {

inline PeerOptions with_ipv6(PeerOptions options = {}) {
  options.resolved = false;
  options.more_addresses.push_back({kOurIp6, 64});
  options.net.dad_transmits = 0;
  options.net.routes.push_back({.prefix = kAnyIpv6, .prefix_length = 0, .via = ip6("fe80::fe")});
  return options;
}

struct Ipv6Peer : Peer {
  explicit Ipv6Peer(PeerOptions options = {}) : Peer(with_ipv6(std::move(options))) {
    wait(3 * kSecond);
    take_all();
  }
  // The peer asks for us, as stations do before they send: now its MAC address is known.
  void resolve() {
    sends(v6_frame({.dst_mac = kOurGroupMac, .dst = kOurGroup6, .hop_limit = 255}, kNextIcmp6,
                   nd_text(135, 0, kOurIp6, kPeerMac)));
    EXPECT_EQ(sent6(expects_frame()).at(0), 136u);
  }
  // What leaves next, which must be a good packet of IPv6.
  Sent6 expects6(Where where = Where::current()) {
    const Sent6 out = sent6(expects_frame(where));
    EXPECT_EQ(out.fault, "");
    return out;
  }
};

}  // namespace pinion::testing
