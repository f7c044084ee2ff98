// An application of the simulation of streams: a listener, connections that it opened and accepted,
// on real rings. It sends and receives at random, shuts down, closes, aborts; every request must
// complete exactly once and in order. The ledger judges the bytes.
#pragma once
#include <array>
#include <deque>

#include "base/rng.h"
#include "sim/stream_ledger.h"
#include "sim/trace.h"
#include "support/raw_app.h"

namespace pinion::sim {

// What an application does, by chance.
struct StreamHabits {
  double connect = 0.3;  // a tick and free place
  double close = 0, abort = 0,
         shutdown = 0;          // a tick and connection, before it has sent everything
  uint32_t bytes_max = 40'000;  // that one end sends
  uint32_t send_bytes = 4096, receive_bytes = 2048;  // slots
  uint32_t connections_max = UINT32_MAX;             // that it opens in its life
  bool options = true;                               // sets socket options
};

struct StreamPlan {
  Endpoint listen;
  std::vector<Endpoint> peers;  // listeners to connect to
  uint32_t backlog = 4;
  StreamHabits habits;
};

class StreamApp {
 public:
  StreamApp(Kernel& kernel, uint32_t session, const StreamPlan& plan, StreamLedger& ledger,
            Trace& trace, Nanos now);

  // busy: everything. finish: what was begun goes on to its end, nothing new begins.
  enum class Phase : uint8_t { busy, finish };
  void tick(Rng& rng, Phase phase, Nanos now);
  // One connection to its first peer, for the last round.
  bool open_one(Rng& rng, Nanos now);
  // Its host has made a pass.
  void passed(Nanos now);
  // It is about to end, with everything that it has.
  void dies(Nanos now);

  uint32_t connections() const;  // that have not ended
  // Says what one of them waits for.
  std::string waits() const;
  Nanos asleep_until = 0;  // slow reader

 private:
  static constexpr uint32_t kPlaces = 4;  // for connections it opens; as many for those it accepts
  static constexpr uint32_t kSends = 4, kReceives = 4,
                            kCqEntries = 4 * kPlaces * (kSends + kReceives);
  static constexpr uint32_t kRingBytes = 192u << 10, kRingSpare = 1u << 10;

  struct Outstanding {
    uint64_t context = 0, from = 0;
    uint32_t slot = 0, length = 0;
    bool wait_all = false;
  };
  struct Connection {
    bool used = false, copied = false, open = false;  // open: its socket is not closed yet
    bool connecting = false, shut = false, ended = false, failed = false, gone = false;
    uint32_t end = StreamLedger::kNone, socket = 0;
    uint64_t to_send = 0;
    testing::RawRq rq;
    std::deque<Outstanding> sends, receives;
    std::vector<uint32_t> free_sends, free_receives;
  };

  rio_control ask(uint16_t opcode, uint32_t handle, uint32_t a = 0, uint64_t size = 0);
  void listen();
  Connection* free_place(bool accepted);
  uint32_t offset_of(const Connection& c, bool receive, uint32_t slot) const;
  void accept(Rng& rng, Nanos now);
  bool open(Rng& rng, const Endpoint& to, Nanos now);
  bool begin(Connection& c, Rng& rng);
  void set_options(uint32_t socket, Rng& rng);
  void step(Connection& c, Rng& rng, Phase phase, Nanos now);
  void misbehave(Connection& c, Rng& rng, Nanos now);
  void post_receive(Connection& c, Rng& rng);
  void post_send(Connection& c, Rng& rng);
  void close(Connection& c, bool abort, Nanos now);
  void shut(Connection& c, Nanos now);
  void dequeue(Nanos now);
  void sent(Connection& c, const rio_abi_completion& done, Nanos now);
  void received(Connection& c, const rio_abi_completion& done, Nanos now);
  void failed(Connection& c, int error, Nanos now);

  StreamPlan plan_;
  testing::RawApp app_;
  StreamLedger& ledger_;
  Trace& trace_;
  testing::RawCq cq_;
  uint32_t listener_ = 0;
  bool listening_ = false, told_ = false;  // its core has made a pass since
  std::array<Connection, 2 * kPlaces> places_;
  uint64_t contexts_ = 0;
  uint32_t opened_ = 0;
};

}  // namespace pinion::sim
