// A Net beside a peer that a test speaks for, segment by segment: 10.0.0.1:5000 and 10.0.0.2:7000,
// with sequence numbers relative to both ISNs.
#pragma once
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "net/net.h"
#include "support/memory_port.h"
#include "support/net_bed.h"
#include "support/packets.h"
#include "tcp/fake_streams.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

namespace pinion::testing {

inline constexpr uint16_t kOurPort = 5000, kPeerPort = 7000;
inline constexpr uint8_t kFinAck = kTcpFin | kTcpAck;
inline constexpr uint32_t kPeerIss = 0xffffff00;  // it wraps early

// What the peer sends; seq and ack relative to the ISNs (the SYN is 0).
struct Seg {
  uint32_t seq = 1, ack = 1;
  uint8_t flags = kTcpAck;
  uint16_t wnd = 0xffff;
  std::string data = {};
  TcpOptions options = {};
};

// What we sent, taken apart.
struct Out {
  uint32_t seq = 0, ack = 0;
  uint8_t flags = 0;
  uint16_t wnd = 0;
  std::string data;
  TcpOptions options;
};

Packet tcp_frame(const LinkEnds& link, Ipv4 from, Ipv4 to, TcpSegment seg);

struct TcpBed {
  NetBed bed;
  FakeStream stream;  // connects, or listens
  uint32_t our_iss = 0;
  bool know_iss = false;
  bool port_sums;          // the checksums are left to the port
  TcpOptions syn_options;  // of the peer's SYN

  explicit TcpBed(TcpConfig config = {}, NetConfig net = {}, uint8_t tx_offload = kTxNone);
  ~TcpBed();
  Tcp& tcp() { return bed.net.tcp(); }
  FakeStream& accepted(size_t i = 0) { return *stream.accepted.at(i); }

  Drop send(const Seg& seg, uint16_t port = kPeerPort);
  std::vector<Out> out();        // what leaves now
  std::optional<Out> out_one();  // exactly one, or a failure
  void expect_nothing() { EXPECT_TRUE(out().empty()); }
  void pass(Nanos time) { bed.pass(time); }

  void listen(uint32_t backlog = 16);
  // Both leave an established connection; the owner is returned.
  FakeStream& accept();
  FakeStream& connect();
  void app_sends(FakeStream& s, std::string_view data);
  StreamInfo info(const FakeStream& s) { return tcp().info(s.sk); }
};

}  // namespace pinion::testing
