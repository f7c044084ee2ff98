// The contract of network.h. Each case runs between two networks: Pinion's and the kernel's over a
// veth, in both roles, and the kernel's with itself.
#include "gateway/net/network.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "e2e/world.h"
#include "gateway/net/kernel_network.h"
#include "gateway/net/rio_network.h"

namespace pinion::e2e {
namespace {

using gateway::DatagramHandler;
using gateway::Endpoint;
using gateway::Network;
using gateway::SocketId;
using gateway::StreamHandler;

constexpr uint16_t kNetworkPort = 7300;

// Bytes that tell their place.
char byte_at(size_t i) { return static_cast<char>(i * 31 + (i >> 8) * 7 + (i >> 16)); }

struct StreamEnd : StreamHandler {
  StreamHandler* on_accepted(SocketId id) override {
    ++accepted;
    if (refuses) return nullptr;
    stream = id, open = true;
    return this;
  }
  void on_connected(SocketId id) override {
    EXPECT_EQ(id, stream);
    open = true;
  }
  // Leaves a few bytes each time: they must come again, in front.
  size_t on_received(SocketId id, std::string_view bytes) override {
    EXPECT_EQ(id, stream);
    const size_t left = done || bytes.size() < 4 ? 0 : (received + bytes.size()) % 4;
    const size_t take = bytes.size() - (received + bytes.size() == expected ? 0 : left);
    for (size_t i = 0; i < take; ++i)
      if (bytes[i] != byte_at(received + i)) wrong = true;
    received += take;
    return take;
  }
  void on_closed(SocketId id, int s) override {
    EXPECT_EQ(id, stream);
    open = false, closed = true, status = s;
  }

  SocketId stream;
  int accepted = 0, status = 1;
  size_t sent = 0, received = 0, expected = 0;
  bool open = false, closed = false, wrong = false, done = false, refuses = false;
};

struct DatagramEnd : DatagramHandler {
  void on_datagram(SocketId, std::string_view bytes, uint64_t time) override {
    got.emplace_back(bytes);
    last_time = time;
  }
  std::vector<std::string> got;
  uint64_t last_time = 0;
};

// Ends its stream within one of its handlers, and must hear nothing of it after that.
enum class Where : uint8_t { accepted, accepted_for_nobody, connected, received, closed };
struct EndsWithin : StreamHandler {
  EndsWithin(Network& n, Where w, bool a) : network(n), where(w), aborts(a) {}
  void end(SocketId id, Where here) {
    EXPECT_FALSE(ended) << "it heard of a stream that it had ended";
    if (here != where) return;
    ended = true;
    if (aborts) network.abort(id);
    else network.close(id);
    if (where != Where::closed) {
      EXPECT_FALSE(network.send(id, "x"));
    }
  }
  StreamHandler* on_accepted(SocketId id) override {
    end(id, Where::accepted);
    if (!ended) end(id, Where::accepted_for_nobody);
    if (where == Where::received) {
      EXPECT_TRUE(network.send(id, "hello"));
    }
    return where == Where::accepted_for_nobody ? nullptr : this;
  }
  void on_connected(SocketId id) override {
    end(id, Where::connected);
    if (!ended) {
      EXPECT_TRUE(network.send(id, "hello"));
    }
  }
  size_t on_received(SocketId id, std::string_view bytes) override {
    end(id, Where::received);
    EXPECT_EQ(bytes.substr(0, 1), "h") << "still there after the end of its stream";
    return bytes.size();
  }
  void on_closed(SocketId id, int) override { end(id, Where::closed); }

