// What a seed chooses for the simulation of streams.
#include <iterator>

#include "sim/stream_simulation.h"

namespace pinion::sim {

namespace {

constexpr Nanos kIsnTick = 4 * kMicro;  // RFC 9293 3.4.1
constexpr uint32_t kIsnBelow = 20'000;  // a stream is longer as a rule
constexpr Nanos kTickMin = 20 * kMicro;
constexpr uint32_t kTsoBytesMin = 3000;  // two segments
constexpr uint16_t kFewPorts = 8;        // so that most connections are near the edge

Nanos up_to(Rng& rng, Nanos most) {
  return 1 + static_cast<Nanos>(rng.next() % static_cast<uint64_t>(most));
}

// In the middle of the busy phase a clock of 31, 32, 62 bits of nanoseconds, microseconds or
// milliseconds would wrap.
Nanos clock_edge(Rng& rng, Nanos duration) {
  constexpr Nanos kEdges[] = {Nanos{1} << 31,
                              Nanos{1} << 32,
                              (Nanos{1} << 31) * kMicro,
                              (Nanos{1} << 32) * kMicro,
                              (Nanos{1} << 31) * kMilli,
                              (Nanos{1} << 32) * kMilli,
                              Nanos{1} << 62};
  return kEdges[rng.below(std::size(kEdges))] - duration / 2;
}

void choose_tables(StreamSimOptions& o, Rng& rng) {
  const auto between = [&](uint32_t least, uint32_t most) {
    return rng.chance(0.5) ? most : least + rng.below(most - least + 1);
  };
  StreamTables& t = o.tables;
  t.connections = between(4, 64), t.segments = between(8, 1024), t.ooo_chunks = between(1, 64);
  t.chunks = between(8, 256), t.sockets = between(8, 40), t.syn_queue = between(1, 16);
  t.tx_queue = between(4, 64);
  t.syn_cookies = rng.chance(0.7);
  o.backlog = between(1, 4);
}

void choose_faults(StreamSimOptions& o, Rng& rng) {
  const auto maybe = [&](double most) {
    return rng.chance(0.5) ? most * rng.below(1000) / 1000 : 0.0;
  };
  LinkFaults& l = o.link;
  l.loss = maybe(0.2), l.duplicate = maybe(0.1), l.reorder = maybe(0.2), l.corrupt = maybe(0.1);
  l.burst = maybe(0.05);
  l.delay = up_to(rng, 2 * o.tick), l.jitter = rng.chance(0.5) ? up_to(rng, o.tick) : 0;
  o.tx_full = maybe(0.5), o.pool_dry = maybe(0.5), o.alloc_fails = maybe(1);
  o.link_down = maybe(0.05), o.host_pause = maybe(0.3), o.slow_reader = maybe(0.5);
  o.app_end = maybe(0.2), o.partition = maybe(0.1), o.partition_max = o.duration / 2;
}

// The clock begins where the sequence numbers, or the timestamps, of the first connection are a
// little below their wrap.
void choose_start(StreamSimOptions& o, Rng& rng) {
  switch (rng.below(4)) {
    case 0: o.start = clock_edge(rng, o.duration); return;
    case 1: {
      o.ephemeral_ports = kFewPorts;
      const uint32_t seq = StreamSimulation(o).first_syn().seq;
      o.start += kIsnTick * (uint32_t{0} - rng.below(kIsnBelow) - seq);
      return;
    }
    case 2: {
      o.ephemeral_ports = kFewPorts;
      const uint32_t timestamp = StreamSimulation(o).first_syn().timestamp;
      const auto ticks = static_cast<uint32_t>(o.duration / o.timestamp_tick);
      o.start += o.timestamp_tick * (uint32_t{0} - rng.below(ticks + 1) - timestamp);
      return;
    }
    default: return;
  }
}

}  // namespace

StreamSimOptions stream_options_of(uint64_t seed) {
  Rng rng(seed ^ 0x57ea35);
  StreamSimOptions o;
  o.seed = seed;
  o.tick = kTickMin + up_to(rng, rng.chance(0.2) ? 2 * kMilli : 200 * kMicro);
  o.duration = kStreamTicks * o.tick;
  choose_tables(o, rng);
  choose_faults(o, rng);
  o.ephemeral_ports = rng.chance(0.3) ? kFewPorts : 1000;
  o.initial_rto = rng.chance(0.5) ? kSecond : kSecond / 2;
  o.delayed_ack = rng.chance(0.5) ? 0 : up_to(rng, 40 * kMilli);
  StreamHabits& h = o.habits;
  h.connect = 0.02 + 0.1 * rng.below(100) / 100;
  const auto rarely = [&] { return rng.chance(0.5) ? 0.02 * rng.below(100) / 100 : 0.0; };
  h.close = rarely(), h.abort = rarely(), h.shutdown = rarely();
  h.bytes_max = 1000 + rng.below(30'000);
  if (rng.chance(0.5)) o.cores = cores_plan(rng);
  choose_start(o, rng);
  if (o.ephemeral_ports == kFewPorts) o.cores.says_hash = false;  // none might come home
  if (rng.chance(0.4)) o.tso_bytes = kTsoBytesMin + rng.below(kTsoBytesMin * 6);
  return o;
}

}  // namespace pinion::sim
