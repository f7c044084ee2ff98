// Market data over a Network: the lines' groups, the re-request servers and the GLIMPSE session.
// Stream and SnapshotSession decide; here are their sockets. One thread, the engine's. After open()
// the messages' path takes no memory.
//
//   loop:  market.poll(now); ... network.poll();   // datagrams are applied within network.poll()
#pragma once
#include <string>

#include "gateway/config/config.h"
#include "gateway/market/market_of.h"
#include "gateway/market/snapshot.h"
#include "gateway/market/stream.h"
#include "gateway/net/network.h"

namespace pinion::market {

struct SnapshotLogin {
  std::string user, password;
};

struct Limits {
  size_t orders_max = 1 << 20;  // open ones, of all configured symbols
  size_t levels_max = 4096;     // of a side of a book
  size_t kept_messages_max = 1 << 20;
  SnapshotPace pace = {};
};

// Everything that a status page or a metric says, at one moment.
struct MarketDataStatus {
  struct LineStatus {
    bool silent = true;
    moldudp64::LineCounters counters;  // won, lost, late, gaps, malformed ...
  };
  size_t lines = 0;
  LineStatus line[2];
  moldudp64::LineCounters retransmit;  // answers to re-requests
  moldudp64::ReceiverState state = moldudp64::ReceiverState::waiting;
  moldudp64::ReceiverCounters stream;  // holes, healed, given up, requests ...
  uint64_t requests_unsent = 0;        // the network took them not
  SnapshotCounters snapshots;
  uint64_t snapshots_merged = 0;
  bool snapshot_login_refused = false;  // the user or the password: it is not tried again
  bool ended = false;
  Alpha<10> session = Alpha<10>::of("");        // that is followed; blank: none yet
  Alpha<10> other_session = Alpha<10>::of("");  // that came last and is left alone
  book::BooksCounters books;                    // times_stale, corrupt, full ...
  uint32_t stale_books = 0;
  uint8_t stale_why = book::kFresh;  // of any of them
  uint32_t full_books = 0;           // no snapshot mends these: larger Limits do
};

class MarketData final : gateway::DatagramHandler, gateway::StreamHandler {
 public:
  // The network outlives this.
  MarketData(const gateway::MarketDataConfig& config, const SnapshotLogin& login,
             gateway::Network& network, const Limits& limits = {});
  ~MarketData() override;
  MarketData(const MarketData&) = delete;
  MarketData& operator=(const MarketData&) = delete;

  // Joins the groups. 0, or a negative errno; error() then says where and what to look at.
  int open();
  const std::string& error() const { return error_; }

  // Time passes: requests, snapshots, silence. Just before the network's poll(), whose datagrams
  // have this moment.
  void poll(Nanos now);
  // When poll() has something to do at the latest, for a thread that naps.
  Nanos next_deadline() const;

  // In the order of config.symbols.
  const book::Books& books() const { return stream_.books(); }
  const book::Book* book(size_t symbol) const { return &books().at(symbol); }
  risk::Market market(size_t symbol) const {
    return market_of(books().at(symbol), books().market_state());
  }
  bool fresh(std::string_view symbol) const {
    const book::Book* found = books().find(symbol);
    return found != nullptr && found->fresh();
  }
  // on_stale(index) for each book that has gone stale since the last call: cheap when none has.
  template <class OnStale>
  void take_stale(OnStale&& on_stale) {
    stream_.take_stale(on_stale);
  }

  const Stream& stream() const { return stream_; }
  MarketDataStatus status(Nanos now) const;
  // Without a look at each book, of which there may be a thousand: none counts as stale.
  MarketDataStatus stream_status(Nanos now) const;

 private:
  int fail(int status, const std::string& what);
  int open_line(size_t index);
  void send_request();
  void poll_snapshot();
  void on_datagram(gateway::SocketId id, std::string_view bytes, uint64_t) override;
  void on_connected(gateway::SocketId id) override;
  size_t on_received(gateway::SocketId id, std::string_view bytes) override;
  void on_closed(gateway::SocketId id, int status) override;

  gateway::MarketDataConfig config_;
  gateway::Network& network_;
  Stream stream_;
  SnapshotSession snapshot_;
  std::vector<gateway::SocketId> lines_;
  gateway::SocketId retransmit_, connection_;
  uint64_t requests_unsent_ = 0;
  Nanos now_ = 0;
  std::string error_;
};

}  // namespace pinion::market
