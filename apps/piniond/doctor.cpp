// See doctor.h. Each check is a function that adds its findings.
#include "piniond/doctor.h"

#include <linux/capability.h>
#include <sys/resource.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "piniond/promised.h"
#include "pmd-glue/hugepages.h"
#include "pmd-glue/nic_sysfs.h"
#include "pmd-glue/rdma_devices.h"

namespace pinion::daemon {
namespace {

namespace fs = std::filesystem;
using Findings = std::vector<Finding>;

const std::string kCpus = "/sys/devices/system/cpu/";
constexpr uint32_t kHugepageMb = 2;

std::string first_line(const std::string& path) {
  std::string line;
  std::getline(std::ifstream(path) >> std::ws, line);
  return line;
}

// What stands behind this word in a file of lines; empty: no line begins with it.
std::string value_of(const std::string& path, std::string_view word) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(word)) return line.substr(word.size());
  return "";
}

// "0-3,7" has 2.
bool list_has(const std::string& list, uint32_t cpu) {
  std::istringstream in(list);
  for (std::string part; std::getline(in, part, ',');) {
    unsigned first = 0, last = 0;
    const int n = std::sscanf(part.c_str(), "%u-%u", &first, &last);
    if (n >= 1 && cpu >= first && cpu <= (n == 2 ? last : first)) return true;
  }
  return false;
}

void add(Findings& out, bool good, Verdict otherwise, const std::string& what,
         const std::string& found, const std::string& wanted, const std::string& fix) {
  out.push_back({good ? Verdict::good : otherwise, what, found, wanted, good ? "" : fix});
}

int node_of_cpu(uint32_t cpu) {
  const std::string folder = kCpus + "cpu" + std::to_string(cpu);
  constexpr std::string_view kNode = "node";
  std::error_code none;
  for (fs::directory_iterator it(folder, none), end; !none && it != end; it.increment(none)) {
    const std::string name = it->path().filename();
    if (name.starts_with(kNode)) return std::atoi(name.c_str() + kNode.size());
  }
  return -1;
}

void hugepages(const config::Config& config, Findings& out) {
  const uint64_t wanted = config.host.hugepages_mb;
  if (wanted == 0) return;
  const uint64_t pages =
      std::strtoull(first_line("/proc/sys/vm/nr_hugepages").c_str(), nullptr, 10);
  const uint64_t found = free_hugepages_mb();
  const std::string mb = " MiB";
  add(out, found >= wanted, Verdict::fails, "hugepages", std::to_string(found) + mb + " free",
      std::to_string(wanted) + mb + ", and those of the sessions",
      "sysctl -w vm.nr_hugepages=" +
          std::to_string(pages + (wanted - found + kHugepageMb - 1) / kHugepageMb));
  const int node = node_of_cpu(config.cores[0].cpu);
  if (node < 0 || found < wanted) return;
  const std::string folder = "/sys/devices/system/node/node" + std::to_string(node) + "/hugepages/";
  const uint64_t near = free_hugepages_mb(folder);
  add(out, near >= wanted, Verdict::slow, "hugepages of node " + std::to_string(node),
      std::to_string(near) + mb + " free", std::to_string(wanted) + mb,
      "echo " + std::to_string(wanted / kHugepageMb) + " > " + folder +
          "hugepages-2048kB/nr_hugepages");
}

// All devices of a group go to user space together, or none.
std::string others_in_group(const NicInfo& nic) {
  std::string others;
  std::error_code none;
  const std::string folder =
      "/sys/kernel/iommu_groups/" + std::to_string(nic.iommu_group) + "/devices";
  for (fs::directory_iterator it(folder, none), end; !none && it != end; it.increment(none)) {
    NicInfo other;
    const std::string pci = it->path().filename();
    if (pci == nic.pci || !find_nic(pci, other)) continue;
    if (other.driver.empty() || other.driver == "vfio-pci" || other.driver == "pcieport") continue;
    others += (others.empty() ? "" : " ") + pci + " (" + other.driver + ")";
  }
  return others;
}

void vfio(const NicInfo& nic, Findings& out) {
  if (nic.iommu_group < 0) return;
  const std::string others = others_in_group(nic);
  add(out, others.empty(), Verdict::fails, "IOMMU group " + std::to_string(nic.iommu_group),
      others.empty() ? nic.pci + " alone" : "also " + others, "no other device on a Linux driver",
      "bind those as well, or put the NIC into a slot of its own");
  const std::string file = "/dev/vfio/" + std::to_string(nic.iommu_group);
  const bool may = access(file.c_str(), R_OK | W_OK) == 0;
  add(out, may, Verdict::fails, "access to " + file, may ? "yes" : "no",
      "readable and writable for the daemon's user", "chown <user> " + file);
}

