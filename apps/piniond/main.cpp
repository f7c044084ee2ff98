// piniond: configuration -> DPDK ports -> kernels -> core threads and control thread. The
// composition root and nothing else. Ends on SIGTERM or SIGINT; everything it made goes with it.
#include <malloc.h>
#include <rio/ring.h>
#include <signal.h>
#include <sys/mman.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "host/descriptors.h"
#include "piniond/build.h"
#include "piniond/capture.h"
#include "piniond/cores.h"
#include "piniond/dma_regions.h"
#include "piniond/doctor.h"
#include "piniond/privileges.h"
#include "piniond/promised.h"
#include "piniond/status_page.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion::daemon {
namespace {

constexpr time_t kHousekeepingNs = 200'000'000;
constexpr time_t kBondLinksNs = 1'000'000;
constexpr Nanos kEmulatedSlowdown = 60;
constexpr int kArenasMax = 8;
constexpr int kDescriptorsOfOurs = 8;  // of a capture

int fail(const std::string& why) {
  std::fprintf(stderr, "piniond: %s\n", why.c_str());
  return 1;
}

int check(const std::string& file, config::Config& out) {
  std::vector<config::ConfigError> errors;
  if (config::load_file(file, out, errors, config::system_lookups()) != 0) {
    std::fputs(config::format_errors(errors).c_str(), stderr);
    return 1;
  }
  for (const config::ConfigError& w : out.warnings)
    std::fprintf(stderr, "%s:%u:%u: warning: %s\n", w.file.c_str(), w.line, w.column,
                 w.message.c_str());
  const std::string why = unsupported(out);
  return why.empty() ? 0 : fail(file + ": " + why);
}

// Waits for SIGTERM or SIGINT; in between, what nobody else has time for. Links that another one
// can stand in for are looked at in each turn.
void housekeeping(const sigset_t& signals, std::vector<NicPorts>& ports, TscClock& clock,
                  const std::function<void()>& update) {
  const timespec turn{0, has_bonds(ports) ? kBondLinksNs : kHousekeepingNs};
  Nanos next = 0;
  for (uint32_t n = 0;;) {
    if (const Nanos now = clock.now(); now >= next) {
      next = now + kHousekeepingNs;
      update();
      if (n++ % 5 == 0) clock.recalibrate();
    }
    if (sigtimedwait(&signals, nullptr, &turn) > 0) return;
    look_at_bonds(ports);
  }
}

// Two stations with one address take each other's packets. Told at once, so that whoever looks for
// the reason finds when it began, and then each minute while it lasts.
class ClaimWatch {
 public:
  void look(const Cores& cores, Nanos now) {
    uint64_t claims = 0;
    for (size_t i = 0; i < cores.size(); ++i)
      for (const Drop why : {Drop::arp_conflict, Drop::nd_conflict})
        claims += rio_word64_load(&cores[i].kernel->counters().drops[static_cast<size_t>(why)]);
    if (claims == told_ || now < next_) return;
    told_ = claims, next_ = now + 60 * kSecond;
    std::fprintf(stderr,
                 "pinion: another station claims an address of ours (packets so far: %llu): "
                 "pinionctl capture shows whose they are\n",
                 static_cast<unsigned long long>(claims));
  }

