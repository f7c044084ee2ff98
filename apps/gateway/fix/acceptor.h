// Brings connections and sessions together: cuts what a connection receives into frames, finds the
// session that its Logon belongs to, and hands it the rest. The network may be any (net/network.h).
//
// A connection before its Logon is a stranger's. It is dropped when it does not log on in time; and
// strangers have places of their own, where whoever does not log on soon gives way.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "gateway/fix/session.h"
#include "gateway/net/network.h"

namespace pinion::fix {

// Who wants to know about connections that came to nothing.
struct AcceptorWatcher {
  virtual ~AcceptorWatcher() = default;
  // `whose`: the session that its Logon names; null: it is a stranger's.
  virtual void on_dropped(const gateway::Endpoint& peer, const Session* whose, const char* why) = 0;
};

struct AcceptorConfig {
  gateway::Endpoint listen = {};
  uint32_t strangers_max = 16;
  int64_t logon_timeout_s = 10;
  AcceptorWatcher* watcher = nullptr;  // or nobody
};

struct AcceptorCounters {
  uint64_t accepted = 0;
  uint64_t refused = 0;               // no place for one more stranger
  uint64_t dropped_before_logon = 0;  // too late, a bad Logon, or for one of another address
};

class Acceptor : public gateway::StreamHandler {
 public:
  // Of the clock that poll() tells, since what is received is told by the network in between.
  Acceptor(const AcceptorConfig& config, gateway::Network& network);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // The session lives longer than this. Before listen().
  void add(Session& session);
  int listen() { return network_.listen(config_.listen, *this); }
  // Before each poll() of the network: the moment at which what it brings is received. Runs timers.
  void poll(const Now& now);
  const AcceptorCounters& counters() const { return counters_; }

  StreamHandler* on_accepted(gateway::SocketId stream) override;
  size_t on_received(gateway::SocketId stream, std::string_view bytes) override;
  void on_closed(gateway::SocketId stream, int status) override;

 private:
  struct Connection : Wire {
    bool send(std::string_view message) override {
      return acceptor->network_.send(stream, message);
    }
    size_t room() const override { return acceptor->network_.room(stream); }
    void close() override;

    Acceptor* acceptor = nullptr;
    gateway::SocketId stream;
    Session* session = nullptr;  // null before its Logon
    gateway::Endpoint peer;
    int64_t since = 0;
    bool open = false;
  };
  Connection* find(gateway::SocketId stream);
  uint32_t strangers_of(const std::string& ip) const;
  bool make_room(const gateway::Endpoint& peer);
  enum class How : uint8_t { in_order, at_once };
  void drop(Connection& connection, const char* why, How how = How::in_order);
  void tell(const gateway::Endpoint& peer, const Session* whose, const char* why);
  void on_frame(Connection& connection, const Frame& frame, std::string_view bytes);
  void on_first(Connection& connection, const Frame& frame, std::string_view bytes);

  AcceptorConfig config_;
  gateway::Network& network_;
  std::vector<Connection> connections_;
  std::vector<Session*> sessions_;
  AcceptorCounters counters_;
  Now now_;
  Message first_;
};

}  // namespace pinion::fix
