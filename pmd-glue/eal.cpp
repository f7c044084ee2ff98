// Checks what can be checked before EAL is asked, because EAL can be asked only once; then turns
// our configuration into its command line.
#include "pmd-glue/eal.h"

#include <rte_bus_vdev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <string_view>

#include "pmd-glue/dpdk_log.h"
#include "pmd-glue/hugepages.h"
#include "pmd-glue/pci_interrupts.h"

namespace pinion {
namespace {

// Ordinary pages are taken as they are touched, so this is a limit, not a cost.
constexpr int kNoHugeMegabytes = 512;

std::atomic<bool> eal_used{false}, eal_running{false};

bool known_log_level(const std::string& level) {
  constexpr std::array<std::string_view, 8> kLevels = {"emergency", "alert",  "critical", "error",
                                                       "warning",   "notice", "info",     "debug"};
  return std::find(kLevels.begin(), kLevels.end(), level) != kLevels.end();
}

uint64_t read_number(const std::string& path) {
  uint64_t value = 0;
  std::ifstream(path) >> value;
  return value;
}

bool check_hugepages(int wanted_mb, std::string& error) {
  const uint64_t free_mb = free_hugepages_mb();
  if (free_mb >= static_cast<uint64_t>(wanted_mb)) return true;
  const uint64_t pages = read_number("/proc/sys/vm/nr_hugepages");
  const uint64_t missing = (static_cast<uint64_t>(wanted_mb) - free_mb + 1) / 2;
  error = "not enough hugepages: wanted " + std::to_string(wanted_mb) + " MB, found " +
          std::to_string(free_mb) +
          " MB free. As root: sysctl -w vm.nr_hugepages=" + std::to_string(pages + missing) +
          " (2 MiB pages), or hugepages_mb: 0 for ordinary pages";
  return false;
}

// EAL's one lcore is number 0 whatever CPU it runs on: DPDK 22.11 knows lcores up to 127 only.
bool lcore_map(int main_cpu, std::string& map, std::string& error) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) {
    error = "cannot read the CPU affinity of this thread";
    return false;
  }
  if (main_cpu >= 0) {
    if (main_cpu < CPU_SETSIZE && CPU_ISSET(static_cast<size_t>(main_cpu), &allowed)) {
      map = "0@" + std::to_string(main_cpu);
      return true;
    }
    error = "main_cpu " + std::to_string(main_cpu) +
            " is not among the CPUs this process may run on; see taskset -p or the cpuset";
    return false;
  }
  std::string cpus;
  for (size_t cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus += (cpus.empty() ? "" : ",") + std::to_string(cpu);
  }
  map = "0@(" + cpus + ")";
  return true;
}

bool make_arguments(const EalConfig& config, std::vector<std::string>& out, std::string& error) {
  if (!known_log_level(config.log_level)) {
    error = "log level '" + config.log_level +
            "' is none of emergency, alert, critical, error, warning, notice, info, debug";
    return false;
  }
  if (config.hugepages_mb < 0) {
    error = "hugepages_mb is negative; 0 means ordinary pages";
    return false;
  }
  std::string lcores;
  if (!lcore_map(config.main_cpu, lcores, error)) return false;
  if (config.hugepages_mb > 0 && !check_hugepages(config.hugepages_mb, error)) return false;

  // IOVA as VA: what vfio gives us, and all that virtual devices need; it asks for no privilege.
  out = {"pinion",
         "--no-telemetry",
         "--iova-mode=va",
         "--lcores=" + lcores,
         "--log-level=" + config.log_level,
         "--file-prefix=pinion-" + std::to_string(getpid())};
  if (config.pci.empty()) out.push_back("--no-pci");
  for (const std::string& address : config.pci) out.push_back("--allow=" + address);
  if (const std::string kind = vfio_interrupts(config.pci); config.rx_interrupts && !kind.empty())
    out.push_back("--vfio-intr=" + kind);
  if (config.hugepages_mb > 0) {
    out.insert(out.end(), {"--in-memory", "--single-file-segments", "-m",
                           std::to_string(config.hugepages_mb)});
  } else {  // EAL refuses --in-memory here; these two together leave as little behind
    out.insert(out.end(), {"--no-huge", "--no-shconf", "-m", std::to_string(kNoHugeMegabytes)});
  }
  return true;
}

// EAL makes an empty directory for the files that we told it not to make.
void remove_runtime_directory() {
  if (const char* dir = rte_eal_get_runtime_dir(); dir != nullptr) rmdir(dir);
}

// net_virtio_user writes to its peer's socket as if there were no SIGPIPE: a peer that has gone
// would end this process.
void ignore_broken_pipes() {
  struct sigaction now {};
  if (sigaction(SIGPIPE, nullptr, &now) == 0 && now.sa_handler == SIG_DFL) {
    signal(SIGPIPE, SIG_IGN);
  }
}

bool probe_vdevs(const std::vector<std::string>& vdevs, std::string& error) {
  for (const std::string& vdev : vdevs) {
    const size_t comma = vdev.find(',');
    const std::string arguments = comma == std::string::npos ? "" : vdev.substr(comma + 1);
    LogCapture log;
    const int status = rte_vdev_init(vdev.substr(0, comma).c_str(), arguments.c_str());
    if (status == 0) continue;
    error = "vdev '" + vdev + "' did not start (" + rte_strerror(-status) + ")" + log.quote();
    return false;
  }
  return true;
}

}  // namespace

bool Eal::started() { return eal_used.load(); }
bool Eal::running() { return eal_running.load(); }

std::unique_ptr<Eal> Eal::start(const EalConfig& config, std::string& error) {
  const char* const kOnce =
      "EAL was started in this process before, and DPDK can start only once "
      "in a process: start a new process";
  std::vector<std::string> arguments;
  if (started()) {
    error = kOnce;
    return nullptr;
  }
  if (!make_arguments(config, arguments, error)) return nullptr;
  if (eal_used.exchange(true)) {  // another thread was faster
    error = kOnce;
    return nullptr;
  }
  std::unique_ptr<Eal> eal(new Eal(std::move(arguments)));
  if (eal->run(error) != 0) return nullptr;
  if (!probe_vdevs(config.vdevs, error)) return nullptr;
  return eal;
}

int Eal::run(std::string& error) {
  std::vector<char*> argv;  // EAL permutes it and keeps pointers into the strings
  for (std::string& argument : arguments_) argv.push_back(argument.data());
  argv.push_back(nullptr);
  ignore_broken_pipes();
  LogCapture log;
  const int status = rte_eal_init(static_cast<int>(argv.size()) - 1, argv.data());
  const int why = rte_errno;
  remove_runtime_directory();
  eal_running = status >= 0;
  if (running()) return 0;
  error = std::string("EAL did not start (") + rte_strerror(why) + ")" + log.quote() +
          ". It was given:";
  for (const std::string& argument : arguments_) error += " " + argument;
  return -1;
}

// Not rte_eal_cleanup: DPDK's interrupt thread goes on beside it, and looks into memory that is
// being unmapped (with net_memif, whose peers go when we do, often enough to be seen). What there
// is ends with the process, which can start EAL once only; devices were closed by their ports.
Eal::~Eal() { eal_running = false; }

int eal_register_thread() { return rte_thread_register() == 0 ? 0 : -rte_errno; }
void eal_unregister_thread() { rte_thread_unregister(); }

}  // namespace pinion
