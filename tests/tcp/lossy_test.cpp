// Two Nets against each other over a link that loses, repeats, delays and so reorders: all bytes
// arrive once and in order, in both directions, and everything comes back to the baseline.
#include <cerrno>
#include <map>

#include "base/rng.h"
#include "tcp/bed.h"

namespace pinion {
namespace {

using namespace testing;

struct LinkConfig {
  double loss = 0, duplicate = 0, reorder = 0;
  Nanos delay = 100 * kMicro;
};

NetConfig end_config(MemoryPort& port, Ipv4 own, Ipv4 other, Mac mac, const TcpConfig& tcp) {
  NetConfig config;
  config.interfaces = {{.name = "eth0", .port = &port, .addresses = {{own, 24}}}};
  config.neighbours = {{other, mac, 0}};
  config.udp_sockets_max = 8;
  config.tcp = tcp;
  config.tcp.connections_max = 16, config.tcp.segments_max = 4096;
  config.secret[0] = own.v, config.secret[1] = 77;
  return config;
}

struct End {
  MemoryPort port;
  Counters counters;
  Net net;
  End(Mac mac, Mac other_mac, Ipv4 own, Ipv4 other, const TcpConfig& tcp)
      : port(mac), net(end_config(port, own, other, other_mac, tcp), counters) {}
};

struct Pair {
  Rng rng;
  LinkConfig link;
  Nanos now = kSecond;
  End a, b;
  std::multimap<Nanos, Packet> to_a, to_b;
  size_t lost = 0;

  Pair(uint64_t seed, const LinkConfig& l, const TcpConfig& tcp = {})
      : rng(seed),
        link(l),
        a(kOurMac, kPeerMac, kOurs, kPeer, tcp),
        b(kPeerMac, kOurMac, kPeer, kOurs, tcp) {}

  void carry(End& from, std::multimap<Nanos, Packet>& to) {
    from.net.tx(now);
    for (Packet& p : from.port.take_sent()) {
      if (rng.chance(link.loss)) {
        ++lost;
        continue;
      }
      Nanos at = now + link.delay;
      if (rng.chance(link.reorder)) at += link.delay * rng.below(8);
      if (rng.chance(link.duplicate)) to.emplace(at + rng.below(1000), p);
      to.emplace(at, std::move(p));
    }
  }
  static void arrive(End& end, std::multimap<Nanos, Packet>& from, Nanos now) {
    while (!from.empty() && from.begin()->first <= now) {
      end.port.receive(from.begin()->second);
      from.erase(from.begin());
      end.net.rx(now);
    }
  }
  // To the next moment at which something happens. False: nothing will.
  bool step(Nanos limit) {
    carry(a, to_b), carry(b, to_a);
    Nanos next = std::min(a.net.next_deadline(), b.net.next_deadline());
    if (!to_a.empty()) next = std::min(next, to_a.begin()->first);
    if (!to_b.empty()) next = std::min(next, to_b.begin()->first);
    if (next > limit) return false;
    now = std::max(now, next);
    arrive(a, to_a, now), arrive(b, to_b, now);
    a.net.expire(now), b.net.expire(now);
    return true;
  }
  void expect_baseline() {
    while (step(now + 1000 * kSecond)) {
      if (a.net.tcp().tcbs_used() == 0 && b.net.tcp().tcbs_used() == 0) break;
    }
    for (End* end : {&a, &b}) {
      EXPECT_EQ(end->net.tcp().tcbs_used(), 0u);
      EXPECT_EQ(end->net.tcp().segments_used(), 0u);
    }
  }
};

std::string random_text(Rng& rng, size_t n) {
  std::string text(n, '\0');
  for (char& c : text) c = static_cast<char>(rng.next());
  return text;
}

struct Sender {
  std::string text;
  size_t given = 0;
  bool shut = false;