  Network& network;
  Where where;
  bool aborts, ended = false;
};

struct ClosesWithin : DatagramHandler {
  explicit ClosesWithin(Network& n) : network(n) {}
  void on_datagram(SocketId id, std::string_view, uint64_t) override {
    ++got;
    network.close(id);
  }
  Network& network;
  int got = 0;
};

// A listener of the kernel whose connections are never read, with little room.
struct ListenerThatDoesNotRead {
  explicit ListenerThatDoesNotRead(uint16_t port) : fd(socket(AF_INET, SOCK_STREAM, 0)) {
    const int little = 4096, yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    const Name name(kKernelIp, port);
    EXPECT_EQ(bind(fd, name.get(), name.length), 0);
    EXPECT_EQ(listen(fd, 64), 0);
  }
  ~ListenerThatDoesNotRead() { ::close(fd); }
  int fd;
};

class NetworkContract : public World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (IsSkipped()) return;
    MakeNetworks();
  }
  void TearDown() override { TearDownNetworks(); }
  void MakeNetworks() {
    ASSERT_EQ(rio_open(socket_path().c_str(), &session_), 0) << rio_last_error();
    auto rio = std::make_unique<gateway::RioNetwork>(config_, session_, 0);
    ASSERT_EQ(rio->open(), 0) << rio->error();
    rio_ = std::move(rio);
    kernel_ = std::make_unique<gateway::KernelNetwork>(config_);
    other_ = std::make_unique<gateway::KernelNetwork>(config_);
  }
  void TearDownNetworks() {
    rio_.reset();
    kernel_.reset();
    other_.reset();
    if (session_ != nullptr) rio_close(std::exchange(session_, nullptr));
  }

  // A listens, B connects.
  struct Pair {
    const char* name;
    Network *a, *b;
    std::string ip_of_a, ip_of_b;
    uint16_t port;
  };
  std::vector<Pair> pairs() {
    return {{"Pinion listens", rio_.get(), kernel_.get(), kPinionIp, kKernelIp, next_port_++},
            {"Pinion connects", kernel_.get(), rio_.get(), kKernelIp, kPinionIp, next_port_++},
            {"the kernel alone", kernel_.get(), other_.get(), kKernelIp, kKernelIp, next_port_++}};
  }
  template <class Condition>
  bool polled(const Pair& p, const Condition& condition) {
    return within(kPatienceMs, [&] {
      for (int i = 0; i < 20; ++i) {
        EXPECT_GE(p.a->poll(), 0);
        EXPECT_GE(p.b->poll(), 0);
      }
      return condition();
    });
  }
  void connect(const Pair& p, StreamEnd& a, StreamEnd& b) {
    ASSERT_EQ(p.a->listen({p.ip_of_a, p.port}, a), 0) << p.name << p.a->error();
    ASSERT_EQ(p.b->connect({p.ip_of_a, p.port}, b, b.stream), 0) << p.name << p.b->error();
    ASSERT_TRUE(polled(p, [&] { return a.open && b.open; })) << p.name;
  }
  // As much as there is room for, in pieces of odd sizes.
  static void send_some(Network& network, StreamEnd& end, size_t total) {
    char piece[5000];
    while (end.sent < total) {
      const size_t n = std::min({sizeof piece, total - end.sent, 1 + end.sent % 4999});
      if (network.room(end.stream) < n) return;
      for (size_t i = 0; i < n; ++i) piece[i] = byte_at(end.sent + i);
      ASSERT_TRUE(network.send(end.stream, {piece, n}));
      end.sent += n;
    }
  }

  gateway::NetworkConfig config_{.streams_max = 8,
                                 .receive_bytes = 16 << 10,
                                 .send_bytes = 32 << 10,
                                 .datagrams_max = 8,
                                 .close_ms = static_cast<uint32_t>(kPatienceMs)};
  rio_session* session_ = nullptr;
  std::unique_ptr<Network> rio_, kernel_, other_;
  uint16_t next_port_ = kNetworkPort;
};