// A bifurcated NIC is driven by verbs, and all memory that it may reach is registered with it.
void rdma(const std::string& name, const std::string& pci, uint64_t hugepages_mb, Findings& out) {
  std::string why;
  const std::vector<RdmaDevice> devices = list_rdma_devices(why);
  const auto found = std::ranges::find(devices, pci, &RdmaDevice::pci);
  const bool there = found != devices.end();
  const std::string what = "RDMA device of " + name;
  if (!there) {
    add(out, false, Verdict::fails, what, why.empty() ? "none" : why, "one, for DPDK's driver",
        "modprobe mlx5_ib; apt-get install ibverbs-providers; then pinionctl rdma list");
    return;
  }
  const bool ethernet = found->link_layer == "Ethernet";
  add(out, ethernet, Verdict::fails, what,
      found->name + ", firmware " + found->firmware + ", " + found->link_layer, "Ethernet",
      "mlxconfig -d " + pci + " set LINK_TYPE_P1=2, and a cold restart");
  why = try_registration(found->name, hugepages_mb);
  add(out, why.empty(), Verdict::fails, "memory for " + found->name,
      why.empty() ? "can be registered" : "cannot be registered",
      std::to_string(hugepages_mb) + " MiB", why);
}

// cores: that poll it. hugepages_mb: what the daemon will register.
void device(const std::string& name, const config::Device& device,
            const std::vector<config::Core>& cores, uint64_t hugepages_mb, Findings& out) {
  const std::string& pci = device.pci;
  if (pci.empty()) return;
  const bool is_vfio = device.binding == config::Binding::vfio_pci;
  const std::string why = check_binding(pci, is_vfio);
  NicInfo nic;
  const bool there = find_nic(pci, nic);
  add(out, why.empty(), Verdict::fails, "nic " + name,
      pci + " " +
          (!there               ? "is not there"
           : nic.driver.empty() ? "no driver"
                                : nic.driver),
      is_vfio ? "vfio-pci, behind an IOMMU" : "its Linux driver (mlx5_core)", why);
  if (!there) return;
  if (is_vfio) vfio(nic, out);
  else rdma(name, pci, hugepages_mb, out);
  for (const config::Core& core : cores) {
    const int node = node_of_cpu(core.cpu);
    if (nic.numa_node < 0 || node < 0) continue;
    add(out, nic.numa_node == node, Verdict::slow, "node of " + name + " and " + core.name,
        std::to_string(nic.numa_node) + " and " + std::to_string(node), "the same",
        "choose a CPU of /sys/bus/pci/devices/" + pci + "/local_cpulist");
  }
}

void nics(const config::Config& config, Findings& out) {
  for (const config::Nic& nic : config.nics) {
    std::vector<config::Core> cores;
    for (const size_t core : nic.core_indices) cores.push_back(config.cores[core]);
    const uint64_t hugepages_mb = config.host.hugepages_mb;
    device(nic.name, nic.device, cores, hugepages_mb, out);
    if (nic.backup) device(nic.name + " backup", *nic.backup, cores, hugepages_mb, out);
  }
}

void isolation(uint32_t cpu, Findings& out) {
  const std::string n = std::to_string(cpu), name = "CPU " + n + " ";
  const std::string command_line = first_line("/proc/cmdline");
  const size_t at = command_line.find("rcu_nocbs=");
  const std::string nocbs =
      at == std::string::npos ? ""
                              : command_line.substr(at + 10, command_line.find(' ', at) - at - 10);
  const std::string fix = "kernel parameters isolcpus=" + n + " nohz_full=" + n + " rcu_nocbs=" + n;
  const bool isolated = list_has(first_line(kCpus + "isolated"), cpu);
  const bool tickless = list_has(first_line(kCpus + "nohz_full"), cpu);
  add(out, isolated, Verdict::slow, name + "isolcpus", isolated ? "yes" : "no", "yes", fix);
  add(out, tickless, Verdict::slow, name + "nohz_full", tickless ? "yes" : "no", "yes", fix);
  add(out, list_has(nocbs, cpu), Verdict::slow, name + "rcu_nocbs", nocbs.empty() ? "none" : nocbs,
      "with " + n, fix);
}

