// The kernels of one simulated host, one for each core, and its NIC with a queue for each. The NIC
// spreads what arrives by its hash, which it may or may not tell; and by chance wrongly, as one
// whose table was changed.
#pragma once
#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "base/rng.h"
#include "kernel/kernel.h"
#include "port/hand_over.h"
#include "socket/port_owners.h"
#include "support/memory_port.h"
#include "support/segments.h"

namespace pinion::sim {

struct CoresPlan {
  uint32_t cores = 1;
  bool says_hash = false;
  double astray = 0;  // chance that a frame goes to any queue
};

inline CoresPlan cores_plan(Rng& rng) {
  return {.cores = 2 + rng.below(2),
          .says_hash = rng.chance(0.5),
          .astray = rng.chance(0.7) ? 0.5 * rng.below(1000) / 1000 : 0.0};
}

class SimCores {
 public:
  SimCores() = default;
  SimCores(const CoresPlan& plan, Mac mac, uint64_t seed) : plan_(plan), rng_(seed) {
    hash_ = {.tuples = kRssTcp4 | kRssUdp4,
             .key = std::vector<uint8_t>(40),
             .table = std::vector<uint16_t>(16)};
    for (uint8_t& b : hash_.key) b = static_cast<uint8_t>(rng_.next());
    for (size_t i = 0; i < hash_.table.size(); ++i)
      hash_.table[i] = static_cast<uint16_t>(i % plan.cores);
    for (uint32_t c = 0; c < plan.cores; ++c) {
      ports_.push_back(std::make_unique<testing::MemoryPort>(mac));
      ports_.back()->be_queue(static_cast<uint16_t>(c), plan.says_hash ? hash_ : Rss{});
    }
  }

  // New kernels; config has one interface, whose port is filled in.
  void start(const KernelConfig& config) {
    kernels_.clear(), rings_.clear();
    owners_ = std::make_unique<PortOwners>();
    const uint32_t n = plan_.cores;
    for (uint32_t i = 0; i < n * n; ++i)
      rings_.push_back(std::make_unique<HandOver>(HandOver::kBytesMin));
    for (uint32_t c = 0; c < n; ++c) {
      KernelConfig one = config;
      InterfaceConfig& nic = one.net.interfaces.front();
      nic.port = ports_[c].get();
      if (n > 1) {
        nic.queue_cores.resize(n);
        std::iota(nic.queue_cores.begin(), nic.queue_cores.end(), 0u);
        one.net.mesh = {.core = c, .cores = n, .owners = owners_.get()};
        for (uint32_t other = 0; other < n; ++other) {
          one.net.mesh.to.push_back(other == c ? nullptr : rings_[c * n + other].get());
          one.net.mesh.from.push_back(other == c ? nullptr : rings_[other * n + c].get());
        }
      }
      kernels_.push_back(std::make_unique<Kernel>(one));
    }
  }
  void stop() { kernels_.clear(); }

  std::vector<std::unique_ptr<testing::MemoryPort>>& ports() { return ports_; }
  const std::vector<std::unique_ptr<testing::MemoryPort>>& ports() const { return ports_; }
  std::vector<std::unique_ptr<Kernel>>& kernels() { return kernels_; }
  const std::vector<std::unique_ptr<Kernel>>& kernels() const { return kernels_; }
  // Where the application with that number lives.
  Kernel& of_app(uint32_t app) { return *kernels_[app % plan_.cores]; }

  testing::MemoryPort& queue_of(const testing::Packet& frame) {
    if (plan_.cores == 1) return *ports_[0];
    if (rng_.chance(plan_.astray)) return *ports_[rng_.below(plan_.cores)];
    const testing::Decoded d = testing::decode(frame);
    if (!d.ip || (!d.udp && !d.tcp)) return *ports_[0];
    const RssTuple tuple{d.ip->src, d.ip->dst, d.udp ? d.udp->src : d.tcp->src,
                         d.udp ? d.udp->dst : d.tcp->dst};
    return *ports_[rss_queue(hash_, tuple)];
  }

  uint64_t handed_over(Stray why) const {
    uint64_t sum = 0;
    for (const auto& k : kernels_) sum += k->counters().handed_over[static_cast<size_t>(why)];
    return sum;
  }
  Server::Usage usage() const {
    Server::Usage sum{};
    for (const auto& k : kernels_) {
      const Server::Usage u = k->server().usage();
      sum.sessions += u.sessions, sum.sockets += u.sockets, sum.streams += u.streams;
      sum.request_queues += u.request_queues, sum.requests += u.requests, sum.chunks += u.chunks;
    }
    return sum;
  }
  template <class Count>
  uint64_t sum(const Count& count) const {
    uint64_t n = 0;
    for (const auto& k : kernels_) n += count(*k);
    return n;
  }
  size_t outstanding() const {
    size_t n = 0;
    for (const auto& p : ports_) n += p->outstanding();
    return n;
  }
  bool waiting() const {
    for (const auto& p : ports_)
      if (p->waiting() != 0) return true;
    return false;
  }
  bool busy() const {
    for (const auto& k : kernels_)
      if (k->busy()) return true;
    return false;
  }
  bool idle() const {
    for (const auto& k : kernels_)
      if (!k->net().idle() || k->net().handed_over()) return false;
    return true;
  }
  Nanos next_deadline() const {
    Nanos next = kNever;
    for (const auto& k : kernels_) next = std::min(next, k->next_deadline());
    return next;
  }

 private:
  CoresPlan plan_;
  Rng rng_{0};
  Rss hash_;
  std::vector<std::unique_ptr<testing::MemoryPort>> ports_;
  std::unique_ptr<PortOwners> owners_;            // outlives the kernels,
  std::vector<std::unique_ptr<HandOver>> rings_;  // as these do
  std::vector<std::unique_ptr<Kernel>> kernels_;
};

}  // namespace pinion::sim
