// An application of the simulation: an honest one, with a few sockets on real rings. It posts
// receives, sends numbered datagrams, and dequeues; it checks that each request completes exactly
// once, in order, and with the bytes that were sent. It may read slowly, and end at any time.
#pragma once
#include <deque>
#include <vector>

#include "base/rng.h"
#include "sim/ledger.h"
#include "sim/trace.h"
#include "support/raw_app.h"

namespace pinion::sim {

struct SocketPlan {
  Endpoint local;
  Endpoint pair;               // the socket of the other host with the same place
  std::vector<Endpoint> peers;  // others it sends to; empty: it is connected to its pair
};

class SimApp {
 public:
  SimApp(Kernel& kernel, uint32_t session, std::vector<SocketPlan> plan, Ledger& ledger,
         Trace& trace, Nanos now, uint64_t reach);

  // Dequeues, posts receives and, if `sending`, some sends.
  void tick(Rng& rng, bool sending, Nanos now);
  // One datagram from each socket to its pair; their numbers go to `numbers`.
  void send_to_pairs(std::vector<uint64_t>& numbers);

  uint32_t sends_outstanding() const;
  uint32_t receives_outstanding() const;
  Nanos asleep_until = 0;  // slow reader

 private:
  static constexpr uint32_t kReceives = 12, kSends = 12, kSlotBytes = 2048;
  // Little more than it uses: applications come and go, and each zeroes all of it.
  static constexpr testing::RawApp::Memory kMemory{.region = 256u << 10, .data = 192u << 10};

  struct Outstanding {
    uint64_t context = 0, number = 0;
    uint32_t slot = 0, length = 0;
  };
  struct Socket {
    SocketPlan plan;
    testing::RawCq cq;
    testing::RawRq rq;
    std::deque<Outstanding> sends, receives;
    std::vector<uint32_t> free_sends, free_receives;  // slots
  };

  void open(Socket& s, uint32_t index);
  void dequeue(Socket& s, Nanos now);
  void sent(Socket& s, const rio_abi_completion& c);
  void received(Socket& s, const rio_abi_completion& c);
  void check_tail(const Outstanding& o, uint32_t filled);
  void post_receive(Socket& s, Rng& rng);
  uint64_t post_send(Socket& s, const Endpoint& to, uint32_t length, uint16_t flags);

  testing::RawApp app_;
  Ledger& ledger_;
  Trace& trace_;
  std::vector<Socket> sockets_;
  uint64_t contexts_ = 0;
};

}  // namespace pinion::sim
