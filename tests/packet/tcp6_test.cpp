// TCP over IPv6: its checksum, its segment sizes (RFC 9293 3.7.1: 1220 if a peer says none), and
// packet too big (RFC 8201, RFC 5927). That TCP itself is the same is for the public scripts.
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "packet/ipv6_bed.h"
#include "support/tcp_peer.h"

namespace pinion::testing {
namespace {

const std::string kMss1440 = bytes8({2, 4, 0x05, 0xa0});

struct Tcp6 {
  uint32_t seq = 1000, ack = 0;
  uint8_t flags = kAck;
  std::string options = {}, data = {};
  uint16_t src = 5000, dst = 4000;
  unsigned window = 0xffff;
};
Packet tcp6(const Tcp6& t, V6 v = {}) {
  const auto words = static_cast<unsigned>(5 + t.options.size() / 4);
  return v6_frame(v, kNextTcp,
                  be16_text(t.src) + be16_text(t.dst) + be32_text(t.seq) + be32_text(t.ack) +
                      bytes8({words << 4, t.flags}) + be16_text(t.window) + be32_text(0) +
                      t.options + t.data);
}

// A listener of ours and the connection that a peer made to it.
struct Connection6 {
  Ipv6Peer peer;
  TcpSocket listener;
  std::optional<TcpSocket> socket;
  uint32_t iss = 0;

