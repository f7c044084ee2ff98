// See simulation.h.
#include "sim/simulation.h"

#include <algorithm>
#include <iterator>

#include "support/account.h"

namespace pinion::sim {

namespace {

constexpr Nanos kPassTime = kMicro;           // between passes of a kernel that has work
constexpr Nanos kRetryTime = 5 * kMicro;      // and of one whose port is full
constexpr Nanos kBusyTick = 40 * kMicro;      // between looks of an application, twice the mean
constexpr Nanos kCalmTick = 40 * kMilli;
constexpr Nanos kQuietTick = 20 * kSecond;
constexpr Nanos kCalm = 5 * kSecond;          // longer than a neighbour takes to fail
constexpr Nanos kQuiet = 130 * kSecond;       // longer than any neighbour lives
constexpr Nanos kFinal = 2 * kSecond;
constexpr Nanos kFaultEvery = 400 * kMicro;
constexpr Nanos kFaultMax = 500 * kMicro, kLinkDownMax = 200 * kMilli;
constexpr Nanos kReattachMax = kMilli;
constexpr double kReadsLate = 0.5;            // of the faults, where ports attach
constexpr uint32_t kAllocFailsWithin = 20;    // frames
constexpr size_t kReceiveRing = 64;           // frames; what comes on top is lost
constexpr uint64_t kPassesPerMilli = 2000;    // of both kernels: no livelock

Ipv4 address_of(uint32_t host) { return ipv4(10, 0, 0, 1 + host); }
Mac mac_of(uint32_t host) { return {{2, 0, 0, 0, 0, static_cast<uint8_t>(1 + host)}}; }
Endpoint endpoint(uint32_t host, uint32_t app, uint32_t socket) {
  return {address_of(host), static_cast<uint16_t>(5000 + app * 100 + socket)};
}

Nanos up_to(Rng& rng, Nanos most) { return 1 + rng.below(static_cast<uint32_t>(most)); }

auto later = [](const auto& a, const auto& b) {
  return a.at != b.at ? a.at > b.at : a.order > b.order;
};

LinkFaults faults_of(const SimOptions& o) {
  return {o.loss, o.duplicate, o.reorder, o.corrupt, o.delay, o.jitter, o.burst, o.complementary};
}

// In the middle of the busy phase a clock of 31, 32, 62 bits of nanoseconds, microseconds or
// milliseconds would wrap.
Nanos start_of(Rng& rng, Nanos duration) {
  constexpr Nanos kEdges[] = {Nanos{1} << 31,
                              Nanos{1} << 32,
                              (Nanos{1} << 31) * kMicro,
                              (Nanos{1} << 32) * kMicro,
                              (Nanos{1} << 31) * kMilli,
                              (Nanos{1} << 32) * kMilli,
                              Nanos{1} << 62};
  return kEdges[rng.below(std::size(kEdges))] - duration / 2;
}

}  // namespace

SimOptions options_of(uint64_t seed) {
  Rng rng(seed ^ 0x0f7105);
  const auto maybe = [&](double most) {
    return rng.chance(0.5) ? most * rng.below(1000) / 1000 : 0.0;
  };
  SimOptions o{.seed = seed};
  o.loss = maybe(0.2), o.duplicate = maybe(0.1), o.reorder = maybe(0.2), o.corrupt = maybe(0.1);
  o.delay = up_to(rng, 100 * kMicro), o.jitter = rng.chance(0.5) ? up_to(rng, 50 * kMicro) : 0;
  o.tx_full = maybe(0.5), o.pool_dry = maybe(0.5), o.link_down = maybe(0.05);
  o.host_pause = maybe(0.3), o.slow_reader = maybe(0.5), o.app_end = maybe(0.3);
  o.attach = rng.chance(0.5);
  o.burst = maybe(0.05), o.alloc_fails = maybe(1), o.kernel_restart = maybe(0.1);
  if (rng.chance(0.5)) o.start = start_of(rng, o.duration);
  if (rng.chance(0.5)) o.cores = cores_plan(rng);
  return o;
}

Simulation::Simulation(const SimOptions& options)
    : options_(options),
      rng_(options.seed),
      ledger_(options.seed, options.duplicate > 0 ? 2 : 1),
      links_{Link{faults_of(options), rng_.next()}, Link{faults_of(options), rng_.next()}},
      now_(options.start) {
  for (uint32_t h = 0; h < kHosts; ++h) {
    hosts_[h].cores = SimCores(h == 0 ? options.cores : CoresPlan{}, mac_of(h), options.seed + h);
    for (auto& port : hosts_[h].cores.ports())
      if (options.attach) port->attach_payloads();
    hosts_[h].cores.start(kernel_config(h));
    for (uint32_t a = 0; a < kApps; ++a) attach(h, a);
  }
}

Simulation::~Simulation() = default;

// Tables are small, so that their ends are reached.
KernelConfig Simulation::kernel_config(uint32_t host) const {
  KernelConfig c;
  c.net.interfaces.push_back({.name = "nic0", .addresses = {{address_of(host), 24}}});
  c.net.neighbours_max = 4, c.net.neighbour_queue_max = 4, c.net.neighbour_parked_max = 8;
  c.net.tx_queue_max = 32, c.net.udp_sockets_max = 16;
  c.net.secret[0] = options_.seed, c.net.secret[1] = host;
  c.server.sessions_max = kApps;
  c.server.sockets_max = c.server.request_queues_max = kApps * kSockets;
  c.server.requests_max = 512, c.server.backlog_chunks = 24, c.server.udp_backlog_max = 8;
  c.server.hot_queues_max = 4;
  c.server.session_queues_max = 8, c.server.session_cqs_max = 8;
  c.server.session_regions_max = 2, c.server.session_buffers_max = 4;
  return c;
}

// The last socket of each application is connected, the others send to all such of the other host.
std::vector<SocketPlan> Simulation::plan_of(uint32_t host, uint32_t app) const {
  std::vector<SocketPlan> plan(kSockets);
  const uint32_t other = 1 - host;
  for (uint32_t s = 0; s < kSockets; ++s) {
    plan[s].local = endpoint(host, app, s), plan[s].pair = endpoint(other, app, s);
    if (s == kSockets - 1) continue;
    for (uint32_t a = 0; a < kApps; ++a)
      for (uint32_t k = 0; k < kSockets - 1; ++k) plan[s].peers.push_back(endpoint(other, a, k));
  }
  return plan;
}

void Simulation::attach(uint32_t host, uint32_t app) {
  AppPlace& place = hosts_[host].apps[app];
  place.app = std::make_unique<SimApp>(hosts_[host].cores.of_app(app), app, plan_of(host, app),
                                       ledger_, trace_, now_, options_.attach ? 1 : 0);
  place.next = now_;
}

bool Simulation::run() {
  void (Simulation::*const phases[])() = {&Simulation::busy, &Simulation::calm, &Simulation::quiet,
                                          &Simulation::final_round, &Simulation::end};
  for (const auto phase : phases) {
    if (failure().empty()) (this->*phase)();
  }
  return failure().empty();
}

void Simulation::check(bool good, const std::string& what) {
  if (!good) ledger_.fail(what + " at " + std::to_string(now_) + " ns");
}

Nanos Simulation::next_event() const {
  Nanos next = arrivals_.empty() ? kNever : arrivals_.front().at;
  for (const Host& h : hosts_) {
    next = std::min(next, std::max(h.wake, h.paused_until));
    next = std::min(next, std::min(h.next_fault, h.fault_until > 0 ? h.fault_until : kNever));
    for (const AppPlace& a : h.apps) next = std::min(next, a.next);
  }
  return next;
}

void Simulation::run_until(Nanos end) {
  const uint64_t first = passes_;
  const Nanos start = now_;
  while (failure().empty()) {
    const Nanos next = next_event();
    if (next >= end) break;
    now_ = std::max(now_, next);
    deliver_arrivals();
    for (uint32_t h = 0; h < kHosts; ++h) {
      Host& host = hosts_[h];
      if (host.fault_until > 0 && now_ >= host.fault_until) mend(host);
      if (now_ >= host.next_fault) {
        inject_fault(host);
        if (rng_.chance(options_.kernel_restart)) restart(h);
      }
      for (uint32_t a = 0; a < kApps; ++a)
        if (now_ >= host.apps[a].next) run_app(h, a);
      if (now_ >= host.wake && now_ >= host.paused_until) pass(h);
    }
    check(passes_ - first <= kPassesPerMilli * (1 + static_cast<uint64_t>(now_ - start) / kMilli),
          "passes without end");
  }
  now_ = std::max(now_, end);
}

void Simulation::deliver_arrivals() {
  while (!arrivals_.empty() && arrivals_.front().at <= now_) {
    std::pop_heap(arrivals_.begin(), arrivals_.end(), later);
    const Arrival arrival = std::move(arrivals_.back());
    arrivals_.pop_back();
    Host& h = hosts_[arrival.host];
    testing::MemoryPort& port = h.cores.queue_of(arrival.frame);
    if (!port.link_is_up || port.waiting() >= kReceiveRing) continue;
    port.receive(arrival.frame);
    h.wake = std::min(h.wake, now_);
  }
}

void Simulation::run_app(uint32_t host, uint32_t app) {
  AppPlace& place = hosts_[host].apps[app];
  if (!place.app) {
    attach(host, app);
  } else if (sending_ && rng_.chance(options_.app_end * kBusyTick / kFaultEvery)) {
    settle(host);
    place.app.reset();  // whatever it had posted, and whatever the port still holds of it
    place.next = now_ + up_to(rng_, kReattachMax);
    return;
  }
  if (sending_ && rng_.chance(options_.slow_reader * kBusyTick / kFaultEvery))
    place.app->asleep_until = now_ + up_to(rng_, kFaultMax);
  place.app->tick(rng_, sending_, now_);
  place.next = now_ + up_to(rng_, tick_every_);
  hosts_[host].wake = std::min(hosts_[host].wake, now_);
}

void Simulation::inject_fault(Host& h) {
  h.next_fault = now_ + up_to(rng_, 2 * kFaultEvery);
  if (h.fault_until > 0) return;
  for (auto& port : h.cores.ports()) {
    if (rng_.chance(options_.tx_full)) port->tx_accepts = rng_.below(3);
    if (rng_.chance(options_.pool_dry)) port->pool_frames = rng_.below(6);
    if (rng_.chance(options_.alloc_fails)) port->alloc_fails_after = rng_.below(kAllocFailsWithin);
    port->reads_late = options_.attach && rng_.chance(kReadsLate);
  }
  if (rng_.chance(options_.host_pause)) h.paused_until = now_ + up_to(rng_, kFaultMax);
  const bool up = !rng_.chance(options_.link_down);
  for (auto& port : h.cores.ports()) port->link_is_up = up;
  h.fault_until = now_ + up_to(rng_, up ? kFaultMax : kLinkDownMax);
}

void Simulation::mend(Host& h) {
  for (auto& port : h.cores.ports()) {
    port->tx_accepts = port->pool_frames = port->alloc_fails_after = SIZE_MAX;
    port->link_is_up = true;
    port->reads_late = false;
  }
  h.fault_until = 0;
  h.wake = std::min(h.wake, now_);
}

// The daemon ends and is started again; its applications attach anew.
// Nothing that it has attached is with the port then: a session ends in one go.
void Simulation::settle(uint32_t host) {
  for (auto& port : hosts_[host].cores.ports()) port->reads_late = false;
  pass(host);
}

void Simulation::restart(uint32_t host) {
  Host& h = hosts_[host];
  settle(host);
  for (AppPlace& a : h.apps) a.app.reset(), a.next = now_ + up_to(rng_, kReattachMax);
  h.cores.stop();
  check(h.cores.outstanding() == 0, "frames lost with their kernel");
  h.cores.start(kernel_config(host));
  h.wake = now_;
}

void Simulation::pass(uint32_t host) {
  Host& h = hosts_[host];
  ++passes_;
  std::vector<Packet> sent;
  for (auto& kernel : h.cores.kernels()) kernel->poll(now_);
  for (auto& port : h.cores.ports()) {
    port->let_go();
    for (Packet& frame : port->take_sent()) sent.push_back(std::move(frame));
  }
  for (const Packet& frame : sent) {
    trace_.add(static_cast<uint64_t>(now_) << 1 | host);
    trace_.add(frame);
    const auto decoded = testing::decode(frame);
    check(decoded.fault.empty(), decoded.fault);
    for (Link::Copy& copy : links_[host].carry(frame, now_)) {
      arrivals_.push_back({copy.at, ++orders_, 1 - host, std::move(copy.frame)});
      std::push_heap(arrivals_.begin(), arrivals_.end(), later);
    }
  }
  const Nanos deadline = h.cores.next_deadline();
  if (h.cores.busy() || h.cores.waiting()) h.wake = now_ + kPassTime;
  else if (!h.cores.idle() || deadline <= now_) h.wake = now_ + kRetryTime;
  else h.wake = deadline;
}

void Simulation::busy() {
  sending_ = true, tick_every_ = kBusyTick;
  for (Host& h : hosts_) h.next_fault = now_ + up_to(rng_, kFaultEvery);
  run_until(now_ + options_.duration);
}

void Simulation::calm() {
  sending_ = false, tick_every_ = kCalmTick;
  for (Link& link : links_) link.heal();
  for (Host& h : hosts_) h.next_fault = kNever, mend(h);
  run_until(now_ + kCalm);
  for (const Host& h : hosts_)
    for (const AppPlace& a : h.apps) {
      check(a.app != nullptr, "an application did not attach again");
      if (a.app) check(a.app->sends_outstanding() == 0, "sends that never completed");
    }
}

void Simulation::quiet() {
  tick_every_ = kQuietTick;
  run_until(now_ + kQuiet);
  for (const Host& h : hosts_) {
    uint32_t receives = 0;
    for (const AppPlace& a : h.apps) receives += a.app->receives_outstanding();
    const Server::Usage usage = h.cores.usage();
    check(usage.requests == receives, "requests lost or kept");
    check(usage.chunks == 0, "chunks kept");
    check(usage.sessions == kApps && usage.sockets == kApps * kSockets, "sessions or sockets lost");
    check(h.cores.outstanding() == 0, "frames kept");
    for (const auto& kernel : h.cores.kernels()) {
      check(testing::account_of(kernel->counters()).balanced(), "frames without a name");
      check(kernel->net().neighbours().size() == 0, "neighbours kept");
      check(kernel->net().neighbours().parked() == 0 && kernel->net().idle(), "frames parked");
    }
  }
}

// One application after the other: a neighbour that must be asked for first keeps only so many.
void Simulation::final_round() {
  tick_every_ = kCalmTick;
  for (Host& h : hosts_)
    for (AppPlace& a : h.apps) a.next = now_;
  for (Host& h : hosts_)
    for (AppPlace& a : h.apps) {
      std::vector<uint64_t> numbers;
      a.app->send_to_pairs(numbers);
      h.wake = now_;
      run_until(now_ + kFinal);
      for (const uint64_t n : numbers)
        check(ledger_.copies_of(n) == 1, "datagram " + std::to_string(n) + " lost on a good link");
    }
}

void Simulation::end() {
  for (Host& h : hosts_) {
    for (AppPlace& a : h.apps) a.app.reset();
    for (auto& kernel : h.cores.kernels()) kernel->poll(++now_);
    const Server::Usage usage = h.cores.usage();
    check(usage.sessions == 0 && usage.sockets == 0 && usage.request_queues == 0 &&
              usage.requests == 0 && usage.chunks == 0,
          "something of a session is left");
    check(h.cores.outstanding() == 0, "frames kept at the end");
  }
}

}  // namespace pinion::sim
