// A Network without a network: the other end of each stream is test code, datagrams are what a test
// sends, and everything happens within poll(), in the order of the streams. So what a gateway does
// over it depends on the test alone. It can also die at any call that sends (Crash).
#pragma once
#include <algorithm>
#include <cerrno>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "gateway/net/network.h"

namespace pinion::gateway::test {

struct Crash {};  // the process ends here

class MemoryNetwork final : public Network {
 public:
  // A stream as its peer sees it.
  struct Stream {
    // ---- the peer's side
    std::string_view sent_to_us() const { return std::string_view(out).substr(taken); }
    void take(size_t bytes) { taken += bytes; }
    void send(std::string_view bytes) { in += bytes, fresh = true; }
    void close() { peer_open = false; }
    bool open() const { return gateway_open && peer_open; }

    // ---- for the network
    Endpoint to;              // where the one that connected wanted to go
    bool by_gateway = false;  // it connected
    bool told = false;        // that it is connected, or accepted
    bool gateway_open = true, peer_open = true, fresh = false;
    StreamHandler* handler = nullptr;
    std::string in, out;  // to and from the gateway; `in`: not consumed yet
    size_t taken = 0;
  };

  explicit MemoryNetwork(size_t send_bytes = 256u << 10) : send_bytes_(send_bytes) {}

  // ---- the test's side
  void peer_listens(const Endpoint& at) { peers_.push_back(at); }
  void peer_is_gone(const Endpoint& at) { std::erase(peers_, at); }
  // The connection that the gateway has made to this place, the latest; null: none is open.
  Stream* connection_to(const Endpoint& at) {
    for (auto s = streams_.rbegin(); s != streams_.rend(); ++s)
      if (s->by_gateway && s->told && s->open() && s->to == at) return &*s;
    return nullptr;
  }
  const std::deque<Stream>& streams() const { return streams_; }
  Stream& connect_to_gateway(const Endpoint& at) { return add(at, false, nullptr); }
  // To every socket of the gateway that is bound to this group.
  void send_datagram(const Endpoint& group, std::string_view bytes) {
    datagrams_.push_back({group, {}, std::string(bytes)});
  }
  // A datagram that the gateway has sent, and the answer to it.
  struct Sent {
    SocketId from;
    Endpoint to;
    std::string bytes;
  };
  std::vector<Sent> take_sent_datagrams() { return std::exchange(sent_datagrams_, {}); }
  void answer(const Sent& sent, std::string_view bytes) {
    datagrams_.push_back({{}, sent.from, std::string(bytes)});
  }
  // Everything of the gateway is gone: its process has ended.
  void gateway_dies() {
    for (Stream& s : streams_) s.gateway_open = false, s.handler = nullptr;
    listeners_.clear();
    sockets_.clear();
    datagrams_.clear();
    sent_datagrams_.clear();
    crash_in = 0;
  }
  void may_crash() {
    if (crash_in != 0 && --crash_in == 0) throw Crash{};
  }
  int crash_in = 0;        // calls; 0: never
  bool never_connects = false;
  bool takes_all = true;   // false: there is no room to send
  uint64_t sends = 0;      // of streams