 private:
  uint64_t told_ = 0;
  Nanos next_ = 0;
};

// Everything is open, and no application has come in yet. What a physical NIC shall reach is locked
// when its session comes, whatever lock_memory says. A bifurcated NIC's driver needs its rights at
// each restart of the device: beside one nothing is given up.
bool give_up_privileges(const config::Config& config, std::string& why) {
  const std::vector<config::Device> devices = all_devices(config);
  for (const config::Device& device : devices) {
    if (device.pci.empty() || device.binding != config::Binding::bifurcated) continue;
    std::printf("piniond: NIC %s is bifurcated: privileges are kept\n", device.pci.c_str());
    return true;
  }
  mallopt(M_ARENA_MAX, kArenasMax);  // else malloc counts the CPUs, in a file
  const config::Host& host = config.host;
  const bool locks = host.lock_memory ||
                     std::any_of(devices.begin(), devices.end(),
                                 [](const config::Device& device) { return !device.pci.empty(); });
  if (host.drop_capabilities && !drop_capabilities(locks, why)) return false;
  const bool memif = std::any_of(devices.begin(), devices.end(), [](const config::Device& device) {
    return device.vdev.starts_with("net_memif");
  });
  return !host.filter_system_calls || filter_system_calls(why, memif);
}

// What a virtual machine may have to be forgiven.
struct Lenience {
  bool any_tsc = false;
  bool emulated = false;
};

// host.doctor: what would or may fail later, with less to say, is told before anything is opened.
bool suits_machine(const config::Config& config, bool any_tsc) {
  if (config.host.doctor == config::Doctor::off) return true;
  bool good = true;
  int slow = 0;
  for (const Finding& finding : examine(config, any_tsc)) {
    if (finding.verdict == Verdict::slow) ++slow;
    if (finding.verdict == Verdict::fails) good = false;
    else if (finding.verdict != Verdict::risky) continue;
    std::fputs(text_of(finding).c_str(), stderr);
  }
  if (slow != 0)
    std::printf("piniond: %d findings cost latency: pinionctl doctor lists them\n", slow);
  return good || config.host.doctor == config::Doctor::warn;
}

int run(const config::Config& config, const Lenience& lenience) {
  // Blocked before any thread exists, so that only housekeeping takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);

  std::string why;
  const bool any_tsc = lenience.any_tsc || lenience.emulated;
  if (!suits_machine(config, any_tsc))
    return fail("this machine does not suit the configuration (host.doctor: require)");
  const auto tsc = TscClock::create(
      any_tsc ? TscClock::Require::any_tsc : TscClock::Require::invariant_tsc, why);
  if (tsc == nullptr) return fail(why);
  DmaRegions regions;
  if (!regions.reserve(config, why)) return fail(why);
  const auto eal = Eal::start(eal_config(config), why);
  if (eal == nullptr) return fail(why);
  std::vector<NicPorts> ports;
  if (!open_ports(config, *tsc, ports, why)) return fail(why);
  for (const auto& [name, text] : describe_ports(config, ports))
    std::printf("piniond: nic %s: %s\n", name.c_str(), text.c_str());
  if (!regions.serve(ports, why)) return fail(why);
  Cores cores;
  if (!cores.make(config, ports, clock_of(*tsc), why)) return fail(why);
  AttachServerConfig attach_cfg = attach_config(config, &regions);
  if (lenience.emulated) {
    attach_cfg.handshake_timeout *= kEmulatedSlowdown;
    attach_cfg.reply_max *= kEmulatedSlowdown;
  }
  if (raise_descriptor_limit(descriptors_needed(attach_cfg) + kDescriptorsOfOurs, why) != 0)
    return fail(why);
  AttachServer attach(attach_cfg, cores.links());
  if (attach.open(why) != 0) return fail(why);
  StatusPage status;
  const config::ControlSocket& control = config.host.control_socket;
  if (!status.open(control.path + ".status", control.mode, control.gid, why)) return fail(why);
  Capture capture(config, ports, *tsc);
  if (!capture.open(control.path + ".capture", why))
    std::fprintf(stderr, "piniond: no captures: %s\n", why.c_str());
  status.info("instance", config.instance);
  for (const config::Core& core : config.cores)
    status.info("core", core.name + " on CPU " + std::to_string(core.cpu));
  for (const auto& [name, text] : describe_ports(config, ports)) status.info("nic " + name, text);
  if (!cores.start(why)) return fail(why);
  // Behind the last that is made: the threads' stacks too.
  if (config.host.lock_memory && mlockall(MCL_CURRENT) != 0)
    return fail("lock_memory: mlockall failed: raise the memlock limit, or set it to false");
  if (!give_up_privileges(config, why)) return fail(why);
  attach.start();
  capture.start();
  std::printf("piniond: %s ready, control socket %s\n", config.instance.c_str(),
              control.path.c_str());
  std::fflush(stdout);
  ClaimWatch claims;
  housekeeping(signals, ports, *tsc, [&] {
    status.update(cores, attach.status(), ports, regions);
    claims.look(cores, tsc->now());
    // No NIC's receive interrupt tells a sleeping core of it.
    if (look_after_ports(ports, *tsc)) cores.wake();
  });
  attach.stop();
  cores.stop();
  capture.stop();
  std::printf("piniond: ended\n");
  return 0;
}

}  // namespace
}  // namespace pinion::daemon

int main(int argc, char** argv) {
  CLI::App app{"The Pinion daemon: owns the NICs and serves applications' request queues."};
  std::string file = "/etc/pinion/piniond.yaml";
  bool check_only = false;
  app.add_flag("--check", check_only, "Only check the configuration; exit status 0 if it is good");
  pinion::daemon::Lenience lenience;
  app.add_flag("--any-tsc", lenience.any_tsc,
               "Believe a TSC whose processor does not promise one rate: some virtual machines");
  app.add_flag("--emulated", lenience.emulated,
               "The same, and have patience: the processor is emulated, for tests");
  app.add_option("file", file, "Configuration, YAML")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  pinion::config::Config config;
  if (const int status = pinion::daemon::check(file, config); status != 0) return status;
  if (check_only) {
    std::printf("%s: good\n", file.c_str());
    return 0;
  }
  return pinion::daemon::run(config, lenience);
}
