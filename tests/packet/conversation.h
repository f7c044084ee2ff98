// One conversation in which every kind of frame that the stack can send leaves once, at every
// length at which a pad ends: for the invariants that concern whatever leaves.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "support/peer.h"

namespace pinion::testing {

inline constexpr size_t kPastThePad = 24;  // bytes of data: the frame is over the minimum then

// What left, in order. The peer must not be resolved yet.
inline std::vector<Packet> talk(Peer& peer) {
  UdpSocket socket(peer);
  EXPECT_EQ(socket.set_option(RIO_SO_BROADCAST, 1), 0);
  const auto data = [](size_t length) { return std::string(length, 'd'); };
  socket.send("waits for the answer to a question", kPeerEndpoint, 1);
  peer.poll(2);
  // Asked again after a second, if the question could not leave.
  peer.wait(kSecond + kMilli);
  peer.sends(padded(frame_of(ArpSegment{.arp = {.op = 2, .tha = kOurMac}})));
  peer.sends(padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}})));
  peer.sends(padded(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}, .arp = {.spa = {}}})));
  for (size_t length = 0; length <= kPastThePad; ++length) {
    socket.send(data(length), kPeerEndpoint, 10 + length);
    peer.poll(2);
    peer.sends(padded(frame_of(IcmpSegment{.data = data(length)})));
    peer.sends(padded(frame_of(UdpSegment{.udp = {.dst = 9999}, .data = data(length)})));
    peer.sends(padded(frame_of(Ipv4Segment{.ip = {.protocol = 99}, .data = data(length)})));
  }
  socket.send("to all", Endpoint{kSubnetBroadcast, 9}, 2);
  socket.send(data(1472), kPeerEndpoint, 3);
  peer.poll(2);
  while (socket.app().dequeue(socket.cq()))
    ;
  return peer.take_all();
}

}  // namespace pinion::testing
