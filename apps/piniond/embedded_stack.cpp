// See embedded_stack.h.
#include "piniond/embedded_stack.h"

#include <sys/mman.h>

#include "host/embedded.h"
#include "host/rehearsal.h"
#include "piniond/build.h"
#include "piniond/promised.h"
#include "piniond/dma_regions.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion::daemon {

namespace {

constexpr uint32_t kRecalibrateEvery = 5;  // of the calls of look_after

constexpr uint32_t kMemoryMb = 4096;

// The application is the only one there is: it may have what there is.
config::Session whole_core() {
  config::Session s;
  s.sessions_max = 1;
  s.memory_mb = kMemoryMb;
  return s;
}

EmbeddedConfig host_config(const config::Config& config, TscClock& tsc, AddressArena& arena) {
  const AttachServerConfig attached = attach_config(config, &arena);
  EmbeddedConfig c;
  c.clock = clock_of(tsc);
  c.policy = attached.policies.at(0);
  c.policy.quota.bind_anything = c.policy.quota.join_anything = true;
  c.policy.quota.requests_max = SessionQuota{}.requests_max;
  c.policy.quota.requests_per_pass = config.limits.work_units_max;
  c.sessions = attached.sessions;
  c.sessions.sessions_max = 1;
  c.sessions.features = RIO_FEATURE_EMBEDDED;
  return c;
}

KernelConfig embedded_kernel_config(const config::Config& config,
                                    const std::vector<NicPorts>& ports, const Hooks& hooks) {
  KernelConfig k = kernel_config(config, 0, ports, make_secrets());
  k.server.features = RIO_FEATURE_EMBEDDED;
  k.server.sessions_max = 1;
  k.server.requests_max = SessionQuota{}.requests_max;
  k.server.core_silent_ms = 0;  // it is polled between the application's own calls
  k.hooks = hooks;
  return k;
}

bool read_config(const std::string& file, config::Config& out, std::string& why) {
  std::vector<config::ConfigError> errors;
  if (config::load_file(file, out, errors, config::system_lookups()) != 0) {
    why = config::format_errors(errors);
    return false;
  }
  out.sessions = {whole_core()};
  for (config::Core& core : out.cores) core.idle.busy = true;  // its owner decides when to sleep
  why = unsupported(out);
  if (out.cores.size() != 1)
    why = "a stack inside an application is one core, polled by one thread: give `cores` one "
          "entry, or use the daemon";
  if (!why.empty()) why.insert(0, file + ": ");
  return why.empty();
}

}  // namespace

// Destroyed from the last to the first.
struct EmbeddedStack::Parts {
  config::Config config;
  std::unique_ptr<TscClock> tsc;
  DmaRegions regions;
  std::unique_ptr<Eal> eal;
  std::vector<NicPorts> ports;
  std::unique_ptr<EmbeddedHost> host;
  std::unique_ptr<Kernel> kernel;
  std::unique_ptr<Rehearsal> rehearsal;
  rio_session* session = nullptr;
  uint32_t turns = 0;

  bool open_devices(bool any_tsc, std::string& why) {
    tsc = TscClock::create(
        any_tsc ? TscClock::Require::any_tsc : TscClock::Require::invariant_tsc, why);
    if (tsc == nullptr || !regions.reserve(config, why)) return false;
    eal = Eal::start(eal_config(config), why);
    return eal != nullptr && open_ports(config, *tsc, ports, why) && regions.serve(ports, why);
  }
  bool open_session(std::string& why) {
    host = std::make_unique<EmbeddedHost>(host_config(config, *tsc, regions));
    kernel = std::make_unique<Kernel>(embedded_kernel_config(config, ports, host->hooks()));
    host->attach_kernel(*kernel);
    rio_abi_clock words{};
    tsc->fill(words);
    kernel->publish_clock(words);
    const rio_transport transport = host->transport();
    if (rio_open_transport(&transport, &session) != 0) {
      why = rio_last_error();
      return false;
    }
    std::string lacking;  // without, it is slower after silence
    rehearsal = Rehearsal::create(*kernel, clock_of(*tsc), lacking);
    return true;
  }
  void poll() {
    const Nanos now = tsc->now();
    host->poll(now);
    if (rehearsal != nullptr) rehearsal->after_pass(now);
  }
  ~Parts() {
    if (session != nullptr) rio_close(session);
    while (host != nullptr && host->sessions() != 0) host->poll(tsc->now());
  }
};

EmbeddedStack::EmbeddedStack(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
EmbeddedStack::~EmbeddedStack() = default;

std::unique_ptr<EmbeddedStack> EmbeddedStack::open(const std::string& file, bool any_tsc,
                                                   std::string& why) {
  auto parts = std::make_unique<Parts>();
  if (!read_config(file, parts->config, why) || !parts->open_devices(any_tsc, why) ||
      !parts->open_session(why))
    return nullptr;
  if (parts->config.host.lock_memory && mlockall(MCL_CURRENT) != 0) {
    why = "lock_memory: mlockall failed: raise the memlock limit, or set it to false";
    return nullptr;
  }
  return std::unique_ptr<EmbeddedStack>(new EmbeddedStack(std::move(parts)));
}

std::vector<std::string> EmbeddedStack::nics() const {
  std::vector<std::string> out;
  for (const auto& [name, text] : describe_ports(parts_->config, parts_->ports))
    out.emplace_back(name).append(": ").append(text);
  return out;
}

rio_session* EmbeddedStack::session() const { return parts_->session; }

void EmbeddedStack::poll() { parts_->poll(); }

void EmbeddedStack::look_after() {
  look_after_ports(parts_->ports, *parts_->tsc);
  if (parts_->turns++ % kRecalibrateEvery != 0) return;
  parts_->tsc->recalibrate();
}

}  // namespace pinion::daemon
