#include "gateway/daemon/housekeeping.h"

#include <poll.h>

#include <cerrno>
#include <cstdio>
#include <ctime>

#include "gateway/config/load.h"

namespace pinion::gateway {

namespace {

constexpr int kTurnMs = 50;
constexpr Nanos kLookAfterEvery = 200 * kMilli;

Nanos monotonic_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

}  // namespace

Housekeeping::Housekeeping(const Config& config, const std::string& config_file, Engine& engine,
                           risk::KillSwitch& kill, control::Mailbox& mailbox,
                           control::Metrics& metrics, OpenNetwork& network)
    : config_(config),
      config_file_(config_file),
      engine_(engine),
      kill_(kill),
      metrics_(metrics),
      network_(network),
      control_(mailbox),
      metrics_server_(metrics) {
  control_.on("unkill", [this](std::string_view, control::Answer& out) { return unkill(out); });
  control_.on("reload", [this](std::string_view, control::Answer& out) { return reload(out); });
  control_.on("status", [this](std::string_view, control::Answer& out) { return latencies(out); });
}

bool Housekeeping::open(std::string& why) {
  if (!control_.open(config_.state_dir + "/control.sock", why)) return false;
  const Endpoint& at = config_.metrics.listen;
  return at.port == 0 || metrics_server_.open(at.ip, at.port, why);
}

void Housekeeping::start() {
  thread_ = std::thread([this] { run(); });
}

void Housekeeping::stop() {
  if (!thread_.joinable()) return;
  rio_word_store(&ending_, 1);
  thread_.join();
  log();
}

void Housekeeping::run() {
  std::vector<pollfd> fds;
  while (rio_word_load(&ending_) == 0) {
    fds.clear();
    control_.watch(fds);
    metrics_server_.watch(fds);
    (void)poll(fds.data(), fds.size(), control_.busy() ? 1 : kTurnMs);
    const Nanos now = monotonic_now();
    control_.turn(now);
    metrics_server_.turn(now);
    if (now - looked_after_ >= kLookAfterEvery) {
      looked_after_ = now;
      network_.look_after();
    }
    const int persisted = kill_.persist();
    if (persisted != 0 && persisted != -EALREADY)
      std::fprintf(stderr, "pinion-gateway: %s\n", kill_.error());
    log();
  }
}

void Housekeeping::log() {
  engine_.notices().take_all(
      [](const char* text) { std::fprintf(stderr, "pinion-gateway: %s\n", text); });
  const uint64_t lost = engine_.notices().lost();
  if (lost == notices_lost_) return;
  std::fprintf(stderr, "pinion-gateway: %llu notices were lost\n",
               static_cast<unsigned long long>(lost - notices_lost_));
  notices_lost_ = lost;
}

Housekeeping::Then Housekeeping::unkill(control::Answer& out) {
  if (kill_.unkill() == 0) return Then::trading_thread;
  out.fail("%s", kill_.error());
  return Then::done;
}

// Here it is read and checked; the trading thread takes it between two turns.
Housekeeping::Then Housekeeping::reload(control::Answer& out) {
  auto risk = std::make_unique<RiskFileConfig>();
  ConfigErrors errors;
  if (load_risk(config_file_, config_, *risk, errors) != 0) {
    for (const config::ConfigError& error : errors) {
      if (!out.may_go_on()) break;
      out.row("errors")
          .text("file", error.file)
          .number("line", error.line)
          .text("message", error.message);
    }
    out.fail("%s: %zu errors, and nothing has changed", config_file_.c_str(), errors.size());
    return Then::done;
  }
  config_.risk = *risk;
  engine_.offer_risk(std::move(risk));
  return Then::trading_thread;
}

Housekeeping::Then Housekeeping::latencies(control::Answer& out) const {
  const auto stage = [&](const char* name, const control::Histogram& histogram) {
    const control::HistogramSnapshot s = histogram.snapshot();
    if (s.count() == 0) return;
    out.row("latency")
        .text("stage", name)
        .number("count", s.count())
        .decimal("p50_us", s.quantile(0.5), 3)
        .decimal("p99_us", s.quantile(0.99), 3)
        .decimal("p999_us", s.quantile(0.999), 3)
        .decimal("max_us", s.max(), 3);
  };
  stage("parsed", engine_.stages().parsed);
  stage("decided", engine_.stages().decided);
  stage("sent", engine_.stages().sent);
  stage("tick to trade", engine_.stages().tick_to_trade);
  stage("answered", engine_.stages().answered);
  return Then::trading_thread;
}

}  // namespace pinion::gateway