TEST_F(NetworkContract, BytesBothWays) {
  constexpr size_t kTotal = 2 << 20;
  for (const Pair& p : pairs()) {
    StreamEnd a, b;
    a.expected = b.expected = kTotal;
    connect(p, a, b);
    if (HasFatalFailure()) return;
    EXPECT_TRUE(polled(p,
                       [&] {
                         send_some(*p.a, a, kTotal);
                         send_some(*p.b, b, kTotal);
                         return a.received == kTotal && b.received == kTotal;
                       }))
        << p.name << " " << a.received << " " << b.received;
    EXPECT_FALSE(a.wrong || b.wrong) << p.name;
    p.a->close(a.stream);
    EXPECT_TRUE(polled(p, [&] { return b.closed; })) << p.name;
    EXPECT_EQ(b.status, 0) << p.name;
    EXPECT_FALSE(a.closed) << p.name;  // it closed itself
    EXPECT_FALSE(p.a->send(a.stream, "x")) << p.name;
    EXPECT_EQ(p.b->room(b.stream), 0u) << p.name;
  }
}

// More sends than there can be requests, a byte each, in one turn; then close().
TEST_F(NetworkContract, ManySmallSends) {
  for (const Pair& p : pairs()) {
    StreamEnd a, b;
    connect(p, a, b);
    if (HasFatalFailure()) return;
    a.expected = 5000;
    for (; b.sent < a.expected; ++b.sent) {
      const char one = byte_at(b.sent);
      ASSERT_TRUE(p.b->send(b.stream, {&one, 1})) << p.name << b.sent;
    }
    p.b->close(b.stream);
    EXPECT_TRUE(polled(p, [&] { return a.closed; })) << p.name;
    EXPECT_EQ(a.received, a.expected) << p.name;
    EXPECT_FALSE(a.wrong) << p.name;
  }
}

// What was sent before close() arrives, then the end.
TEST_F(NetworkContract, CloseGoesBehindWhatWasSent) {
  for (const Pair& p : pairs()) {
    StreamEnd a, b;
    connect(p, a, b);
    if (HasFatalFailure()) return;
    const size_t total = p.b->room(b.stream);
    a.expected = total;
    send_some(*p.b, b, total);
    ASSERT_EQ(b.sent, total) << p.name;
    p.b->close(b.stream);
    EXPECT_TRUE(polled(p, [&] { return a.closed; })) << p.name;
    EXPECT_EQ(a.status, 0) << p.name;
    EXPECT_EQ(a.received, total) << p.name;
    EXPECT_FALSE(a.wrong) << p.name;
  }
}

// The peer answers before it has seen the end, as the other side of a FIX Logout does: no reset
// takes what was sent to it.
TEST_F(NetworkContract, WhatComesAfterCloseIsNoReset) {
  constexpr size_t kTotal = 1000;
  for (const Pair& p : pairs()) {
    StreamEnd a, b;
    connect(p, a, b);
    if (HasFatalFailure()) return;
    b.expected = kTotal;
    send_some(*p.a, a, kTotal);
    p.a->close(a.stream);
    ASSERT_TRUE(within(kPatienceMs, [&] {  // b is not polled, so it has not seen the end
      EXPECT_GE(p.a->poll(), 0);
      return p.b->room(b.stream) >= kTotal;
    })) << p.name;
    send_some(*p.b, b, kTotal);
    EXPECT_TRUE(polled(p, [&] { return b.closed; })) << p.name;
    EXPECT_EQ(b.status, 0) << p.name;
    EXPECT_EQ(b.received, kTotal) << p.name;
  }
}

TEST_F(NetworkContract, NobodyListens) {
  for (const Pair& p : pairs()) {
    StreamEnd b;
    ASSERT_EQ(p.b->connect({p.ip_of_a, p.port}, b, b.stream), 0) << p.name;
    EXPECT_TRUE(polled(p, [&] { return b.closed; })) << p.name;
    EXPECT_EQ(b.status, -ECONNREFUSED) << p.name;
  }
}

