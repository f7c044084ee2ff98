// What an EthdevPort finds out about its device: at start whether it lets go of what it sent, and
// later whether it still sends at all.
#include <rte_cycles.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion {
namespace {

constexpr unsigned kLinkPatienceMs = 3000;  // copper negotiates for so long
constexpr unsigned kReleasePatienceMs = 20;
constexpr unsigned kGatePatienceMs = 1000;

template <class Condition>
bool within_ms(unsigned ms, const Condition& condition) {
  const uint64_t end = rte_get_timer_cycles() + ms * rte_get_timer_hz() / 1000;
  while (!condition()) {
    if (rte_get_timer_cycles() > end) return condition();
    rte_pause();
  }
  return true;
}

}  // namespace

// Sends one frame, to itself and of the type that IEEE 802 leaves to experiments, whose second part
// is attached; then nothing. Drivers that look at sent frames only when the ring comes round keep
// it, and a completion must not wait for that.
bool EthdevPort::release_is_prompt() {
  constexpr size_t kPayloadBytes = 256, kTypeOffset = 12, kHeaderBytes = 14;
  constexpr uint8_t kExperiment[2] = {0x88, 0xb5};
  constexpr uint64_t kToken = 1;
  if (!within_ms(kLinkPatienceMs, [this] { return refresh_link(); })) {
    unsupported_.emplace_back("zero-copy transmit (no link at the start to test it)");
    return false;
  }
  Frame* frames[2];
  if (const size_t got = alloc(frames); got < 2) {
    free({frames, got});
    return false;
  }
  Frame *frame = frames[0], *payload = frames[1];
  std::byte* header = frame->append(kHeaderBytes);
  std::memcpy(header, capabilities_.mac.b, sizeof capabilities_.mac.b);
  std::memcpy(header + sizeof capabilities_.mac.b, capabilities_.mac.b, sizeof capabilities_.mac.b);
  std::memcpy(header + kTypeOffset, kExperiment, sizeof kExperiment);
  std::memset(payload->append(kPayloadBytes), 0, kPayloadBytes);
  frame->attach(payload->bytes());
  frame->token = kToken;
  if (!within_ms(kReleasePatienceMs, [&] { return tx_burst({&frame, 1}) == 1; })) {
    free(frames);
    return false;
  }
  uint64_t token = 0;
  const bool prompt = within_ms(kReleasePatienceMs, [&] {
    return released({&token, 1}) == 1 && token == kToken;
  });
  if (prompt) {
    free({&payload, 1});
  } else {
    kept_by_driver_ = payload;  // until the device is closed, which lets go of everything
    tokens_out_ = 0;            // nobody will ask for it
  }
  return prompt;
}

// Closed, or opened again: all of them or none.
bool EthdevPort::await_gates() {
  bool all = true;
  each_queue([&all](EthdevPort& p) { all = all && p.await_gate(); });
  if (!all) set_gates(stopped_ ? Gate::stopped : Gate::open);
  return all;
}

void EthdevPort::set_gates(Gate to) {
  each_queue([to](EthdevPort& p) { p.gate_.store(to, std::memory_order_release); });
}

bool EthdevPort::await_gate() {
  if (gate_.load(std::memory_order_acquire) == Gate::closed) return true;
  gate_.store(Gate::closing, std::memory_order_release);
  if (within_ms(kGatePatienceMs,
                [this] { return gate_.load(std::memory_order_acquire) == Gate::closed; }))
    return true;
  Gate still = Gate::closing;  // the core does not run: nothing is lost by waiting for it
  return !gate_.compare_exchange_strong(still, first_->stopped_ ? Gate::stopped : Gate::open);
}

// A device that does not start stays stopped, and is tried again by the next watch(). What it let
// go of when it stopped the core collects meanwhile, or no session could end that had sent by it.
bool EthdevPort::restart() {
  if (!await_gates()) return false;
  if (!stopped_) rte_eth_dev_stop(port_id_);
  stopped_ = rte_eth_dev_start(port_id_) != 0;
  if (stopped_) {
    set_gates(Gate::stopped);
    return false;
  }
  if (vlan_id_ != 0) rte_eth_dev_vlan_filter(port_id_, vlan_id_, 1);  // not all remember it
  restarts_.store(restarts_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  each_queue([](EthdevPort& p) { p.tx_full_.store(false, std::memory_order_relaxed); });
  set_gates(Gate::open);
  return true;
}

bool EthdevPort::watch(Nanos now) {
  bool stalled = false;
  each_queue([&stalled, now](EthdevPort& p) { stalled = p.stalls(now) || stalled; });
  return stalled && restart();
}

// Of this queue, for so long.
bool EthdevPort::stalls(Nanos now) {
  const uint64_t taken = tx_taken_.load(std::memory_order_relaxed);
  const bool stuck = first_->stopped_ || (tx_full_.load(std::memory_order_relaxed) && link_up());
  if (!stuck || taken != watched_taken_ || stalled_since_ == 0) {
    watched_taken_ = taken;
    stalled_since_ = now;
    return false;
  }
  if (now - stalled_since_ < kStall) return false;
  stalled_since_ = now;
  return true;
}

}  // namespace pinion
