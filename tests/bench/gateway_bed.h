// A gateway under measurement, and its counterparties: one client that sends orders and a venue
// that takes them, both in one, over a Network of their own. The engine, its journal, its stores
// and its books are the program's; what leaves it is looked at as bytes and counted.
#pragma once
#include <array>
#include <memory>
#include <stdexcept>
#include <string>

#include "gateway/engine/engine.h"
#include "gateway/soupbintcp/server.h"

namespace pinion::bench {

// Where everybody is, as the networks of both sides know it.
struct GatewayPlaces {
  std::string gateway_ip = "10.78.0.1", peer_ip = "10.78.0.2";
  std::string nic = "bench0";
  uint16_t fix_port = 9878, venue_port = 8003, line_port = 26477;
  std::string group = "239.192.1.1";
};

fix::Now gateway_now();

class GatewayBed {
 public:
  // Throws std::runtime_error. The network outlives this.
  GatewayBed(gateway::Network& network, const GatewayPlaces& places);
  ~GatewayBed();
  GatewayBed(const GatewayBed&) = delete;
  GatewayBed& operator=(const GatewayBed&) = delete;

  void turn() {
    if (engine_->turn(gateway_now()) < 0) lost();
  }
  const gateway::Engine& engine() const { return *engine_; }
  // Orders may pass: logged in, the books believed.
  bool ready() const;
  std::string missing() const;

 private:
  [[noreturn]] void lost() const;

  struct Directory {
    std::string path;
    Directory();
    ~Directory();
  };
  Directory directory_;
  gateway::Network& network_;
  risk::KillSwitch kill_;
  gateway::Config config_;
  std::unique_ptr<journal::Journal> journal_;
  std::unique_ptr<gateway::Engine> engine_;
};

class Counterparties {
 public:
  Counterparties(gateway::Network& network, const GatewayPlaces& places);

  void listen();   // the venue
  void connect();  // the client; the gateway listens
  // Sends the market data of an open market. Again until the gateway has it.
  void tell_market();
  void poll();
  bool logged_on() const { return client_.logged_on; }

  // Makes the next order, and sends it: apart, since only the sending is the measured one's.
  void prepare_order();
  void send_order();
  uint64_t orders_sent() const { return number_ - 1; }
  uint64_t orders_arrived() const { return venue_.orders; }

 private:
  struct Client : gateway::StreamHandler {
    explicit Client(Counterparties& o) : owner(o) {}
    void on_connected(gateway::SocketId id) override;
    size_t on_received(gateway::SocketId id, std::string_view bytes) override;
    void on_closed(gateway::SocketId, int status) override;
    Counterparties& owner;
    gateway::SocketId stream;
    bool connected = false, logged_on = false;
    uint64_t next_number = 1;
  };
  struct Venue : gateway::StreamHandler {
    explicit Venue(Counterparties& o);
    gateway::StreamHandler* on_accepted(gateway::SocketId id) override;
    size_t on_received(gateway::SocketId id, std::string_view bytes) override;
    void on_closed(gateway::SocketId, int status) override;
    void take(Bytes message);
    void answer();
    Counterparties& owner;
    gateway::SocketId stream;
    MessageStore answers;
    soupbintcp::ServerConnection session;
    uint64_t orders = 0;
  };
  struct Nobody : gateway::DatagramHandler {
    void on_datagram(gateway::SocketId, std::string_view, uint64_t) override {}
  };

  gateway::Network& network_;
  GatewayPlaces places_;
  Client client_;
  Venue venue_;
  Nobody nobody_;
  gateway::SocketId line_;
  bool line_open_ = false;
  uint64_t number_ = 1;  // of the order to be made
  std::array<char, 512> memory_{};
  std::string_view order_;
};

// Polls both until orders pass. `turn` is the gateway's side, with its stack if it has one.
template <class Turn>
void open_for_trading(GatewayBed& gateway, Counterparties& peers, Turn&& turn) {
  const Nanos gives_up = gateway_now().monotonic_ns + 10 * kSecond;
  for (int i = 0; !gateway.ready() || !peers.logged_on(); ++i) {
    if (i % 1000 == 0) peers.tell_market();
    turn();
    peers.poll();
    if (i % 1000 == 0 && gateway_now().monotonic_ns > gives_up)
      throw std::runtime_error("does not open: " + gateway.missing() +
                               (peers.logged_on() ? "" : ", logon"));
  }
}

}  // namespace pinion::bench