// A slot that is free again is another one: old ids are dead. Many more than there are slots.
TEST_F(NetworkContract, SlotsAreUsedAgain) {
  for (const Pair& p : pairs()) {
    StreamEnd a;
    ASSERT_EQ(p.a->listen({p.ip_of_a, p.port}, a), 0) << p.name;
    SocketId last;
    for (int i = 0; i < 20; ++i) {
      StreamEnd b;
      a.open = a.closed = false;
      int status = -ENOBUFS;  // the one before may not have given its slot back yet
      ASSERT_TRUE(polled(p, [&] {
        if (status == -ENOBUFS) status = p.b->connect({p.ip_of_a, p.port}, b, b.stream);
        return status != -ENOBUFS;
      })) << p.name;
      ASSERT_EQ(status, 0) << p.name << p.b->error();
      ASSERT_TRUE(polled(p, [&] { return a.open && b.open; })) << p.name << i;
      EXPECT_NE(b.stream, last) << p.name;
      if (i > 0) {
        EXPECT_FALSE(p.b->send(last, "x")) << p.name;
      }
      last = b.stream;
      p.b->close(b.stream);
      ASSERT_TRUE(polled(p, [&] { return a.closed; })) << p.name;
    }
    EXPECT_EQ(a.accepted, 20) << p.name;
  }
}

TEST_F(NetworkContract, RefusedByTheHandler) {
  for (const Pair& p : pairs()) {
    StreamEnd a, b;
    a.refuses = true;
    ASSERT_EQ(p.a->listen({p.ip_of_a, p.port}, a), 0) << p.name;
    ASSERT_EQ(p.b->connect({p.ip_of_a, p.port}, b, b.stream), 0) << p.name;
    EXPECT_TRUE(polled(p, [&] { return b.closed; })) << p.name;
    EXPECT_EQ(a.accepted, 1) << p.name;
  }
}