  explicit Connection6(const std::string& options = kMss1440, PeerOptions with = {})
      : peer(std::move(with)), listener(peer, {.local = {kOurIp6, 4000}, .queue = false}) {
    peer.resolve();
    EXPECT_EQ(listener.listen(), 0);
    peer.sends(tcp6({.seq = 999, .flags = kSyn, .options = options}));
    const Sent6 syn_ack = peer.expects6();
    EXPECT_EQ(syn_ack.at(13), unsigned{kSyn | kAck});
    EXPECT_EQ(syn_ack.payload.substr(20, 4), kMss1440) << "the MTU less 60";
    EXPECT_EQ(syn_ack.word(8), 1000u);
    iss = syn_ack.word(4) + 1;
    peer.sends(tcp6({.ack = iss}));
    const std::optional<uint32_t> accepted = listener.accept();
    EXPECT_TRUE(accepted.has_value());
    socket.emplace(peer, StreamSocketOptions{.local = {kOurIp6, 4000}}, accepted.value_or(0));
  }
  // Lengths of the segments that leave now.
  std::vector<size_t> lengths() {
    std::vector<size_t> out;
    for (const Packet& frame : peer.take_all()) {
      const Sent6 s = sent6(frame);
      EXPECT_EQ(s.fault, "");
      out.push_back(s.payload.size() - (s.at(12) >> 4) * 4);
    }
    return out;
  }
  // A packet too big that quotes the segment that begins at `seq`.
  Packet too_big(uint32_t mtu, uint32_t seq) const {
    const std::string tcp = be16_text(4000) + be16_text(5000) + be32_text(seq);
    return v6_frame({}, kNextIcmp6,
                    icmp6_text(2, 0, mtu,
                               bytes8({0x60, 0, 0, 0}) + be16_text(1460) + bytes8({6, 64}) +
                                   text_of(kOurIp6) + text_of(kPeerIp6) + tcp));
  }
};

TEST(Tcp6, DataBothWaysAndTheEnd) {
  Connection6 c;
  c.socket->receive(1);
  c.peer.expect_handled(tcp6({.ack = c.iss, .flags = kAck | kPsh, .data = "request"}));
  EXPECT_EQ(c.socket->expects_received(1), "request");
  const Sent6 ack = c.peer.expects6();
  EXPECT_EQ(ack.word(8), 1007u);
  c.socket->send("reply");
  c.peer.poll(2);
  const Sent6 out = c.peer.expects6();
  EXPECT_EQ(out.payload.substr(20), "reply");
  EXPECT_EQ(out.source, kOurIp6);
  EXPECT_EQ(out.hop_limit, 64);
  EXPECT_EQ(c.socket->name(true), (Endpoint{kPeerIp6, 5000}));
  c.peer.sends(tcp6({.seq = 1007, .ack = c.iss + 5, .flags = kRst | kAck}));
  EXPECT_EQ(c.socket->state(), TcpState::closed);
}

TEST(Tcp6, SegmentsAreAsLongAsThePeerAndTheMtuAllow) {
  struct Case {
    std::string options;
    size_t length;
  };
  for (const Case& test : {Case{kMss1440, 1440},
                           {"", 1220},
                           {bytes8({2, 4, 0xff, 0xff}), 1440},
                           {bytes8({2, 4, 2, 0}), 512}}) {
    Connection6 c(test.options);
    c.socket->send(std::string(2 * test.length, 'd'));
    c.peer.poll(2);
    EXPECT_EQ(c.lengths(), (std::vector<size_t>{test.length, test.length}));
  }
}

// A port that cuts long frames (tcp_segmentation_established): lengths, numbers and sums are right.
TEST(Tcp6, ThePortCutsSegments) {
  for (const uint8_t offload : {uint8_t{kTxNone}, uint8_t{kTxIpv4Csum}}) {
    Connection6 c(kMss1440, {.tx_offload = offload, .tso_bytes = 20'000});
    std::string data(5 * 1440 + 1, '\0');
    for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 + i / 251);
    c.socket->send(data);
    c.peer.poll(2);
    for (uint32_t at = 0; at < data.size(); at += 1440) {
      const Sent6 out = c.peer.expects6();
      EXPECT_EQ(out.source, kOurIp6);
      EXPECT_EQ(out.word(4), c.iss + at);
      EXPECT_EQ(out.payload.substr(20), data.substr(at, 1440));
    }
    c.peer.expects_nothing();
    EXPECT_EQ(c.peer.port.frames_cut(), 1u);
  }
}

TEST(Tcp6, ChecksumIsRequired) {
  Connection6 c;
  for (const uint16_t wrong : {0x0000, 0x1234})
    c.peer.expect_drop(Drop::tcp_checksum,
                       tcp6({.ack = c.iss, .data = "data"}, {.checksum = wrong}));
}

TEST(Tcp6, PortComputesTheChecksum) {
  Ipv6Peer peer({.tx_offload = kTxIpv4Csum | kTxTcpCsum});
  peer.resolve();
  TcpSocket socket(peer, {.local = {kAnyIpv6, 4000}});
  EXPECT_EQ(socket.connect({kPeerIp6, 5000}), -EINPROGRESS);
  peer.poll();
  const Sent6 syn = peer.expects6();  // checked there
  EXPECT_EQ(syn.at(13), unsigned{kSyn});
  EXPECT_EQ(syn.source, kOurIp6);
  peer.sends(tcp6({.ack = syn.word(4) + 1, .flags = kRst | kAck}));
  EXPECT_EQ(socket.connect_status(), -ECONNREFUSED);
}

// IPv6 has no header checksum to leave to the port, also along a path that was kept: it would stand
// in the source address.
TEST(Tcp6, PortThatSumsIPv4HeadersLeavesTheAddressAlone) {
  Ipv6Peer peer({.tx_offload = kTxIpv4Csum | kTxTcpCsum});
  peer.resolve();
  TcpSocket socket(peer, {.local = {kAnyIpv6, 4000}});
  EXPECT_EQ(socket.connect({kPeerIp6, 5000}), -EINPROGRESS);
  peer.poll();
  const Sent6 syn = peer.expects6();
  peer.sends(tcp6({.ack = syn.word(4) + 1, .flags = kSyn | kAck}));
  const Sent6 ack = peer.expects6();
  EXPECT_EQ(ack.at(13), unsigned{kAck});
  EXPECT_EQ(ack.source, kOurIp6);
}

TEST(Tcp6, W29PacketTooBigLowersTheSegmentsButNotBelow1280) {
  Connection6 c;
  c.socket->send(std::string(1440, 'd'));
  c.peer.poll(2);
  EXPECT_EQ(c.lengths(), std::vector<size_t>{1440});
  for (const uint32_t mtu : {0u, 68u, 1279u, 1500u, 65535u, 0xffffffffu}) {
    c.peer.expect_handled(c.too_big(mtu, c.iss));
    EXPECT_EQ(c.lengths(), std::vector<size_t>{}) << mtu;
  }
  // RFC 5927 4.1: what is not in flight was not too big.
  c.peer.expect_drop(Drop::icmp6_quote, c.too_big(1280, c.iss + 1440));
  c.peer.expect_drop(Drop::icmp6_quote, c.too_big(1280, c.iss - 1));
  EXPECT_EQ(c.lengths(), std::vector<size_t>{});
  c.peer.expect_handled(c.too_big(1280, c.iss));
  const std::vector<size_t> again = c.lengths();
  ASSERT_EQ(again.size(), 2u);
  EXPECT_EQ(again[0], 1220u);
  EXPECT_EQ(c.peer.counters().tcp_path_mtu_lowered, 1u);
}

TEST(Tcp6, W27ErrorsEndAConnectThatTheyQuote) {
  Ipv6Peer peer;
  peer.resolve();
  TcpSocket socket(peer, {.local = {kOurIp6, 4000}});
  EXPECT_EQ(socket.connect({kPeerIp6, 5000}), -EINPROGRESS);
  peer.poll();
  const uint32_t iss = peer.expects6().word(4);
  const auto error = [&](uint32_t seq) {
    return v6_frame(
        {}, kNextIcmp6,
        icmp6_text(1, 4, 0,
                   bytes8({0x60, 0, 0, 0, 0, 40, 6, 64}) + text_of(kOurIp6) + text_of(kPeerIp6) +
                       be16_text(4000) + be16_text(5000) + be32_text(seq)));
  };
  peer.expect_drop(Drop::icmp6_quote, error(iss + 1));
  peer.expect_handled(error(iss));
  EXPECT_EQ(socket.connect_status(), -ECONNREFUSED);
}

TEST(Tcp6, ToAGroupAndToNobody) {
  Ipv6Peer peer;
  peer.resolve();
  peer.expect_drop(Drop::tcp_group,
                   tcp6({.flags = kSyn}, {.dst_mac = kAllNodesMac, .dst = kAllNodes6}));
  const Sent6 reset =
      sent6(peer.expect_drop_answered(Drop::tcp_no_connection, tcp6({.flags = kSyn})));
  EXPECT_EQ(reset.fault, "");
  EXPECT_EQ(reset.at(13), unsigned{kRst | kAck});
}

}  // namespace
}  // namespace pinion::testing
