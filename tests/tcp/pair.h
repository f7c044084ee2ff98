// Two ends over a link of a seed, at one virtual clock: for tests of Tcp against itself where
// something is scarce, or slow, or gone for a while.
#pragma once
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "tcp/bed.h"

namespace pinion::testing {

struct PairOptions {
  uint64_t seed = 1;
  double loss = 0, repeat = 0, reorder = 0;
  Nanos delay = 500 * kMicro;  // one way
  TcpConfig tcp{};
  size_t bytes = 100'000;  // each connection, to the server
  size_t connections = 1;
};

struct TcpPair {
  struct End {
    MemoryPort port;
    Counters counters;
    Net net;
    End(Mac own_mac, Mac mac, Ipv4 own, Ipv4 other, const TcpConfig& tcp)
        : port(own_mac), net(config(port, own, other, mac, tcp), counters) {}
    static NetConfig config(MemoryPort& port, Ipv4 own, Ipv4 other, Mac mac,
                            const TcpConfig& tcp) {
      NetConfig net;
      net.interfaces = {{.name = "eth0", .port = &port, .addresses = {{own, 24}}}};
      net.neighbours = {{other, mac, 0}};
      net.udp_sockets_max = 8;
      net.tcp = tcp;
      net.tcp.connections_max = 64;
      net.tcp.msl = kSecond;
      net.secret[0] = own.v;
      return net;
    }
    Tcp& tcp() { return net.tcp(); }
  };
  // A client's stream, what it has to send, and where its server's stream is.
  struct Client {
    FakeStream stream;
    std::string text;
    size_t given = 0;
    bool shut = false;
  };

  PairOptions options;
  Rng rng;
  Nanos now = kSecond;
  bool down = false;     // the link: everything is lost
  uint64_t lost = 0;
  End a, b;
  std::multimap<Nanos, Packet> to_a, to_b;
  FakeStream listener;
  std::vector<std::unique_ptr<Client>> clients;

  explicit TcpPair(const PairOptions& o)
      : options(o),
        rng(o.seed),
        a(kOurMac, kPeerMac, kOurs, kPeer, o.tcp),
        b(kPeerMac, kOurMac, kPeer, kOurs, o.tcp) {
    EXPECT_EQ(b.tcp().bind(listener.sk, {{}, 80}, false), 0);
    EXPECT_EQ(b.tcp().listen(listener.sk, 64, now), 0);
    for (size_t i = 0; i < o.connections; ++i) {
      auto& c = *clients.emplace_back(std::make_unique<Client>());
      c.text.resize(o.bytes);
      for (char& x : c.text) x = static_cast<char>(rng.next());
      EXPECT_EQ(a.tcp().connect(c.stream.sk, {kPeer, 80}, now), -EINPROGRESS);
    }
  }

  // One event. False: nothing happens before `limit`.
  bool step(Nanos limit) {
    carry(a, to_b), carry(b, to_a);
    Nanos next = std::min(a.net.next_deadline(), b.net.next_deadline());
    if (!to_a.empty()) next = std::min(next, to_a.begin()->first);
    if (!to_b.empty()) next = std::min(next, to_b.begin()->first);
    if (next > limit) return false;
    now = std::max(now, next);
    arrive(a, to_a), arrive(b, to_b);
    a.net.expire(now), b.net.expire(now);
    for (auto& c : clients) go_on(*c);
    return true;
  }
  void go_on(Client& c) {
    if (c.stream.connected == 0 || c.stream.failures != 0) return;
    if (c.given < c.text.size() && c.stream.to_send.size() < 200'000) {
      const size_t n = std::min<size_t>(c.text.size() - c.given, 1 + rng.below(20'000));
      const Bytes piece = bytes_of(std::string_view{c.text}.substr(c.given, n));
      c.stream.to_send.insert(c.stream.to_send.end(), piece.begin(), piece.end());
      c.given += n;
      a.tcp().append(c.stream.sk, static_cast<uint32_t>(n), now);
      a.tcp().output(c.stream.sk, now);
    } else if (c.given == c.text.size() && !c.shut) {
      c.shut = true;
      EXPECT_EQ(a.tcp().shutdown(c.stream.sk, now), 0);
    }
  }
  bool all_arrived() const {
    size_t ends = 0;
    for (const auto& s : listener.accepted) ends += s->ends != 0;
    return ends == clients.size();
  }

  // Each text has arrived in one of the server's streams; then all is closed and at the baseline.
  void expect_delivered() {
    ASSERT_EQ(listener.accepted.size(), clients.size());
    std::multimap<std::string, int> texts;
    for (const auto& c : clients) {
      EXPECT_EQ(c->stream.failures, 0) << c->stream.error;
      texts.emplace(c->text, 0);
    }
    for (const auto& s : listener.accepted) {
      EXPECT_EQ(s->failures, 0) << s->error;
      const auto it = texts.find(s->received);
      EXPECT_TRUE(it != texts.end()) << "seed " << options.seed << ": " << s->received.size();
      if (it != texts.end()) texts.erase(it);
    }
    close_all();
  }
  void close_all() {
    for (const auto& c : clients) a.tcp().close(c->stream.sk, now);
    for (const auto& s : listener.accepted) b.tcp().close(s->sk, now);
    b.tcp().close(listener.sk, now);
    for (const auto& c : clients) c->given = c->text.size(), c->shut = true;
    const Nanos limit = now + 1000 * kSecond;
    while ((a.tcp().tcbs_used() != 0 || b.tcp().tcbs_used() != 0) && step(limit)) {
    }
    for (End* end : {&a, &b}) {
      EXPECT_EQ(end->tcp().tcbs_used(), 0u);
      EXPECT_EQ(end->tcp().segments_used(), 0u);
    }
    for (const auto& s : listener.accepted) EXPECT_EQ(s->chunks, 0u);
  }

 private:
  void carry(End& from, std::multimap<Nanos, Packet>& to) {
    from.net.tx(now);
    for (Packet& p : from.port.take_sent()) {
      if (down || rng.chance(options.loss)) {
        ++lost;
        continue;
      }
      Nanos at = now + options.delay;
      if (rng.chance(options.reorder)) at += rng.below(static_cast<uint32_t>(options.delay));
      if (rng.chance(options.repeat)) to.emplace(at, p);
      to.emplace(at, std::move(p));
    }
  }
  void arrive(End& end, std::multimap<Nanos, Packet>& from) {
    while (!from.empty() && from.begin()->first <= now) {
      end.port.receive(from.begin()->second);
      from.erase(from.begin());
      end.net.rx(now);
    }
  }
};

}  // namespace pinion::testing
