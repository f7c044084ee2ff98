// The pass of a core; see kernel.h.
#include "kernel/kernel.h"

#include <algorithm>

namespace pinion {

namespace {
constexpr Nanos kBeat = kMilli;  // of the heartbeat in every session header
}

Kernel::Kernel(const KernelConfig& config)
    : record_(config.hooks.record),
      host_(config.hooks.self),
      wake_core_(config.hooks.wake_core),
      net_(config.net, counters_, &server_),
      server_(config.server, config.net.tcp, net_, config.hooks) {}

void Kernel::poll(Nanos now) {
  now = record_(Door::poll, now);
  const size_t received = net_.rx(now);
  const uint32_t work = server_.serve(now);
  net_.expire(now);
  // Before anything leaves: who answers a SYN over another core's queue must find that core told.
  if (net_.is_mesh()) [[unlikely]]
    hand_over();
  net_.tx(now);
  const uint32_t signals = server_.send_signals();
  if (now >= next_beat_) beat(now);
  busy_ = received + work + signals != 0;
}

Nanos Kernel::next_deadline() const {
  return std::min(net_.next_deadline(), server_.next_deadline());
}

void Kernel::control(KernelMessage& m, Nanos now) {
  record_(Door::control, m);
  now = record_(Door::control, now);
  server_.control(m, now);
}

void Kernel::prepare_sleep(Nanos now) {
  now = record_(Door::sleep, now);
  beat(now);
  server_.prepare_sleep();
  net_.fall_asleep();
}

bool Kernel::look_again() const {
  record_(Door::look_again, MutableBytes{});
  return server_.look_again() || !net_.idle() || net_.handed_over();
}

void Kernel::wake(Nanos now) {
  now = record_(Door::wake, now);
  server_.wake();
  net_.awake();
  beat(now);
}

void Kernel::publish_clock(const rio_abi_clock& clock) {
  server_.publish_clock(record_(Door::clock, clock));
}

void Kernel::hand_over() {
  const uint32_t asleep = net_.hand_over();
  if (asleep == 0 || wake_core_ == nullptr) return;
  for (uint32_t core = 0; core < Mesh::kCoresMax; ++core)
    if ((asleep >> core & 1) != 0) wake_core_(host_, core);
}

void Kernel::beat(Nanos now) {
  next_beat_ = now + kBeat;
  server_.beat(now);
}

}  // namespace pinion