  // ---- the gateway's
  int listen(const Endpoint& at, StreamHandler& handler) override {
    listeners_.push_back({at, &handler});
    return 0;
  }
  int connect(const Endpoint& to, StreamHandler& handler, SocketId& out) override {
    (void)add(to, true, &handler);
    out = {static_cast<uint32_t>(streams_.size() - 1), 1};
    return 0;
  }
  bool send(SocketId id, std::string_view bytes) override {
    if (room(id) < bytes.size()) return false;
    may_crash();
    streams_[id.index].out += bytes;
    ++sends;
    may_crash();
    return true;
  }
  size_t room(SocketId id) const override {
    const Stream* s = find(id);
    if (s == nullptr || !s->told || !takes_all) return 0;
    const size_t waiting = s->sent_to_us().size();
    return waiting < send_bytes_ ? send_bytes_ - waiting : 0;
  }
  void close(SocketId id) override {
    if (find(id) != nullptr) streams_[id.index].gateway_open = false;
  }
  void abort(SocketId id) override { close(id); }
  Endpoint peer_address(SocketId) const override { return {}; }
  int open_datagram(const Endpoint& at, DatagramHandler& handler, SocketId& out) override {
    sockets_.push_back({at, &handler});
    out = {kDatagrams + static_cast<uint32_t>(sockets_.size()), 1};
    return 0;
  }
  bool send_to(SocketId from, const Endpoint& to, std::string_view bytes) override {
    sent_datagrams_.push_back({from, to, std::string(bytes)});
    return true;
  }
  int join_group(SocketId, const Group&) override { return 0; }
  Endpoint local_address(SocketId) const override { return {}; }
  int poll() override {
    int events = deliver_datagrams();
    for (size_t i = 0; i < streams_.size(); ++i) events += turn(static_cast<uint32_t>(i));
    return events;
  }
  uint64_t now_ns() const override { return 0; }
  std::string error() const override { return "a network in memory"; }

 private:
  static constexpr uint32_t kDatagrams = 1u << 20;
  struct Listener {
    Endpoint at;
    StreamHandler* handler;
  };
  struct Socket {
    Endpoint at;
    DatagramHandler* handler;
  };
  struct Datagram {
    Endpoint group;
    SocketId to;  // where it is an answer
    std::string bytes;
  };

  // With room, so that the path that is tested allocates nothing on our behalf.
  Stream& add(const Endpoint& to, bool by_gateway, StreamHandler* handler) {
    Stream& s = streams_.emplace_back();
    s.to = to, s.by_gateway = by_gateway, s.handler = handler;
    s.in.reserve(64u << 10);
    s.out.reserve(512u << 10);
    return s;
  }
  const Stream* find(SocketId id) const {
    return id.index < streams_.size() && streams_[id.index].gateway_open ? &streams_[id.index]
                                                                          : nullptr;
  }
  int deliver_datagrams() {
    int events = 0;
    for (const Datagram& d : std::exchange(datagrams_, {})) {
      for (size_t i = 0; i < sockets_.size(); ++i) {
        const SocketId id{kDatagrams + static_cast<uint32_t>(i) + 1, 1};
        if (d.to == SocketId{} ? sockets_[i].at != d.group : d.to != id) continue;
        sockets_[i].handler->on_datagram(id, d.bytes, 0);
        ++events;
      }
    }
    return events;
  }
  int turn(uint32_t i) {
    Stream& s = streams_[i];
    if (!s.gateway_open) return 0;
    const SocketId id{i, 1};
    if (!s.told && !begin(s, id)) return 1;
    if (s.gateway_open && s.fresh) {
      s.fresh = false;
      s.in.erase(0, s.handler->on_received(id, s.in));
      return 1;
    }
    if (!s.gateway_open || s.peer_open) return 0;
    s.gateway_open = false;
    s.handler->on_closed(id, 0);
    return 1;
  }
  // False: it came to nothing.
  bool begin(Stream& s, SocketId id) {
    if (s.by_gateway && never_connects) return false;
    s.told = true;
    if (s.by_gateway) {
      if (std::ranges::find(peers_, s.to) != peers_.end()) return s.handler->on_connected(id), true;
      s.gateway_open = false;
      return s.handler->on_closed(id, -ECONNREFUSED), false;
    }
    for (const Listener& l : listeners_)
      if (l.at == s.to) s.handler = l.handler->on_accepted(id);
    if (s.handler == nullptr) s.gateway_open = false;
    return s.handler != nullptr;
  }

  size_t send_bytes_;
  std::deque<Stream> streams_;  // none is ever taken away, so an id is a place
  std::vector<Endpoint> peers_;
  std::vector<Listener> listeners_;
  std::vector<Socket> sockets_;
  std::vector<Datagram> datagrams_;
  std::vector<Sent> sent_datagrams_;
};

}  // namespace pinion::gateway::test
