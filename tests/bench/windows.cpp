// The window runner: probe, client and server, probe; one fresh server thread a window.
#include "bench/windows.h"

#include <pthread.h>
#include <rio/ring.h>
#include <sched.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

namespace pinion::bench {

namespace {

constexpr uint32_t kProbeRounds = 4000;

// A window's client; the other side has been told.
Window run_client(const Load& load, Meeting& meeting) {
  const double before_ns = meeting.probe.client_ns();
  Samples samples;
  load.client(samples);
  meeting.stop = true;
  const double after_ns = meeting.probe.client_ns();
  std::vector<double> ns = samples.to_ns();
  return window_of(classify(before_ns, after_ns), ns);
}

// Runs windows of either side, with a thread or a process on the second processor.
class Runner {
 public:
  Runner(const Load& subject, const Load& reference, int server_cpu, Meeting* remote)
      : loads_{&subject, &reference}, server_cpu_(server_cpu), remote_(remote) {}

  Window run(Meeting::Side side) {
    Meeting& meeting = remote_ ? *remote_ : own_;
    meeting.stop = false;
    meeting.side = side;
    rio_word_store(&meeting.windows, meeting.windows + 1);
    std::thread server;
    if (!remote_) {
      server = std::thread([&] {
        pin(server_cpu_);
        serve_window(meeting, loads_[side]->server);
      });
    }
    const Window window = run_client(*loads_[side], meeting);
    if (server.joinable()) server.join();
    return window;
  }

 private:
  const Load* loads_[2];
  int server_cpu_;
  Meeting* remote_;
  Meeting own_;
};

}  // namespace

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  if (pthread_setaffinity_np(pthread_self(), sizeof set, &set) != 0) {
    std::fprintf(stderr, "bench: cannot run on processor %d\n", cpu);
    std::exit(2);
  }
}

double Probe::client_ns() {
  Samples samples;
  samples.reserve(kProbeRounds);
  for (uint32_t i = 1; i <= kProbeRounds; ++i) {
    const uint64_t start = tsc();
    rio_word_store(&ping_, client_base_ + i);
    while (rio_word_load(&pong_) != client_base_ + i) {
    }
    samples.add(tsc() - start);
  }
  client_base_ += kProbeRounds;
  std::vector<double> ns = samples.to_ns();
  return middle(ns);
}

void Probe::serve() {
  for (uint32_t i = 1; i <= kProbeRounds; ++i) {
    while (rio_word_load(&ping_) != server_base_ + i) {
    }
    rio_word_store(&pong_, server_base_ + i);
  }
  server_base_ += kProbeRounds;
}

void serve_window(Meeting& meeting, const Server& server) {
  meeting.probe.serve();
  if (server) server(meeting.stop);
  meeting.probe.serve();
}

double ticks_per_ns() {
  static const double value = [] {
    using Clock = std::chrono::steady_clock;
    const auto started = Clock::now();
    const uint64_t first = tsc();
    while (Clock::now() - started < std::chrono::milliseconds(100)) {
    }
    const std::chrono::duration<double, std::nano> elapsed = Clock::now() - started;
    return static_cast<double>(tsc() - first) / elapsed.count();
  }();
  return value;
}

std::vector<double> Samples::to_ns() const {
  std::vector<double> ns(ticks_);
  for (double& value : ns) value /= ticks_per_ns();
  return ns;
}

bool choose_processors(WindowOptions& options) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return false;
  int found = 0;
  for (int cpu = 0; cpu < CPU_SETSIZE && found < 2; ++cpu) {
    if (!CPU_ISSET(cpu, &set)) continue;
    (found == 0 ? options.client_cpu : options.server_cpu) = cpu;
    ++found;
  }
  return found == 2;
}

Comparison compare(const Load& subject, const Load& reference, const WindowOptions& options,
                   Meeting* meeting) {
  ticks_per_ns();
  cpu_set_t before;
  sched_getaffinity(0, sizeof before, &before);
  pin(options.client_cpu);
  Runner runner(subject, reference, options.server_cpu, meeting);
  runner.run(Meeting::subject);  // warm-up: pages, caches, branch predictors
  runner.run(Meeting::reference);
  std::vector<Window> subject_windows, reference_windows;
  Comparison result;
  for (size_t pair = 0; pair < options.pairs_max; ++pair) {
    subject_windows.push_back(runner.run(Meeting::subject));
    reference_windows.push_back(runner.run(Meeting::reference));
    if (pair + 1 < options.pairs) continue;
    result = summarise(subject_windows, reference_windows);
    if (result.judged) break;
  }
  sched_setaffinity(0, sizeof before, &before);
  return result;
}

}  // namespace pinion::bench
