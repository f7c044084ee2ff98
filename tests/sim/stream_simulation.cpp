// See stream_simulation.h.
#include "sim/stream_simulation.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "support/account.h"

namespace pinion::sim {

namespace {

constexpr Nanos kPassTime = kMicro;        // between passes of a kernel that has work
constexpr Nanos kRetryTime = 5 * kMicro;   // and of one whose port is full
constexpr Nanos kFinishTick = 2 * kMilli;  // after a pass that did something
constexpr Nanos kIdleTick = kSecond;       // and without one
constexpr Nanos kQuietTick = 20 * kSecond;
constexpr Nanos kFinishMax = 120 * kSecond;
constexpr Nanos kLastMax = 60 * kSecond;
constexpr Nanos kMsl = 10 * kSecond;
constexpr Nanos kQuiet = 200 * kSecond;  // over 2 MSL, a SYN cookie's life, any neighbour's life
constexpr Nanos kUserTimeout = 90 * kSecond, kConnectTimeout = 30 * kSecond;
constexpr Nanos kKeepalive = 10 * kSecond, kKeepaliveInterval = 5 * kSecond;
constexpr uint32_t kFaultTicks = 8;  // on average
constexpr uint32_t kAllocFailsWithin = 20;
constexpr size_t kReceiveRing = 64;         // frames; what comes on top is lost
constexpr uint64_t kPassesPerMilli = 2000;  // of both kernels: no livelock
constexpr uint16_t kListenPort = 5000;

Ipv4 address_of(uint32_t host) { return ipv4(10, 0, 0, 1 + host); }
Mac mac_of(uint32_t host) { return {{2, 0, 0, 0, 0, static_cast<uint8_t>(1 + host)}}; }
Endpoint listen_at(uint32_t host, uint32_t app) {
  return {address_of(host), static_cast<uint16_t>(kListenPort + app)};
}

Nanos up_to(Rng& rng, Nanos most) {
  return 1 + static_cast<Nanos>(rng.next() % static_cast<uint64_t>(most));
}

auto later = [](const auto& a, const auto& b) {
  return a.at != b.at ? a.at > b.at : a.order > b.order;
};

}  // namespace

StreamSimulation::StreamSimulation(const StreamSimOptions& options)
    : options_(options),
      rng_(options.seed),
      ledger_(options.seed),
      links_{Link{options.link, rng_.next()}, Link{options.link, rng_.next()}},
      now_(options.start) {
  for (uint32_t h = 0; h < kHosts; ++h) {
    hosts_[h].cores = SimCores(h == 0 ? options.cores : CoresPlan{}, mac_of(h), options.seed + h);
    if (options.tso_bytes != 0)
      for (auto& port : hosts_[h].cores.ports()) port->cut_segments(options.tso_bytes);
    hosts_[h].cores.start(kernel_config(h));
    for (uint32_t a = 0; a < kApps; ++a) attach(h, a);
  }
}

StreamSimulation::~StreamSimulation() = default;

KernelConfig StreamSimulation::kernel_config(uint32_t host) const {
  const StreamTables& t = options_.tables;
  KernelConfig c;
  c.net.interfaces.push_back({.name = "nic0", .addresses = {{address_of(host), 24}}});
  c.net.neighbours_max = 4, c.net.neighbour_queue_max = 4, c.net.neighbour_parked_max = 8;
  c.net.tx_queue_max = t.tx_queue, c.net.udp_sockets_max = 16;
  c.net.secret[0] = options_.seed, c.net.secret[1] = host;
  c.net.ephemeral_last =
      static_cast<uint16_t>(c.net.ephemeral_first + options_.ephemeral_ports - 1);
  TcpConfig& tcp = c.net.tcp;
  // The applications' own, and those that may be half open.
  tcp.connections_max = t.connections + std::min(t.connections, t.syn_queue);
  tcp.listeners_max = kApps, tcp.bound_max = 2 * t.sockets;
  tcp.ooo_chunks_max = t.ooo_chunks, tcp.segments_max = t.segments;
  tcp.syn_queue_max = t.syn_queue, tcp.syn_cookies = t.syn_cookies;
  tcp.initial_rto = options_.initial_rto, tcp.delayed_ack = options_.delayed_ack;
  tcp.timestamp_tick = options_.timestamp_tick;
  tcp.msl = kMsl, tcp.fin_wait_2 = kMsl;
  tcp.user_timeout = kUserTimeout, tcp.connect_timeout = kConnectTimeout;
  tcp.keepalive_idle = kKeepalive, tcp.keepalive_interval = kKeepaliveInterval;
  c.server.sessions_max = kApps;
  c.server.sockets_max = c.server.request_queues_max = t.sockets;
  c.server.requests_max = 512, c.server.backlog_chunks = t.chunks;
  c.server.hot_queues_max = 4;
  c.server.session_queues_max = 32, c.server.session_cqs_max = 8;
  c.server.session_regions_max = 2, c.server.session_buffers_max = 4;
  return c;
}

void StreamSimulation::attach(uint32_t host, uint32_t app) {
  AppPlace& place = hosts_[host].apps[app];
  StreamPlan plan{.listen = listen_at(host, app),
                  .peers = {listen_at(1 - host, app), listen_at(1 - host, 1 - app)},
                  .backlog = options_.backlog,
                  .habits = options_.habits};
  place.app = std::make_unique<StreamApp>(hosts_[host].cores.of_app(app), app, plan, ledger_,
                                          trace_, now_);
  place.next = now_;
}

bool StreamSimulation::run() {
  void (StreamSimulation::*const phases[])() = {
      &StreamSimulation::busy,       &StreamSimulation::finish, &StreamSimulation::quiet,
      &StreamSimulation::last_round, &StreamSimulation::quiet,  &StreamSimulation::end};
  for (const auto phase : phases)
    if (failure().empty()) (this->*phase)();
  return failure().empty();
}

StreamSimulation::FirstSyn StreamSimulation::first_syn() {
  busy_ = true, tick_every_ = 2 * options_.tick;
  const Nanos end = now_ + options_.duration;
  while (!first_syn_ && now_ < end) run_until(now_ + options_.tick, false);
  return first_syn_.value_or(FirstSyn{});
}

void StreamSimulation::check(bool good, const std::string& what) {
  if (!good) ledger_.fail(what + " at " + std::to_string(now_) + " ns");
}

Nanos StreamSimulation::next_event() const {
  Nanos next = arrivals_.empty() ? kNever : arrivals_.front().at;
  for (const Host& h : hosts_) {
    next = std::min(next, std::max(h.wake, h.paused_until));
    next = std::min(next, std::min(h.next_fault, h.fault_until > 0 ? h.fault_until : kNever));
    for (const AppPlace& a : h.apps) next = std::min(next, a.next);
  }
  return next;
}

bool StreamSimulation::all_idle() const {
  for (const Host& h : hosts_)
    for (const AppPlace& a : h.apps)
      if (!a.app || a.app->connections() != 0) return false;
  return true;
}

void StreamSimulation::run_until(Nanos end, bool until_idle) {
  const uint64_t first = passes_;
  const Nanos start = now_;
  while (failure().empty() && !(until_idle && all_idle())) {
    const Nanos next = next_event();
    if (next >= end) break;
    now_ = std::max(now_, next);
    deliver_arrivals();
    for (uint32_t h = 0; h < kHosts; ++h) {
      Host& host = hosts_[h];
      if (host.fault_until > 0 && now_ >= host.fault_until) mend(host);
      if (now_ >= host.next_fault) inject_fault(host);
      for (uint32_t a = 0; a < kApps; ++a)
        if (now_ >= host.apps[a].next) run_app(h, a);
      if (now_ >= host.wake && now_ >= host.paused_until) pass(h);
    }
    check(passes_ - first <= kPassesPerMilli * (1 + static_cast<uint64_t>(now_ - start) / kMilli),
          "passes without end");
  }
  if (!until_idle) now_ = std::max(now_, end);
}

void StreamSimulation::deliver_arrivals() {
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

void StreamSimulation::run_app(uint32_t host, uint32_t app) {
  AppPlace& place = hosts_[host].apps[app];
  if (!place.app) {
    attach(host, app);
  } else if (busy_ && rng_.chance(options_.app_end / kFaultTicks)) {
    place.app->dies(now_);
    place.app.reset();
    place.next = now_ + up_to(rng_, 2 * kFaultTicks * options_.tick);
    hosts_[host].wake = std::min(hosts_[host].wake, now_);
    return;
  }
  if (busy_ && rng_.chance(options_.slow_reader / kFaultTicks))
    place.app->asleep_until = now_ + up_to(rng_, 4 * kFaultTicks * options_.tick);
  if (!busy_) place.app->asleep_until = 0;
  place.app->tick(rng_, busy_ ? StreamApp::Phase::busy : StreamApp::Phase::finish, now_);
  place.next = now_ + (busy_ ? up_to(rng_, tick_every_) : tick_every_);
  hosts_[host].wake = std::min(hosts_[host].wake, now_);
}

void StreamSimulation::inject_fault(Host& h) {
  const Nanos every = kFaultTicks * options_.tick;
  h.next_fault = now_ + up_to(rng_, 2 * every);
  if (rng_.chance(options_.partition))
    partition_until_ = now_ + up_to(rng_, options_.partition_max);
  if (h.fault_until > 0) return;
  for (auto& port : h.cores.ports()) {
    if (rng_.chance(options_.tx_full)) port->tx_accepts = rng_.below(3);
    if (rng_.chance(options_.pool_dry)) port->pool_frames = rng_.below(6);
    if (rng_.chance(options_.alloc_fails)) port->alloc_fails_after = rng_.below(kAllocFailsWithin);
  }
  if (rng_.chance(options_.host_pause)) h.paused_until = now_ + up_to(rng_, every);
  const bool up = !rng_.chance(options_.link_down);
  for (auto& port : h.cores.ports()) port->link_is_up = up;
  h.fault_until = now_ + up_to(rng_, every);
}

void StreamSimulation::mend(Host& h) {
  for (auto& port : h.cores.ports()) {
    port->tx_accepts = port->pool_frames = port->alloc_fails_after = SIZE_MAX;
    port->link_is_up = true;
  }
  h.fault_until = 0;
  h.wake = std::min(h.wake, now_);
}

void StreamSimulation::pass(uint32_t host) {
  Host& h = hosts_[host];
  ++passes_;
  for (auto& kernel : h.cores.kernels()) kernel->poll(now_);
  for (const AppPlace& place : h.apps)
    if (place.app) place.app->passed(now_);
  const uint64_t full = h.cores.sum(
      [](const Kernel& k) { return k.counters().dropped(Drop::tcp_accept_full); });
  if (full != std::exchange(h.accept_full, full)) ledger_.no_room(address_of(host), now_);
  // It has given up a half-open connection, whose peer may take it for open (RFC 9293 3.5): as much
  // a reason for a RST as that there was no room.
  const uint64_t late = h.cores.sum([](const Kernel& k) { return k.counters().tcp_timeouts; });
  if (late != std::exchange(h.late, late)) ledger_.no_room(address_of(host), now_);
  const uint64_t evicted =
      h.cores.sum([](const Kernel& k) { return k.counters().tcp_time_wait_evicted; });
  if (evicted != std::exchange(h.evicted, evicted))
    ledger_.time_wait_evicted(address_of(host), now_);
  for (auto& port : h.cores.ports()) {
    port->let_go();
    for (const Packet& frame : port->take_sent()) carry(host, frame);
  }
  const Nanos deadline = h.cores.next_deadline();
  if (h.cores.busy() || h.cores.waiting()) h.wake = now_ + kPassTime;
  else if (!h.cores.idle() || deadline <= now_) h.wake = now_ + kRetryTime;
  else h.wake = deadline;
  if (busy_ || !h.cores.busy()) return;
  for (AppPlace& a : h.apps) a.next = std::min(a.next, now_ + kFinishTick);
}

void StreamSimulation::carry(uint32_t host, const Packet& frame) {
  trace_.add(static_cast<uint64_t>(now_) << 1 | host);
  trace_.add(frame);
  const auto decoded = testing::decode(frame);
  check(decoded.fault.empty(), decoded.fault);
  if (decoded.tcp && decoded.tcp->flags == testing::kSyn && !first_syn_)
    first_syn_ = {decoded.tcp->seq, testing::options_of(*decoded.tcp).ts_value.value_or(0)};
  if (options_.show && decoded.tcp) show(host, decoded);
  if (options_.show && decoded.arp)
    std::printf("%.6f host %u: ARP %u\n", static_cast<double>(now_ - options_.start) / 1e9,
                host + 1, decoded.arp->op);
  if (now_ < partition_until_) return;
  for (Link::Copy& copy : links_[host].carry(frame, now_)) {
    arrivals_.push_back({copy.at, ++orders_, 1 - host, std::move(copy.frame)});
    std::push_heap(arrivals_.begin(), arrivals_.end(), later);
  }
}

void StreamSimulation::show(uint32_t host, const testing::Decoded& decoded) const {
  const testing::TcpFields& t = *decoded.tcp;
  std::string flags;
  for (uint32_t i = 0; i < 5; ++i)
    if ((t.flags >> i & 1) != 0) flags += "FSRPA"[i];
  std::printf("%.6f host %u: %u > %u %s seq %u ack %u win %u length %zu\n",
              static_cast<double>(now_ - options_.start) / 1e9, host + 1, t.src, t.dst,
              flags.c_str(), t.seq, t.ack, t.window, decoded.data.size());
}

void StreamSimulation::busy() {
  busy_ = true, tick_every_ = 2 * options_.tick;
  for (Host& h : hosts_) h.next_fault = now_ + up_to(rng_, 2 * kFaultTicks * options_.tick);
  run_until(now_ + options_.duration, false);
}

void StreamSimulation::finish() {
  busy_ = false, tick_every_ = kIdleTick;
  partition_until_ = 0;
  for (Link& link : links_) link.heal();
  for (Host& h : hosts_) h.next_fault = kNever, mend(h);
  for (Host& h : hosts_)
    for (AppPlace& a : h.apps) a.next = std::min(a.next, now_ + kFinishTick);
  const Nanos begin = now_;
  run_until(now_ + kFinishMax, true);
  finished_in_ = now_ - begin;
  for (const Host& h : hosts_)
    for (const AppPlace& a : h.apps)
      if (a.app) check(a.app->connections() == 0, "not finished: " + a.app->waits());
  check(all_idle(), "an application did not attach again");
}

void StreamSimulation::quiet() {
  tick_every_ = kQuietTick;
  run_until(now_ + kQuiet, false);
  for (const Host& h : hosts_) {
    const Server::Usage usage = h.cores.usage();
    check(usage.sessions == kApps && usage.sockets == kApps && usage.streams == kApps,
          "sessions or sockets lost or kept: " + std::to_string(usage.sockets));
    check(usage.requests == 0 && usage.request_queues == 0, "requests kept");
    check(usage.chunks == 0, "chunks kept: " + std::to_string(usage.chunks));
    for (const auto& kernel : h.cores.kernels()) {
      const Tcp& tcp = kernel->net().tcp();
      check(tcp.tcbs_used() == 0, "TCBs kept: " + std::to_string(tcp.tcbs_used()));
      check(tcp.segments_used() == 0 && tcp.half_open() == 0 && tcp.time_waiting() == 0,
            "segments kept: " + std::to_string(tcp.segments_used()));
      check(testing::account_of(kernel->counters()).balanced(), "frames without a name");
      check(kernel->net().neighbours().parked() == 0 && kernel->net().idle(), "frames parked");
    }
    check(h.cores.outstanding() == 0, "frames kept");
  }
}

void StreamSimulation::last_round() {
  const uint64_t failures = ledger_.failures(), whole = ledger_.streams_whole();
  tick_every_ = kIdleTick;
  for (Host& h : hosts_)
    for (AppPlace& a : h.apps) {
      check(a.app->open_one(rng_, now_), "no connection on a good link");
      h.wake = a.next = now_;
    }
  run_until(now_ + kLastMax, true);
  check(all_idle(), "the last connections do not end");
  check(ledger_.failures() == failures, "the last connections failed");
  check(ledger_.streams_whole() == whole + 2 * kHosts * kApps, "the last streams are not whole");
}

void StreamSimulation::end() {
  for (Host& h : hosts_) {
    for (AppPlace& a : h.apps) a.app.reset();
    for (int i = 0; i < 4; ++i)
      for (auto& kernel : h.cores.kernels()) kernel->poll(++now_);
    const Server::Usage usage = h.cores.usage();
    check(usage.sessions == 0 && usage.sockets == 0 && usage.request_queues == 0 &&
              usage.requests == 0 && usage.chunks == 0 && usage.streams == 0,
          "something of a session is left");
    for (auto& kernel : h.cores.kernels())
      check(kernel->net().tcp().listeners() == 0 && kernel->net().tcp().tcbs_used() == 0,
            "something of TCP is left");
    for (auto& port : h.cores.ports()) port->take_sent();
    check(h.cores.outstanding() == 0, "frames kept at the end");
  }
}

}  // namespace pinion::sim
