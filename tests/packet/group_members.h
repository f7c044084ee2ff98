// What both families promise of groups (HOSTILE W34): who gets a copy, and from which sources.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "support/peer.h"

namespace pinion::testing {

struct GroupWorld {
  Ip any, feed, other_feed, ssm_feed, source_a, source_b;
  Drop not_joined;
  Packet (*frame)(Ip group, Ip source, uint16_t port, const std::string& data);
};

// Everybody who joined gets a copy, whatever session it belongs to.
inline void every_member_gets_a_copy(Peer& peer, const GroupWorld& w) {
  UdpSocket a(peer, {.local = {w.any, 0}}), b(peer, {.session = 1, .local = {w.any, 0}});
  for (UdpSocket* socket : {&a, &b}) {
    ASSERT_EQ(socket->set_option(RIO_SO_REUSEADDR, 1), 0);
    ASSERT_EQ(socket->app().bind(socket->handle(), {w.any, kOurPort}).status, 0);
    ASSERT_EQ(socket->join(w.feed), 0);
    socket->receive(1);
  }
  peer.poll(), peer.take_all();
  peer.expect_handled(w.frame(w.feed, w.source_a, kOurPort, "tick"));
  EXPECT_EQ(a.expects_received(1), "tick");
  EXPECT_EQ(b.expects_received(1), "tick");
  peer.expect_drop(Drop::udp_multicast_port, w.frame(w.feed, w.source_a, 9999, "tick"));
  peer.expect_drop(w.not_joined, w.frame(w.other_feed, w.source_a, kOurPort, "tick"));
  ASSERT_EQ(a.leave(w.feed), 0);
  a.receive(2), b.receive(2);
  peer.poll(), peer.take_all();
  peer.expect_handled(w.frame(w.feed, w.source_a, kOurPort, "tock"));
  EXPECT_EQ(b.expects_received(2), "tock");
  a.expects_no_completion();
  peer.wait(2 * kSecond), peer.take_all();
}

inline void sources_are_filtered(Peer& peer, const GroupWorld& w) {
  UdpSocket socket(peer, {.local = {w.ssm_feed, kOurPort}});  // bound to the group itself
  ASSERT_EQ(socket.join(w.ssm_feed, w.source_a), 0);
  socket.receive(1), socket.receive(2);
  peer.poll(), peer.take_all();
  peer.expect_drop(Drop::udp_multicast_source, w.frame(w.ssm_feed, w.source_b, kOurPort, "no"));
  peer.expect_handled(w.frame(w.ssm_feed, w.source_a, kOurPort, "yes"));
  EXPECT_EQ(socket.expects_received(1), "yes");
  ASSERT_EQ(socket.join(w.ssm_feed, w.source_b), 0);
  peer.poll(), peer.take_all();
  peer.expect_handled(w.frame(w.ssm_feed, w.source_b, kOurPort, "now"));
  EXPECT_EQ(socket.expects_received(2), "now");
  peer.wait(2 * kSecond), peer.take_all();
}

}  // namespace pinion::testing
