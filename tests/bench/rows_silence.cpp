// What silence costs: the first request after it, and the way back to an application that sleeps.
#include <memory>
#include <vector>

#include "bench/bed.h"
#include "bench/floors.h"
#include "bench/rows.h"

namespace pinion::bench {

namespace {

constexpr size_t kWarmRounds = 2'000;
constexpr double kSilenceNs = 1e9;
constexpr size_t kSilentPairs = 24;  // of two seconds each

template <class Look>
void keep_silent(Look look) {
  const auto ticks = static_cast<uint64_t>(kSilenceNs * ticks_per_ns());
  for (const uint64_t begun = tsc(); tsc() - begun < ticks;) look();
}

template <class RoundTrip>
double warm_ticks(RoundTrip round_trip) {
  std::vector<double> ticks(kWarmRounds);
  for (double& t : ticks) t = static_cast<double>(round_trip());
  return middle(ticks);
}

// A nop queue and a bare pair of lines, served by the same thread, one after the other.
struct Silent {
  Bed bed{{}};
  NopQueue queue;
  LinePair lines;
  std::atomic<bool> nops_done{false};

  Silent() {
    bed.cold([this] { queue = create_nop_queue(bed, 64); });
  }
  uint64_t nop() { return queue.round_trip(0); }
  void look_for_completion() {
    rio_result result;
    if (const int n = rio_dequeue(queue.cq, &result, 1); n != 0) must(-EPROTO, "silent queue");
  }
};

// The application is silent as one that trades is: it waits for its next completion, and the core
// polls on. What a second of that does to the first nop is to be no more than what it does to the
// first round trip of two bare lines (their caches were the host's meanwhile, or the other
// programs' of the processor). So the reference is a warm nop plus what the same silence adds to
// the first bare round trip, and the ratio tells of the queue alone: 1.0 unless time makes it cold.
Contest first_nop_after_silence() {
  auto silent = std::make_shared<Silent>();
  auto subject = [silent](Samples& samples) {
    warm_ticks([&] { return silent->nop(); });
    keep_silent([&] { silent->look_for_completion(); });
    samples.add(silent->nop());
  };
  auto core = [silent](const std::atomic<bool>& stop) { silent->bed.serve(stop); };
  auto reference = [silent](Samples& samples) {
    const double nop = warm_ticks([&] { return silent->nop(); });
    silent->nops_done = true;
    const double warm = warm_ticks([&] { return silent->lines.round_trip(); });
    keep_silent([&] { silent->lines.look(); });
    const auto first = static_cast<double>(silent->lines.round_trip());
    samples.add_difference(nop + first - warm);
  };
  auto core_then_lines = [silent](const std::atomic<bool>& stop) {
    silent->bed.serve(silent->nops_done);
    silent->nops_done = false;
    silent->lines.serve(stop);
  };
  return {{subject, core}, {reference, core_then_lines}};
}

struct Sleeper : Wake {
  Bed bed{{}};
  NopQueue queue;

  Sleeper() {
    bed.cold([this] { queue = create_nop_queue(bed, 1, RIO_NOTIFY_FD); });
  }
};

// From the core's side: it finds a request, completes it, and signals the thread on the other
// processor, which has asked for that and blocks in poll(). That thread is awake when it has the
// completion. The core runs on the client's processor, so that the sleeper can have its own.
Load completion_wake() {
  auto sleeper = std::make_shared<Sleeper>();
  auto core = [sleeper](Samples& samples) {
    sleeper->run(
        samples, [&] { sleeper->bed.poll(); },
        [&] {
          must(rio_nop(sleeper->queue.rq, 0, 0), "nop");
          sleeper->bed.poll();
        });
  };
  auto application = [sleeper](const std::atomic<bool>&) {
    rio_cq* cq = sleeper->queue.cq;
    sleeper->sleep([&] { must(rio_notify(cq), "notify"); },
                   [&] {
                     wait_readable(rio_notify_fd(cq));
                     dequeue_one(cq, 0);
                   });
  };
  return {core, application};
}

}  // namespace

void add_silence_rows(Registry& rows) {
  rows.push_back({"nop_after_idle_1s", "warm nop + bare ping-pong's own", 1.5,
                  first_nop_after_silence, kSilentPairs});
  rows.push_back({"wake", "bare wake by a socketpair", 1.2, [] {
                    return Contest{completion_wake(), socketpair_wake()};
                  }});
}

}  // namespace pinion::bench
