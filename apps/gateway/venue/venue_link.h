// The connection to the venue's order port: a SoupBinTCP client (soupbintcp/client.h) over a
// Network. Connects, logs in, beats, reconnects with a back-off, and hands on what is sequenced;
// knows nothing of orders.
#pragma once
#include "gateway/net/network.h"
#include "gateway/soupbintcp/client.h"

namespace pinion::gateway {

class VenueSink {
 public:
  virtual ~VenueSink() = default;
  // Logged in. What was missed comes first.
  virtual void on_venue_login() = 0;
  // Message `number` of the venue's stream for this account.
  virtual void on_venue_message(uint64_t number, Bytes message) = 0;
  // Logged in no more; or never, and it will not be tried again (client().state()).
  virtual void on_venue_lost() = 0;
  // A connection that came to no login, and why: the network's errno, or 0 and client().fault().
  // Another one is tried.
  virtual void on_venue_unreached(int status) = 0;
  // False: nothing is read for now. The venue keeps it.
  virtual bool takes_venue_messages() const = 0;
};

struct VenueLinkConfig {
  Endpoint server;
  soupbintcp::ClientConfig client;
};

class VenueLink : public StreamHandler {
 public:
  VenueLink(const VenueLinkConfig& config, Network& network, VenueSink& sink);
  VenueLink(const VenueLink&) = delete;
  VenueLink& operator=(const VenueLink&) = delete;

  // What an earlier process knew of the stream. Before the first poll().
  void resume(const Alpha<10>& session, uint64_t next) { client_.resume(session, next); }
  const soupbintcp::Client& client() const { return client_; }
  bool active() const { return client_.state() == soupbintcp::ClientState::active; }
  uint64_t connections() const { return connections_; }

  // Room for one more message of this size?
  bool has_room(size_t bytes) const;
  // One unsequenced message, whole, or false.
  bool send(Bytes message);
  void logout();
  void poll(Nanos now);

  void on_connected(SocketId) override;
  size_t on_received(SocketId, std::string_view bytes) override;
  void on_closed(SocketId, int status) override;

 private:
  void connect();
  void flush();
  void drop();
  void note_state();

  VenueLinkConfig config_;
  Network& network_;
  VenueSink& sink_;
  soupbintcp::Client client_;
  SocketId stream_;
  bool open_ = false, told_ = false, told_over_ = false;
  uint64_t connections_ = 0;
  Nanos now_ = 0;
};

}  // namespace pinion::gateway
