// Several cores on one thread: a Peer each, over a NIC with as many queues, wired by the rings of a
// Mesh. What the test sends by at(i) is what RSS has brought to core i's queue; the session with
// one number is of one user on every core.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "port/hand_over.h"
#include "socket/port_owners.h"
#include "support/peer.h"

namespace pinion::testing {

class Cores {
 public:
  explicit Cores(uint32_t cores, const PeerOptions& options = {}) {
    for (uint32_t i = 0; i < cores * cores; ++i)
      rings_.push_back(std::make_unique<HandOver>(HandOver::kBytesMin));
    for (uint32_t core = 0; core < cores; ++core) {
      PeerOptions o = options;
      o.resolved = false;
      o.queue_cores.resize(cores);
      std::iota(o.queue_cores.begin(), o.queue_cores.end(), 0u);
      Mesh& mesh = o.net.mesh;
      mesh = {.core = core, .cores = cores, .owners = &owners_};
      for (uint32_t other = 0; other < cores; ++other) {
        const bool itself = other == core;
        mesh.to.push_back(itself ? nullptr : rings_[core * cores + other].get());
        mesh.from.push_back(itself ? nullptr : rings_[other * cores + core].get());
      }
      peers_.push_back(std::make_unique<Peer>(std::move(o)));
    }
  }

  Peer& at(uint32_t core) { return *peers_[core]; }
  const Counters& counters(uint32_t core) { return at(core).counters(); }
  // Passes of all cores in turn: enough for a word to go round.
  void poll(int rounds = 0) {
    if (rounds == 0) rounds = static_cast<int>(peers_.size()) + 1;
    for (; rounds > 0; --rounds)
      for (auto& p : peers_) p->poll();
  }
  void wait(Nanos duration) {
    constexpr Nanos kStep = 10 * kMilli;
    for (Nanos t = 0; t < duration; t += kStep) {
      for (auto& p : peers_) p->wait(std::min(kStep, duration - t));
      poll(1);
    }
  }
  // The peer asks for us at core 0: all learn where it is.
  void resolve() {
    at(0).sends(frame_of(ArpSegment{.eth = {.dst = kBroadcastMac}}));
    poll();
    take_all();
  }
  void sends(uint32_t core, const Packet& frame) {
    at(core).sends(frame);
    poll();
  }
  // What left of each core since.
  std::vector<size_t> take_all() {
    std::vector<size_t> frames;
    for (auto& p : peers_) frames.push_back(p->take_all().size());
    return frames;
  }
  uint64_t handed_over(uint32_t core, Stray why) {
    return counters(core).handed_over[static_cast<size_t>(why)];
  }
  uint64_t copied(uint32_t core, Stray why) {
    return counters(core).copied[static_cast<size_t>(why)];
  }
  uint64_t taken(uint32_t core, Stray why) {
    return counters(core).taken[static_cast<size_t>(why)];
  }
  uint64_t dropped() {
    return std::accumulate(peers_.begin(), peers_.end(), uint64_t{0},
                           [](uint64_t n, const auto& p) { return n + p->dropped_in_all(); });
  }

 private:
  PortOwners owners_;  // outlive the peers, as the rings
  std::vector<std::unique_ptr<HandOver>> rings_;
  std::vector<std::unique_ptr<Peer>> peers_;
};

}  // namespace pinion::testing