class NetworkPlaces : public NetworkContract {
 protected:
  NetworkPlaces() { config_.accepted_max = 2, config_.close_ms = 600'000; }
};

// Who connects to a gateway must not take the places from which it connects to its venue.
TEST_F(NetworkPlaces, AcceptedStreamsLeaveRoomForOurOwn) {
  struct Many : StreamHandler {
    StreamHandler* on_accepted(SocketId) override { return ++accepted, this; }
    void on_connected(SocketId) override { ++connected; }
    size_t on_received(SocketId, std::string_view bytes) override { return bytes.size(); }
    void on_closed(SocketId, int) override { ++closed; }
    int accepted = 0, connected = 0, closed = 0;
  };
  for (const Pair& p : pairs()) {
    Many here, there, own, venue;
    ASSERT_EQ(p.a->listen({p.ip_of_a, p.port}, here), 0) << p.name;
    SocketId ids[4], to_venue;
    for (SocketId& id : ids)  // slots of the pair before are on their way back
      ASSERT_TRUE(polled(p,
                         [&] {
                           return p.b->connect({p.ip_of_a, p.port}, there, id) == 0;
                         }))
          << p.name << p.b->error();
    EXPECT_TRUE(polled(p, [&] { return there.closed == 2 && here.accepted == 2; })) << p.name;
    const uint16_t port = next_port_++;
    ASSERT_EQ(p.b->listen({p.ip_of_b, port}, venue), 0) << p.name << p.b->error();
    ASSERT_EQ(p.a->connect({p.ip_of_b, port}, own, to_venue), 0) << p.name << p.a->error();
    EXPECT_TRUE(polled(p, [&] { return own.connected == 1; })) << p.name;
    for (const SocketId id : ids) p.b->close(id);
    p.a->close(to_venue);
    EXPECT_TRUE(polled(p, [&] { return here.closed == 2 && venue.closed == 1; })) << p.name;
  }
}

// The time that a peer has to take what was sent is no time for it to keep others out.
TEST_F(NetworkPlaces, ClosedStreamsThatDoNotEndGiveWay) {
  struct Accepts : StreamHandler {
    StreamHandler* on_accepted(SocketId id) override { return ++accepted, stream = id, this; }
    size_t on_received(SocketId, std::string_view bytes) override { return bytes.size(); }
    void on_closed(SocketId, int) override {}
    SocketId stream;
    int accepted = 0;
  };
  for (const Pair& p : pairs()) {
    Accepts here;
    ASSERT_EQ(p.a->listen({p.ip_of_a, p.port}, here), 0) << p.name;
    const Name name(p.ip_of_a, p.port);
    int peers[2];
    for (int i = 0; i < 2; ++i) {
      peers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      ASSERT_EQ(::connect(peers[i], name.get(), name.length), 0) << p.name;
      ASSERT_TRUE(polled(p, [&] { return here.accepted == i + 1; })) << p.name;
      p.a->close(here.stream);
      char byte;
      EXPECT_TRUE(polled(p, [&] { return recv(peers[i], &byte, 1, MSG_DONTWAIT) == 0; }));
    }
    int error = 0;
    socklen_t length = sizeof error;
    EXPECT_TRUE(polled(p, [&] {
      getsockopt(peers[0], SOL_SOCKET, SO_ERROR, &error, &length);
      return error != 0;
    })) << p.name;
    EXPECT_EQ(error, EPIPE) << p.name;  // Linux's word for a reset behind the end
    for (const int peer : peers) ::close(peer);
  }
}

TEST_F(NetworkContract, DatagramsBothWays) {
  for (const Pair& p : pairs()) {
    DatagramEnd a, b;
    SocketId at_a, at_b;
    const auto port_of_b = static_cast<uint16_t>(p.port + 100);
    ASSERT_EQ(p.a->open_datagram({p.ip_of_a, p.port}, a, at_a), 0) << p.a->error();
    ASSERT_EQ(p.b->open_datagram({p.ip_of_b, port_of_b}, b, at_b), 0) << p.b->error();
    for (int i = 0; i < 100; ++i) {
      const std::string text = std::to_string(i) + std::string(static_cast<size_t>(i) * 13, 'd');
      ASSERT_TRUE(polled(p, [&] { return p.a->send_to(at_a, {p.ip_of_b, port_of_b}, text); }));
      ASSERT_TRUE(polled(p, [&] { return b.got.size() == static_cast<size_t>(i) + 1; })) << i;
      ASSERT_EQ(b.got.back(), text) << p.name;
      ASSERT_TRUE(polled(p, [&] { return p.b->send_to(at_b, {p.ip_of_a, p.port}, text); }));
      ASSERT_TRUE(polled(p, [&] { return a.got.size() == static_cast<size_t>(i) + 1; })) << i;
      ASSERT_EQ(a.got.back(), text) << p.name;
    }
  }
}

// The peer hears of it as of a failure, and the slot is free again: many more than there are slots.
TEST_F(NetworkContract, AbortIsAReset) {
  for (const Pair& p : pairs()) {
    StreamEnd a;
    ASSERT_EQ(p.a->listen({p.ip_of_a, p.port}, a), 0) << p.name;
    for (int i = 0; i < 20; ++i) {
      StreamEnd b;
      a.open = a.closed = false;
      int status = -ENOBUFS;
      ASSERT_TRUE(polled(p, [&] {
        if (status == -ENOBUFS) status = p.b->connect({p.ip_of_a, p.port}, b, b.stream);
        return status != -ENOBUFS;
      })) << p.name;
      ASSERT_TRUE(polled(p, [&] { return a.open && b.open; })) << p.name << i;
      if (i % 2 != 0) {
        p.b->abort(b.stream);
        EXPECT_FALSE(p.b->send(b.stream, "x")) << p.name;
        ASSERT_TRUE(polled(p, [&] { return a.closed; })) << p.name;
        EXPECT_EQ(a.status, -ECONNRESET) << p.name;
      } else {
        p.a->abort(a.stream);
        ASSERT_TRUE(polled(p, [&] { return b.closed; })) << p.name;
        EXPECT_EQ(b.status, -ECONNRESET) << p.name;
      }
    }
  }
}

// With what was sent to it still waiting, by close() and by abort(). If one of them kept its slot,
// there would be none for the last ones.
TEST_F(NetworkContract, APeerThatDoesNotReadKeepsNoSlot) {
  TearDownNetworks();
  config_.close_ms = 300;
  MakeNetworks();
  for (Network* network : {rio_.get(), kernel_.get()}) {
    const uint16_t port = next_port_++;
    const ListenerThatDoesNotRead listener(port);
    const Pair alone{"", network, network, "", "", port};
    for (uint32_t i = 0; i < 2 * config_.streams_max; ++i) {
      StreamEnd end;
      int status = -ENOBUFS;
      ASSERT_TRUE(polled(alone, [&] {
        if (status == -ENOBUFS) status = network->connect({kKernelIp, port}, end, end.stream);
        return status != -ENOBUFS;
      })) << i;
      ASSERT_TRUE(polled(alone, [&] { return end.open; }))
          << (network == rio_.get() ? "Pinion " : "the kernel ") << i << " " << network->error();
      // More than all the buffers on the way; it stops when they are full.
      size_t last = SIZE_MAX;
      EXPECT_TRUE(polled(alone, [&] {
        const size_t before = std::exchange(last, end.sent);
        send_some(*network, end, 64 << 20);
        return network->room(end.stream) < 5000 && before == end.sent;
      })) << end.sent;
      ASSERT_FALSE(end.closed);
      if (i % 4 == 3) network->abort(end.stream);
      else network->close(end.stream);
    }
  }
}

// The peer has said all, and reads what is sent to it nevertheless.
TEST_F(NetworkContract, WhatWasSentGoesAfterThePeersEnd) {
  for (Network* network : {rio_.get(), kernel_.get()}) {
    const uint16_t port = next_port_++;
    const ListenerThatDoesNotRead listener(port);
    const Pair alone{"", network, network, "", "", port};
    StreamEnd end;
    ASSERT_EQ(network->connect({kKernelIp, port}, end, end.stream), 0);
    ASSERT_TRUE(polled(alone, [&] { return end.open; }));
    const int fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK);
    ASSERT_GE(fd, 0);
    send_some(*network, end, network->room(end.stream));
    ASSERT_EQ(shutdown(fd, SHUT_WR), 0);
    size_t got = 0;
    char piece[3000];
    EXPECT_TRUE(polled(alone, [&] {
      const ssize_t n = recv(fd, piece, sizeof piece, 0);
      if (n > 0) got += static_cast<size_t>(n);
      return n == 0;
    })) << got;
    EXPECT_EQ(got, end.sent);
    EXPECT_TRUE(end.closed);
    EXPECT_EQ(end.status, 0);
    ::close(fd);
  }
}

