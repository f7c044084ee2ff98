// Two stacks that get the same sends and the same frames, of which one keeps a Flow: both must give
// the same answers and send the same bytes.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "base/rng.h"
#include "socket/flow.h"
#include "support/net_bed.h"

namespace pinion::testing {

inline NetConfig pinned() {
  NetConfig config;
  config.neighbours = {{kPeer, kPeerMac, 0}, {kGateway, kGatewayMac, 0}};
  config.routes = {{ipv4(0, 0, 0, 0), 0, kGateway, 0}};
  return config;
}

inline NetConfig on_vlan() {
  NetConfig config = pinned();
  config.interfaces = {{.name = "eth0.7", .addresses = {{kOurs, 24}}, .vlan_id = 7}};
  return config;
}

inline UdpSend to(Endpoint destination, Bytes payload = {}) {
  return {.source = {{}, 4000}, .destination = destination, .payload = payload};
}

struct Twins {
  NetBed keeps, plain;
  pinion::Flow flow;

  explicit Twins(const NetConfig& config = pinned(), uint8_t tx_offload = kTxNone)
      : keeps(config, tx_offload), plain(config, tx_offload) {}
  struct Attaching {};
  Twins(Attaching, const NetConfig& config)
      : keeps(NetBed::attaching(config)), plain(NetBed::attaching(config)) {}

  template <class What>
  void both(What what) {
    what(keeps);
    what(plain);
  }
  int send(UdpSend what) {
    const int status = plain.net.udp_send(what, plain.now);
    what.flow = &flow;
    EXPECT_EQ(keeps.net.udp_send(what, keeps.now), status);
    return status;
  }
  // What has left since the last call.
  std::vector<Packet> sent() {
    both([](NetBed& bed) { bed.net.tx(bed.now); });
    const auto kept = keeps.port.take_sent_with_offload();
    const auto others = plain.port.take_sent_with_offload();
    EXPECT_EQ(kept.size(), others.size());
    std::vector<Packet> out;
    for (size_t i = 0; i < std::min(kept.size(), others.size()); ++i) {
      EXPECT_EQ(kept[i].bytes, others[i].bytes) << i;
      EXPECT_EQ(kept[i].tx_offload, others[i].tx_offload);
      EXPECT_EQ(kept[i].l2_length, others[i].l2_length);
      EXPECT_EQ(kept[i].l3_length, others[i].l3_length);
      out.push_back(kept[i].bytes);
    }
    const Counters &a = keeps.counters, &b = plain.counters;
    EXPECT_EQ(a.udp_sent, b.udp_sent);
    EXPECT_EQ(a.tx_frames, b.tx_frames);
    EXPECT_EQ(a.tx_bytes, b.tx_bytes);
    EXPECT_EQ(keeps.net.interface_status(0).tx_bytes, plain.net.interface_status(0).tx_bytes);
    return out;
  }
  void send_and_compare(const UdpSend& what) {
    ASSERT_EQ(send(what), 0);
    EXPECT_EQ(sent().size(), 1u);
  }
  bool holds(Endpoint destination) const { return flow.destination == destination; }
};

// Every payload length from first to last, filled at random.
inline void compare_lengths(Twins& twins, size_t first, size_t last) {
  Rng rng{last};
  for (size_t length = first; length <= last; ++length) {
    Packet payload(length);
    for (std::byte& b : payload) b = static_cast<std::byte>(rng.next());
    UdpSend send = to({kPeer, 5000}, payload);
    if (twins.keeps.port.capabilities().tx_attach && length != 0) send.may_attach = 1;
    SCOPED_TRACE(length);
    twins.send_and_compare(send);
  }
}

}  // namespace pinion::testing
