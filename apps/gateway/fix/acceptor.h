// Brings connections and sessions together: cuts what a connection receives into frames, finds the
// session that its Logon belongs to, and hands it the rest. A connection that does not log on in
// time is dropped. The network may be any (net/network.h).
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "gateway/fix/session.h"
#include "gateway/net/network.h"

namespace pinion::fix {

struct AcceptorConfig {
  gateway::Endpoint listen = {};
  uint32_t connections_max = 16;
  int64_t logon_timeout_s = 10;
};

struct AcceptorCounters {
  uint64_t accepted = 0, refused = 0, dropped_before_logon = 0;
};

class Acceptor : public gateway::StreamHandler {
 public:
  // Of the clock that poll() tells, since what is received is told by the network in between.
  Acceptor(const AcceptorConfig& config, gateway::Network& network);
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // The session lives longer than this.
  void add(Session& session) { sessions_.push_back(&session); }
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
    int64_t since = 0;
    bool open = false;
  };
  Connection* find(gateway::SocketId stream);
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