TEST_F(NetworkContract, HandlersMayEndTheirStream) {
  for (const Where where : {Where::accepted, Where::accepted_for_nobody, Where::connected,
                            Where::received, Where::closed}) {
    for (const bool aborts : {false, true}) {
      const bool a_ends = where == Where::accepted || where == Where::accepted_for_nobody;
      for (const Pair& p : pairs()) {
        SCOPED_TRACE(std::string(p.name) + " " + std::to_string(static_cast<int>(where)));
        EndsWithin ends(a_ends ? *p.a : *p.b, where, aborts);
        StreamEnd other;
        other.done = true;
        StreamHandler& a = a_ends ? static_cast<StreamHandler&>(ends) : other;
        StreamHandler& b = a_ends ? static_cast<StreamHandler&>(other) : ends;
        ASSERT_EQ(p.a->listen({p.ip_of_a, p.port}, a), 0);
        SocketId stream;
        ASSERT_EQ(p.b->connect({p.ip_of_a, p.port}, b, stream), 0);
        if (a_ends) other.stream = stream;
        if (where == Where::received || where == Where::closed) {
          ASSERT_TRUE(polled(p, [&] { return other.open; }));
          if (where == Where::received) {
            EXPECT_TRUE(p.a->send(other.stream, "hello"));
          } else p.a->close(other.stream);
        }
        EXPECT_TRUE(
            polled(p, [&] { return ends.ended && (where == Where::closed || other.closed); }));
      }
    }
    // Each listener has its slot for ever.
    TearDownNetworks();
    MakeNetworks();
    if (HasFatalFailure()) return;
  }
}