// C-states whose end takes longer than a wake-up of the core may. A core that is busy has none.
void power(const config::Core& core, Findings& out) {
  const std::string n = std::to_string(core.cpu), folder = kCpus + "cpu" + n;
  const std::string governor = first_line(folder + "/cpufreq/scaling_governor");
  add(out, governor.empty() || governor == "performance", Verdict::slow, "CPU " + n + " governor",
      governor.empty() ? "none here" : governor, "performance",
      "cpupower -c " + n + " frequency-set -g performance");
  if (core.idle.busy) return;
  constexpr int kLatencyMaxUs = 10;
  std::string deep;
  std::error_code none;
  for (fs::directory_iterator it(folder + "/cpuidle", none), end; !none && it != end;
       it.increment(none)) {
    const std::string state = it->path();
    if (std::atoi(first_line(state + "/latency").c_str()) <= kLatencyMaxUs) continue;
    if (first_line(state + "/disable") == "0") deep += " " + first_line(state + "/name");
  }
  add(out, deep.empty(), Verdict::slow, "CPU " + n + " C-states", deep.empty() ? "shallow" : deep,
      "none over 10 us", "cpupower -c " + n + " idle-set -D " + std::to_string(kLatencyMaxUs));
}

void sibling(uint32_t cpu, Findings& out) {
  const std::string n = std::to_string(cpu);
  const std::string siblings = first_line(kCpus + "cpu" + n + "/topology/thread_siblings_list");
  const std::string isolated = first_line(kCpus + "isolated");
  bool alone = true;
  for (uint32_t other = 0; other < CPU_SETSIZE; ++other)
    if (other != cpu && list_has(siblings, other) && !list_has(isolated, other)) alone = false;
  add(out, alone, Verdict::slow, "CPU " + n + " SMT siblings", siblings,
      "none that other work may run on", "echo 0 > " + kCpus + "cpu<sibling>/online");
}

void interrupts(uint32_t cpu, Findings& out) {
  int count = 0;
  std::error_code none;
  for (fs::directory_iterator it("/proc/irq", none), end; !none && it != end; it.increment(none))
    count += list_has(first_line(it->path().string() + "/effective_affinity_list"), cpu);
  const std::string n = std::to_string(cpu);
  add(out, count == 0, Verdict::slow, "CPU " + n + " interrupts",
      std::to_string(count) + " come here", "none",
      "irqbalance with IRQBALANCE_BANNED_CPULIST=" + n +
          ", or write other CPUs into /proc/irq/*/smp_affinity_list");
}

// Threads of programs that may run there and nowhere else: another daemon's core, mostly. Linux's
// own have no memory.
void overlap(uint32_t cpu, Findings& out) {
  const std::string n = std::to_string(cpu);
  std::string who;
  std::error_code none;
  for (fs::directory_iterator it("/proc", none), end; !none && it != end; it.increment(none)) {
    if (std::atoi(it->path().filename().c_str()) == 0) continue;
    std::error_code gone;
    for (fs::directory_iterator task(it->path() / "task", gone); !gone && task != end;
         task.increment(gone)) {
      std::ifstream in(task->path() / "status");
      std::string line, name;
      bool program = false, here = false;
      while (std::getline(in, line)) {
        if (line.starts_with("Name:")) name = line.substr(6);
        program = program || line.starts_with("VmSize:");
        here = here || line == "Cpus_allowed_list:\t" + n;
      }
      if (program && here)
        who += (who.empty() ? "" : ", ") + name + " " + task->path().filename().string();
    }
  }
  add(out, who.empty(), Verdict::slow, "CPU " + n + " pinned threads", who.empty() ? "none" : who,
      "none but the daemon's", "give one of them another CPU");
}

void one_core(const config::Core& core, const std::string& online, Findings& out) {
  const std::string n = std::to_string(core.cpu);
  const bool there = list_has(online, core.cpu);
  add(out, there, Verdict::fails, "CPU " + n, there ? "online" : "not among " + online, "online",
      "another `cpu` for core " + core.name + ", or echo 1 > " + kCpus + "cpu" + n + "/online");
  if (!there) return;
  isolation(core.cpu, out);
  power(core, out);
  sibling(core.cpu, out);
  interrupts(core.cpu, out);
  overlap(core.cpu, out);
}

void cores(const config::Config& config, Findings& out) {
  const std::string online = first_line(kCpus + "online");
  for (const config::Core& core : config.cores) one_core(core, online, out);
}

bool has_flag(const std::string& flag) {
  return (value_of("/proc/cpuinfo", "flags") + " ").find(" " + flag + " ") != std::string::npos;
}

