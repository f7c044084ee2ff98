// pinion-gateway: configuration -> journal, network, engine, threads. The composition root and
// nothing else. Ends on SIGTERM or SIGINT: clients are logged out, their orders cancelled as they
// are configured, the venue last.
#include <sched.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "gateway/config/load.h"
#include "gateway/daemon/housekeeping.h"
#include "gateway/daemon/numbers.h"
#include "gateway/daemon/page_toucher.h"
#include "gateway/daemon/transport.h"

namespace pinion::gateway {
namespace {

volatile sig_atomic_t stop = 0;

int64_t clock_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}
Nanos monotonic() { return clock_ns(CLOCK_MONOTONIC); }
fix::Now moment() { return {clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME)}; }

int fail(const std::string& why) {
  std::fprintf(stderr, "pinion-gateway: %s\n", why.c_str());
  return 1;
}

// A secret from the environment. Empty name: none is wanted.
bool read_secret(const std::string& name, size_t most, std::string& out, std::string& why) {
  if (name.empty()) return true;
  const char* value = std::getenv(name.c_str());
  if (value == nullptr || *value == '\0') {
    why = "environment variable " + name + " is not set: the configuration takes a login from it";
    return false;
  }
  out = value;
  if (out.size() <= most) return true;
  why = "environment variable " + name + ": longer than " + std::to_string(most) + " characters";
  return false;
}

bool read_secrets(const Config& config, Secrets& out, std::string& why) {
  const OrderEntryConfig& orders = config.venue.order_entry;
  const SnapshotConfig& snapshot = config.venue.market_data.snapshot;
  constexpr size_t kUser = 6, kPassword = 10;  // SoupBinTCP 3.00
  return read_secret(orders.username_env, kUser, out.username, why) &&
         read_secret(orders.password_env, kPassword, out.password, why) &&
         read_secret(snapshot.user_env, kUser, out.snapshot_user, why) &&
         read_secret(snapshot.password_env, kPassword, out.snapshot_password, why);
}

bool make_directory(const std::string& path, std::string& why) {
  if (mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return true;
  why = path + ": " + std::strerror(errno);
  return false;
}

bool pin(int cpu, std::string& why) {
  if (cpu < 0) return true;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof set, &set) == 0) return true;
  why = "cpu: " + std::to_string(cpu) + ": " + std::strerror(errno);
  return false;
}

// The polling thread, until a signal or the end of the network.
int trade(const Config& config, Engine& engine, Numbers& numbers, control::Mailbox& mailbox,
          OpenNetwork& network) {
  const timespec nap{0, 50'000};
  for (;;) {
    const fix::Now now = moment();
    const int events = engine.turn(now);
    network.poll_stack();
    if (events < 0) return fail(network.get().error());
    mailbox.serve([&](std::string_view line, control::Answer& out) { engine.command(line, out); });
    numbers.copy(now.monotonic_ns);
    if (stop != 0) engine.begin_stop(now);
    if (engine.stopped(now)) break;
    if (events == 0 && !config.spin) nanosleep(&nap, nullptr);
  }
  engine.end();
  network.poll_stack();
  return 0;
}

int run(const Config& config, const std::string& file, bool any_tsc) {
  std::string why;
  Secrets secrets;
  if (!read_secrets(config, secrets, why)) return fail(why);
  if (!make_directory(config.state_dir, why) || !make_directory(config.journal.directory, why))
    return fail(why);
  uint64_t key = 0;
  if (getrandom(&key, sizeof key, 0) != sizeof key) return fail("getrandom failed");
  risk::KillSwitch kill;
  if (kill.open(config.risk.kill_file) != 0) return fail(kill.error());
  journal::Journal journal(config.journal);
  if (!journal.open(why)) return fail(why);
  if (journal.recovered().bytes_before_reboot != 0) {
    std::fprintf(stderr,
                 "pinion-gateway: the machine went down with %llu bytes of the journal's ring that "
                 "were not on disk: they are not used\n",
                 static_cast<unsigned long long>(journal.recovered().bytes_before_reboot));
  }
  OpenNetwork network;
  if (!network.open(config, any_tsc, why)) return fail(why);
  Engine engine(config, secrets, {network.get(), journal, kill, &monotonic, key});
  control::Mailbox mailbox;
  control::Metrics metrics;
  Numbers numbers(engine, metrics);
  Housekeeping housekeeping(config, file, engine, kill, mailbox, metrics, network);
  if (!engine.start(moment(), why) || !housekeeping.open(why)) return fail(why);
  journal.start();
  housekeeping.start();
  PageToucher toucher(engine, journal);
  toucher.start();
  if (!pin(config.cpu, why)) return fail(why);
  std::printf("pinion-gateway: %s ready, control socket %s/control.sock%s\n",
              config.instance.c_str(), config.state_dir.c_str(),
              kill.thrown() ? ", KILL SWITCH THROWN" : "");
  std::fflush(stdout);
  const int status = trade(config, engine, numbers, mailbox, network);
  housekeeping.stop();
  toucher.stop();
  if (!journal.stop()) return fail("not everything of the journal is on disk");
  return status;
}

}  // namespace
}  // namespace pinion::gateway

int main(int argc, char** argv) {
  using namespace pinion::gateway;
  CLI::App app{
      "A trading gateway: FIX clients in front, risk checks, a venue of OUCH and ITCH behind.\n"
      "Secrets come from the environment variables that the configuration names.\n"
      "Exit status: 0 after SIGTERM or SIGINT; 1: it could not start or go on, and stderr says "
      "why."};
  std::string file;
  bool check = false, any_tsc = false;
  app.add_option("--config", file, "The configuration (apps/gateway/config/README.md)")->required();
  app.add_flag("--check", check, "Only read the configuration, and say what is wrong with it");
  app.add_flag("--any-tsc", any_tsc,
               "A stack inside believes a TSC that does not promise one rate: virtual machines");
  CLI11_PARSE(app, argc, argv);
  Config config;
  ConfigErrors errors;
  if (load_file(file, config, errors) != 0) {
    std::fputs(pinion::config::format_errors(errors).c_str(), stderr);
    return 1;
  }
  if (check) {
    std::printf("%s: good\n", file.c_str());
    return 0;
  }
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return run(config, file, any_tsc);
}