TEST_F(NetworkContract, HandlersMayCloseTheirDatagramSocket) {
  for (const Pair& p : pairs()) {
    ClosesWithin a(*p.a);
    DatagramEnd b;
    SocketId at_a, at_b;
    ASSERT_EQ(p.a->open_datagram({p.ip_of_a, p.port}, a, at_a), 0) << p.a->error();
    ASSERT_EQ(p.b->open_datagram({p.ip_of_b, 0}, b, at_b), 0) << p.b->error();
    for (int i = 0; i < 4; ++i)
      ASSERT_TRUE(polled(p, [&] { return p.b->send_to(at_b, {p.ip_of_a, p.port}, "x"); }));
    EXPECT_TRUE(polled(p, [&] { return a.got > 0; })) << p.name;
    // The port is free again: what comes now is the new socket's.
    DatagramEnd again;
    ASSERT_TRUE(polled(p,
                       [&] {
                         return p.a->open_datagram({p.ip_of_a, p.port}, again, at_a) == 0;
                       }))
        << p.name << p.a->error();
    ASSERT_TRUE(polled(p, [&] { return p.b->send_to(at_b, {p.ip_of_a, p.port}, "y"); }));
    EXPECT_TRUE(polled(p, [&] { return !again.got.empty() && again.got.back() == "y"; })) << p.name;
    EXPECT_EQ(a.got, 1) << p.name;
    p.a->close(at_a);
    p.b->close(at_b);
  }
}

TEST_F(NetworkContract, AddressesOfBothEnds) {
  for (const Pair& p : pairs()) {
    StreamEnd a, b;
    connect(p, a, b);
    if (HasFatalFailure()) return;
    EXPECT_EQ(p.a->local_address(a.stream), (Endpoint{p.ip_of_a, p.port})) << p.name;
    EXPECT_EQ(p.b->peer_address(b.stream), (Endpoint{p.ip_of_a, p.port})) << p.name;
    EXPECT_EQ(p.b->local_address(b.stream).ip, p.ip_of_b) << p.name;
    EXPECT_EQ(p.a->peer_address(a.stream), p.b->local_address(b.stream)) << p.name;
    p.a->close(a.stream);
    EXPECT_EQ(p.a->peer_address(a.stream), Endpoint{}) << p.name;
    EXPECT_EQ(p.a->local_address(a.stream), Endpoint{}) << p.name;
    EXPECT_EQ(p.a->peer_address(SocketId{}), Endpoint{}) << p.name;
    EXPECT_TRUE(polled(p, [&] { return b.closed; })) << p.name;
    EXPECT_EQ(p.b->peer_address(b.stream), Endpoint{}) << p.name;
  }
}

// As many streams as a gateway has for 64 clients at a port each, in the memory that a session has
// when nothing else is configured.
TEST_F(NetworkContract, TheStreamsOf64ClientsFitIntoASession) {
  TearDownNetworks();
  config_ = {.streams_max = 464, .datagram_sockets_max = 1, .datagrams_max = 512};
  MakeNetworks();
  if (HasFatalFailure()) return;
  DatagramEnd a, b;
  SocketId first, second;
  EXPECT_EQ(rio_->open_datagram({kPinionIp, 0}, a, first), 0) << rio_->error();
  EXPECT_EQ(rio_->open_datagram({kPinionIp, 0}, b, second), -ENOBUFS);
  rio_->close(first);
  EXPECT_TRUE(within(kPatienceMs, [&] {
    EXPECT_GE(rio_->poll(), 0);
    return rio_->open_datagram({kPinionIp, 0}, b, second) == 0;
  }));
}