void clocks(bool any_tsc, Findings& out) {
  const bool invariant = has_flag("constant_tsc") && has_flag("nonstop_tsc");
  add(out, invariant, any_tsc ? Verdict::slow : Verdict::fails, "time stamp counter",
      invariant ? "invariant" : "not promised", "invariant",
      "let the hypervisor pass on invtsc; or piniond --any-tsc, for tests");
  const std::string folder = "/sys/devices/system/clocksource/clocksource0/";
  const std::string source = first_line(folder + "current_clocksource");
  const bool good = source == "tsc" || source == "kvm-clock";
  add(out, good, Verdict::slow, "clocksource", source, "tsc",
      "echo tsc > " + folder + "current_clocksource; dmesg | grep -i tsc says why not");
  timex state{};
  const bool synchronised = adjtimex(&state) >= 0 && (state.status & STA_UNSYNC) == 0;
  add(out, synchronised, Verdict::slow, "time of day",
      synchronised ? "synchronised" : "free-running", "synchronised (PTP, or NTP)",
      "apt-get install chrony, or linuxptp for PTP");
}

// With CAP_IPC_LOCK the limit does not count, with CAP_SYS_RESOURCE the daemon raises it.
bool may_lock() {
  const uint64_t effective =
      std::strtoull(value_of("/proc/self/status", "CapEff:").c_str(), nullptr, 16);
  return ((effective >> CAP_IPC_LOCK | effective >> CAP_SYS_RESOURCE) & 1) != 0;
}

uint64_t number_in(const std::string& text) { return std::strtoull(text.c_str(), nullptr, 10); }

// Of ordinary pages: what the machine has left, or less where a control group (version 2) of this
// process, or one above it, has a limit.
uint64_t memory_left_mb() {
  uint64_t left = number_in(value_of("/proc/meminfo", "MemAvailable:")) >> 10;
  for (fs::path group = value_of("/proc/self/cgroup", "0::"); !group.empty();) {
    const std::string folder = "/sys/fs/cgroup" + group.string();
    const std::string limit = first_line(folder + "/memory.max");
    const uint64_t most = limit == "max" ? 0 : number_in(limit);
    const uint64_t used = number_in(first_line(folder + "/memory.current"));
    if (most != 0) left = std::min(left, (most - std::min(most, used)) >> 20);
    group = group == group.root_path() ? fs::path() : group.parent_path();
  }
  return left;
}

// What applications register counts as the daemon's, and Linux ends who has too much.
void registered(const config::Config& config, Findings& out) {
  const uint64_t wanted = promised(config).memory_mb, found = memory_left_mb();
  add(out, found >= wanted, Verdict::risky, "memory of the sessions",
      std::to_string(found) + " MiB left",
      std::to_string(wanted) + " MiB, all that they may register in ordinary pages",
      "smaller sessions_max or memory_mb, or a higher limit (MemoryMax= of the unit): else "
      "applications that use what is promised have Linux's OOM killer end the daemon");
}

void memory(const config::Config& config, Findings& out) {
  const std::string thp = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  add(out, thp.find("[always]") == std::string::npos, Verdict::slow, "transparent hugepages",
      thp.empty() ? "none here" : thp, "madvise or never",
      "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled");
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  const bool unlimited = limit.rlim_cur == RLIM_INFINITY || may_lock();
  add(out, unlimited, Verdict::slow, "memlock",
      unlimited ? "unlimited" : std::to_string(limit.rlim_cur >> 10) + " KiB",
      "unlimited, for lock_memory and what a NIC may reach",
      "LimitMEMLOCK=infinity in its unit (piniond.service has it), or ulimit -l unlimited");
  if (config.host.lock_memory) return;
  std::ifstream swaps("/proc/swaps");
  const auto lines = std::count(std::istreambuf_iterator<char>(swaps), {}, '\n');
  add(out, lines <= 1, Verdict::slow, "swap", lines <= 1 ? "none" : "on, and memory is not locked",
      "none, or lock_memory: true", "swapoff -a");
}

}  // namespace

std::vector<Finding> examine(const config::Config& config, bool any_tsc) {
  Findings out;
  const std::string why = unsupported(config);
  add(out, why.empty(), Verdict::fails, "this version", why.empty() ? "does all of it" : "does not",
      "what the configuration asks for", why);
  hugepages(config, out);
  nics(config, out);
  cores(config, out);
  clocks(any_tsc, out);
  memory(config, out);
  registered(config, out);
  return out;
}

std::string text_of(const Finding& finding) {
  constexpr const char* kWords[] = {"ok   ", "SLOW ", "RISKY", "FAILS"};
  std::string what = finding.what;
  what.resize(std::max<size_t>(what.size(), 26), ' ');
  std::string text = kWords[static_cast<size_t>(finding.verdict)];
  text += " " + what + " found: " + finding.found + "; wanted: " + finding.wanted + "\n";
  if (!finding.fix.empty()) text += "      fix: " + finding.fix + "\n";
  return text;
}

}  // namespace pinion::daemon
