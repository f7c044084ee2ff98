// The pass of a core; see kernel.h.
#include "kernel/kernel.h"

#include <algorithm>

namespace pinion {

namespace {
constexpr Nanos kBeat = kMilli;  // of the heartbeat in every session header
}

Kernel::Kernel(const KernelConfig& config)
    : record_(config.hooks.record),
      net_(config.net, counters_, &server_),
      server_(config.server, config.net.tcp, net_, config.hooks) {}

void Kernel::poll(Nanos now) {
  now = record_(Door::poll, now);
  const size_t received = net_.rx(now);
  const uint32_t work = server_.serve(now);
  net_.expire(now);
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
}

bool Kernel::look_again() const {
  record_(Door::look_again, MutableBytes{});
  return server_.look_again() || !net_.idle();
}

void Kernel::wake(Nanos now) {
  now = record_(Door::wake, now);
  server_.wake();
  beat(now);
}

void Kernel::publish_clock(const rio_abi_clock& clock) {
  server_.publish_clock(record_(Door::clock, clock));
}

void Kernel::beat(Nanos now) {
  next_beat_ = now + kBeat;
  server_.beat(now);
}

}  // namespace pinion
