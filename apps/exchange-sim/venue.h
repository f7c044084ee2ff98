// The venue simulator as a whole: sockets, sessions, market, traders, in one thread around poll(2).
#pragma once
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "exchange-sim/bad_line.h"
#include "exchange-sim/day.h"
#include "exchange-sim/latency.h"
#include "exchange-sim/sockets.h"
#include "gateway/moldudp64/sender.h"
#include "gateway/soupbintcp/server.h"

struct pollfd;

namespace pinion::exchange {

struct VenueConfig {
  std::string bind = "127.0.0.1";
  uint16_t ouch_port = 8003, glimpse_port = 19300, retransmit_port = 18300;  // 0: any
  std::string line_a = "239.192.1.1:26477", line_b = "239.192.1.2:26477";
  int ttl = 1;
  std::string session = "SIM0000001";
  std::vector<std::string> symbols = {"AAPL", "MSFT", "META"};
  std::vector<Credentials> users = {{"USER01", "PASSWORD"}};
  uint64_t seed = 1;
  double actions_per_s = 1'000;
  BadLineConfig a, b;
  double retransmit_loss = 0;
  size_t packet_bytes = 1'400;
  size_t messages_max = 20'000'000;
  Nanos heartbeat = kSecond, peer_timeout = 15 * kSecond;
  Nanos duration = 0;  // 0: until a signal
  Nanos linger = kSecond;
  std::string log;  // a file in which the day survives a kill
  bool commands = false, spin = false;
};

class Venue {
 public:
  explicit Venue(const VenueConfig& config);

  // "ouch 127.0.0.1:8003 glimpse ... retransmit ... a ... b ...": where everything is.
  std::string places() const;
  // Until *stop is set by a signal, a command or the duration, and the end of the day is told.
  void run(const volatile int* stop);
  std::string summary() const;

 private:
  struct Connection {
    Fd fd;
    std::unique_ptr<soupbintcp::ServerConnection> session;
    std::unique_ptr<MessageStore> snapshot;  // of a GLIMPSE connection
    bool glimpse = false, broken = false;
    int account = -1;
    std::vector<std::byte> in, out;
  };

  uint64_t day_ns(Nanos now) const;
  void wait(Nanos now);
  Nanos next_deadline(Nanos now) const;
  void accept_all(int listener, bool glimpse, Nanos now);
  void read_connection(Connection& c, Nanos now);
  void write_connection(Connection& c, Nanos now);
  char authorise(Connection& c, const soupbintcp::LoginRequest& login, Nanos now);
  void request(Connection& c, Bytes message, Nanos now);
  void answer_requests();
  void publish(Nanos now);
  void read_commands(Nanos now);
  void command(const std::string& line, Nanos now);
  void let_time_pass(Nanos now);
  void end_day(Nanos now);

  VenueConfig config_;
  Day day_;
  MessageStore nothing_{{0, 0}};
  moldudp64::Sender sender_;
  Rng rng_;
  Fd ouch_, glimpse_, retransmit_, line_socket_;
  BadLine a_, b_;
  std::list<Connection> connections_;
  std::string typed_;
  Nanos started_ = 0, ends_ = 0, next_expiry_ = 0, last_tick_ = 0;
  bool ending_ = false, stop_asked_ = false;
  uint64_t requests_ = 0;  // of OUCH
  uint64_t packets_ = 0, requests_answered_ = 0, requests_refused_ = 0, logins_ = 0, breaks_ = 0;
  Samples order_to_wire_, tick_to_order_, order_to_answer_;
};

// CLOCK_MONOTONIC.
Nanos monotonic_now();

}  // namespace pinion::exchange