  // Now and then a piece; FIN when all is given.
  void go_on(Pair& pair, End& end, FakeStream& s) {
    if (given < text.size() && s.to_send.size() < 100'000) {
      const size_t n = std::min<size_t>(text.size() - given, 1 + pair.rng.below(6000));
      const Bytes piece = bytes_of(std::string_view{text}.substr(given, n));
      s.to_send.insert(s.to_send.end(), piece.begin(), piece.end());
      given += n;
      end.net.tcp().append(s.sk, static_cast<uint32_t>(n), pair.now);
      end.net.tcp().output(s.sk, pair.now);
    } else if (given == text.size() && !shut) {
      shut = true;
      EXPECT_EQ(end.net.tcp().shutdown(s.sk, pair.now), 0);
    }
  }
};

void exchange(uint64_t seed, const LinkConfig& link, size_t bytes, TcpConfig tcp = {}) {
  SCOPED_TRACE(seed);
  tcp.msl = kSecond;
  Pair pair(seed, link, tcp);
  FakeStream listener, client;
  ASSERT_EQ(pair.b.net.tcp().bind(listener.sk, {{}, 80}, false), 0);
  ASSERT_EQ(pair.b.net.tcp().listen(listener.sk, 8, pair.now), 0);
  ASSERT_EQ(pair.a.net.tcp().connect(client.sk, {kPeer, 80}, pair.now), -EINPROGRESS);
  Sender up{random_text(pair.rng, bytes)}, down{random_text(pair.rng, bytes)};
  const Nanos limit = 600 * kSecond;
  while (pair.step(limit)) {
    if (client.failures != 0) break;
    if (client.connected != 0) up.go_on(pair, pair.a, client);
    if (listener.accepted.empty()) continue;
    FakeStream& server = *listener.accepted[0];
    if (server.failures != 0) break;
    down.go_on(pair, pair.b, server);
    if (server.ends != 0 && client.ends != 0 && up.shut && down.shut) break;
  }
  ASSERT_EQ(listener.accepted.size(), 1u);
  FakeStream& server = *listener.accepted[0];
  EXPECT_EQ(client.failures, 0) << client.error;
  EXPECT_EQ(server.failures, 0) << server.error;
  EXPECT_TRUE(server.received == up.text) << server.received.size() << " of " << bytes;
  EXPECT_TRUE(client.received == down.text) << client.received.size() << " of " << bytes;
  pair.a.net.tcp().close(client.sk, pair.now);
  pair.b.net.tcp().close(server.sk, pair.now);
  pair.b.net.tcp().close(listener.sk, pair.now);
  pair.expect_baseline();
  EXPECT_EQ(client.released + server.released + listener.released, 3);
}

TEST(TcpLossy, CleanLinkNeedsNoRetransmission) {
  TcpConfig tcp;
  tcp.msl = kSecond;
  Pair pair(1, {}, tcp);
  FakeStream listener, client;
  ASSERT_EQ(pair.b.net.tcp().bind(listener.sk, {{}, 80}, false), 0);
  ASSERT_EQ(pair.b.net.tcp().listen(listener.sk, 8, pair.now), 0);
  ASSERT_EQ(pair.a.net.tcp().connect(client.sk, {kPeer, 80}, pair.now), -EINPROGRESS);
  Sender up{random_text(pair.rng, 1'000'000)};
  while (pair.step(100 * kSecond)) {
    if (client.connected != 0) up.go_on(pair, pair.a, client);
    if (!listener.accepted.empty() && listener.accepted[0]->ends != 0) break;
  }
  EXPECT_TRUE(listener.accepted.at(0)->received == up.text);
  EXPECT_EQ(pair.a.counters.tcp_retransmitted + pair.b.counters.tcp_retransmitted, 0u);
  pair.a.net.tcp().close(client.sk, pair.now);
  pair.b.net.tcp().close(listener.accepted[0]->sk, pair.now);
  pair.b.net.tcp().close(listener.sk, pair.now);
  pair.expect_baseline();
}

// What is lost is sent again, and little else (RFC 8985).
TEST(TcpLossy, OnePercentCostsOnePercent) {
  TcpConfig tcp;
  tcp.msl = kSecond;
  uint64_t again = 0, lost = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Pair pair(seed, {.loss = 0.01, .delay = 500 * kMicro}, tcp);
    FakeStream listener, client;
    ASSERT_EQ(pair.b.net.tcp().bind(listener.sk, {{}, 80}, false), 0);
    ASSERT_EQ(pair.b.net.tcp().listen(listener.sk, 8, pair.now), 0);
    ASSERT_EQ(pair.a.net.tcp().connect(client.sk, {kPeer, 80}, pair.now), -EINPROGRESS);
    Sender up{random_text(pair.rng, 2'000'000)};
    const Nanos begin = pair.now;
    while (pair.step(100 * kSecond)) {
      if (client.connected != 0) up.go_on(pair, pair.a, client);
      if (!listener.accepted.empty() && listener.accepted[0]->ends != 0) break;
    }
    EXPECT_TRUE(listener.accepted.at(0)->received == up.text);
    again += pair.a.counters.tcp_retransmitted, lost += pair.lost;
    RecordProperty("ms", static_cast<int>((pair.now - begin) / kMilli));
    pair.a.net.tcp().close(client.sk, pair.now);
    pair.b.net.tcp().close(listener.accepted[0]->sk, pair.now);
    pair.b.net.tcp().close(listener.sk, pair.now);
    pair.expect_baseline();
  }
  EXPECT_LE(again, lost + lost / 4 + 20) << lost << " were lost";
}

TEST(TcpLossy, Clean) { exchange(1, {}, 300'000); }

TEST(TcpLossy, EverythingAtOnce) {
  for (uint64_t seed = 1; seed <= 40; ++seed)
    exchange(seed, {.loss = 0.03, .duplicate = 0.02, .reorder = 0.1}, 60'000);
}

TEST(TcpLossy, HeavyLoss) {
  for (uint64_t seed = 100; seed < 110; ++seed) exchange(seed, {.loss = 0.2}, 20'000);
}

TEST(TcpLossy, WithoutOptions) {
  TcpConfig plain;
  plain.sack = plain.timestamps = plain.window_scaling = false;
  plain.congestion = CongestionControl::newreno;
  for (uint64_t seed = 200; seed < 220; ++seed)
    exchange(seed, {.loss = 0.03, .duplicate = 0.02, .reorder = 0.1}, 60'000, plain);
}

TEST(TcpLossy, NagleAndDelayedAck) {
  TcpConfig slow;
  slow.nagle = true, slow.delayed_ack = 10 * kMilli;
  for (uint64_t seed = 300; seed < 310; ++seed)
    exchange(seed, {.loss = 0.02, .duplicate = 0.02, .reorder = 0.1}, 30'000, slow);
}

TEST(TcpLossy, SmallPools) {
  TcpConfig small;
  small.ooo_chunks_max = 4;
  for (uint64_t seed = 400; seed < 410; ++seed)
    exchange(seed, {.loss = 0.05, .reorder = 0.1}, 50'000, small);
}

}  // namespace
}  // namespace pinion