TEST_F(NetworkContract, DatagramsTellWhenTheyCame) {
  for (const Pair& p : pairs()) {
    DatagramEnd a, b;
    SocketId at_a, at_b;
    ASSERT_EQ(p.a->open_datagram({p.ip_of_a, 0}, a, at_a), 0) << p.a->error();
    ASSERT_EQ(p.b->open_datagram({p.ip_of_b, 0}, b, at_b), 0) << p.b->error();
    const uint64_t before = p.b->now_ns();
    const Endpoint to = p.b->local_address(at_b);
    ASSERT_TRUE(polled(p, [&] { return p.a->send_to(at_a, to, "x"); }));
    ASSERT_TRUE(polled(p, [&] { return !b.got.empty(); })) << p.name;
    // Pinion's core stamps with the time at which its turn began.
    EXPECT_GE(b.last_time + 1'000'000, before) << p.name;
    EXPECT_LE(b.last_time, p.b->now_ns()) << p.name;
    p.a->close(at_a);
    p.b->close(at_b);
  }
}

// A sends to a group that B has joined from every source, from A and from somebody else; beside it
// B has joined another group of the same port. A datagram to B itself, sent behind the one to the
// group, tells that what has not come will not come.
struct GroupEnd {
  DatagramEnd got;
  SocketId socket;
};

TEST_F(NetworkContract, GroupsAreJoinedWithAndWithoutASource) {
  const std::string joined = "239.7.7.1", other = "239.7.7.2";
  for (const Pair& p : pairs()) {
    const auto port = static_cast<uint16_t>(p.port + 200);
    DatagramEnd sends;
    SocketId from;
    ASSERT_EQ(p.a->open_datagram({p.ip_of_a, 0}, sends, from), 0) << p.a->error();
    EXPECT_EQ(p.a->local_address(from).ip, p.ip_of_a);
    EXPECT_NE(p.a->local_address(from).port, 0) << p.name;
    GroupEnd all, picky, wrong, neighbour, marks;
    const auto joins = [&](GroupEnd& end, const std::string& group, const std::string& source) {
      ASSERT_EQ(p.b->open_datagram({group, port}, end.got, end.socket), 0) << p.b->error();
      EXPECT_EQ(p.b->local_address(end.socket).port, port);
      ASSERT_EQ(p.b->join_group(end.socket, {group, source, "nic", p.ip_of_b}), 0)
          << p.name << p.b->error();
    };
    ASSERT_EQ(p.b->open_datagram({}, marks.got, marks.socket), 0) << p.b->error();
    const Endpoint to_marks{p.ip_of_b, p.b->local_address(marks.socket).port};
    joins(all, joined, "");
    joins(picky, joined, p.ip_of_a);
    joins(wrong, joined, "10.77.0.99");
    joins(neighbour, other, "");
    for (size_t i = 1; i <= 20; ++i) {
      const std::string text = "message " + std::to_string(i);
      for (const Endpoint& to : {Endpoint{joined, port}, to_marks})
        ASSERT_TRUE(polled(p, [&] { return p.a->send_to(from, to, text); })) << p.a->error();
      ASSERT_TRUE(polled(p,
                         [&] {
                           return marks.got.got.size() == i && all.got.got.size() == i &&
                                  picky.got.got.size() == i;
                         }))
          << p.name << i;
      EXPECT_EQ(all.got.got.back(), text) << p.name;
    }
    // Bound to no address, a socket answers as well: so re-requests are sent.
    const Endpoint to_a = p.a->local_address(from);
    ASSERT_TRUE(polled(p, [&] { return p.b->send_to(marks.socket, to_a, "answer"); })) << p.name;
    ASSERT_TRUE(polled(p, [&] { return sends.got.size() == 1; })) << p.name;
    EXPECT_TRUE(wrong.got.got.empty()) << p.name;
    EXPECT_TRUE(neighbour.got.got.empty()) << p.name;
    EXPECT_NE(p.b->join_group(all.socket, {"10.77.0.1", "", "nic", p.ip_of_b}), 0) << p.name;
    EXPECT_NE(p.b->join_group(SocketId{}, {joined, "", "nic", p.ip_of_b}), 0) << p.name;
    for (const GroupEnd* end : {&all, &picky, &wrong, &neighbour, &marks}) p.b->close(end->socket);
    p.a->close(from);
    EXPECT_EQ(p.b->local_address(all.socket).port, 0) << p.name;
  }
}

}  // namespace
}  // namespace pinion::e2e
