// pinionctl: one look at a running daemon, by mapping its status page read-only, which the daemon
// does not notice; and what comes before a daemon can run: its NICs (nic.h) and the machine
// (doctor.h). Never joins DPDK's EAL.
#include <rio/status.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "pinionctl/capture.h"
#include "pinionctl/metrics.h"
#include "pinionctl/nic.h"
#include "pinionctl/page.h"
#include "pinionctl/rdma.h"
#include "piniond/doctor.h"

namespace {

namespace ctl = pinion::ctl;

void print_entry(const rio_status_entry& e) {
  const int name = static_cast<int>(strnlen(e.name, sizeof e.name));
  const int text = static_cast<int>(strnlen(e.text, sizeof e.text));
  if (e.section == RIO_STATUS_INFO) std::printf("%-26.*s %.*s\n", name, e.name, text, e.text);
  else if (text == 0) std::printf("%-26.*s %14" PRIu64 "\n", name, e.name, e.value);
  else std::printf("%-26.*s %14" PRIu64 "  %.*s\n", name, e.name, e.value, text, e.text);
}

// The title, if there is one, stands above the first entry.
void print(const rio_status_page& page, uint32_t section, bool zeros, const char* title = nullptr) {
  for (uint32_t i = 0; i < page.entries; ++i) {
    if (page.entry[i].section != section || (!zeros && page.entry[i].value == 0)) continue;
    if (title != nullptr) std::printf("\n%s\n", title);
    title = nullptr;
    print_entry(page.entry[i]);
  }
}

// What each of several cores has, beside each other: "core0.passes" is core0's row passes.
class CoreTable {
 public:
  explicit CoreTable(const rio_status_page& page) {
    for (uint32_t i = 0; i < page.entries; ++i) {
      const rio_status_entry& e = page.entry[i];
      if (e.section != RIO_STATUS_CORE) continue;
      const std::string name(e.name, strnlen(e.name, sizeof e.name));
      const size_t dot = name.rfind('.');
      if (dot == std::string::npos) continue;
      place(cores_, name.substr(0, dot));
      row(name.substr(dot + 1)).push_back(e.value);
    }
  }
  void print(bool zeros) const {
    if (cores_.empty()) return;
    std::printf("\n%-26s", "of each core");
    for (const std::string& core : cores_) std::printf(" %14s", core.c_str());
    for (const auto& [name, values] : rows_) {
      const auto nonzero = [](uint64_t value) { return value != 0; };
      if (!zeros && std::none_of(values.begin(), values.end(), nonzero)) continue;
      std::printf("\n%-26s", name.c_str());
      for (const uint64_t value : values) std::printf(" %14" PRIu64, value);
    }
    std::printf("\n");
  }

 private:
  static void place(std::vector<std::string>& in, const std::string& name) {
    if (std::find(in.begin(), in.end(), name) == in.end()) in.push_back(name);
  }
  std::vector<uint64_t>& row(const std::string& name) {
    for (auto& [known, values] : rows_)
      if (known == name) return values;
    return rows_.emplace_back(name, std::vector<uint64_t>()).second;
  }

  std::vector<std::string> cores_;
  std::vector<std::pair<std::string, std::vector<uint64_t>>> rows_;
};

struct Choice {
  std::string socket = "/run/pinion/control.sock";
  bool all = false;
  bool status = false, counters = false, metrics = false;  // else: drops
};

int look(const Choice& choice) {
  const auto page = ctl::read_page(choice.socket + ".status");
  const bool alive = page != nullptr && ctl::is_alive(*page);
  const double age = page == nullptr ? 0 : ctl::age_s(*page);
  const bool up = alive && age <= ctl::kSilent_s;
  if (choice.metrics) std::fputs(ctl::metrics_of(up ? page.get() : nullptr).c_str(), stdout);
  if (page == nullptr) return 1;
  if (choice.metrics) return up ? 0 : 2;
  const char* state = !alive                 ? "GONE, and did not end by itself: look at its log"
                      : age > ctl::kSilent_s ? "SILENT: stopped, or starved of its CPU"
                                             : "running";
  if (choice.status) {
    std::printf("%-26s process %u, %s, seen %.1f s ago\n", "piniond", page->pid, state, age);
    print(*page, RIO_STATUS_INFO, true);
    print(*page, RIO_STATUS_GAUGE, true, "in use now");
    print(*page, RIO_STATUS_COUNTER, choice.all, "counted since the start");
    print(*page, RIO_STATUS_DROP, choice.all, "frames dropped");
    CoreTable(*page).print(choice.all);
  } else {
    if (!up) std::fprintf(stderr, "pinionctl: piniond is %s\n", state);
    print(*page, choice.counters ? RIO_STATUS_COUNTER : RIO_STATUS_DROP,
          choice.all || choice.counters);
    if (choice.counters) print(*page, RIO_STATUS_CORE, true);
  }
  return up ? 0 : 2;
}

// 0: the configuration can start.
int doctor(const std::string& file) {
  using namespace pinion;
  config::Config config;
  std::vector<config::ConfigError> errors;
  if (config::load_file(file, config, errors, config::system_lookups()) != 0) {
    std::fputs(config::format_errors(errors).c_str(), stderr);
    return 1;
  }
  int status = 0;
  for (const daemon::Finding& finding : daemon::examine(config, false)) {
    std::fputs(daemon::text_of(finding).c_str(), stdout);
    if (finding.verdict == daemon::Verdict::fails) status = 1;
  }
  std::printf("%s %s start on this machine\n", file.c_str(), status == 0 ? "can" : "cannot");
  return status;
}

// What a full disk has cut short is not said: a script must not take it for all.
int said(int status) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  std::fprintf(stderr, "pinionctl: standard output: %s\n", std::strerror(errno));
  return 3;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Looks at a running Pinion daemon, which does not notice; and prepares the machine for one.\n"
      "Exit status: 0; 1: there is nothing to look at, or it failed; 2: the daemon is gone or "
      "silent; 3: what there is to say cannot be written."};
  app.fallthrough();  // before the subcommands, which take it over: `status --all`
  Choice choice;
  app.add_option("--socket", choice.socket,
                 "The daemon's control socket; its status page lies beside it")
      ->envname("PINION_SOCKET")
      ->capture_default_str();
  app.add_flag("--all", choice.all, "Also what is 0");
  app.add_subcommand("status", "Everything that is not 0, at one look");
  app.add_subcommand("counters", "What was counted since the start");
  app.add_subcommand("drops", "Frames dropped, by reason, and what that means");
  app.add_subcommand("metrics", "All of it in Prometheus' text format");
  std::string out = "-";
  double seconds = 0;
  auto* capture = app.add_subcommand("capture", "What the NICs receive and transmit, as pcapng");
  capture->add_option("file", out, "To write to; -: standard output, for a pipe")
      ->capture_default_str();
  capture->add_option("--seconds", seconds, "End after so long; else by Ctrl-C")
      ->check(CLI::Range(0.0, 1e6));
  std::string file = "/etc/pinion/piniond.yaml", pci;
  bool force = false;
  auto* check = app.add_subcommand("doctor", "Whether this machine suits a configuration");
  check->add_option("file", file, "Configuration of piniond")->capture_default_str();
  auto* nic = app.add_subcommand("nic", "The machine's NICs, and their drivers");
  nic->require_subcommand(1);
  auto* list = nic->add_subcommand("list", "Each with its driver, NUMA node and IOMMU group");
  auto* bind = nic->add_subcommand("bind", "Gives a NIC to vfio-pci");
  bind->add_option("pci", pci, "Its address, such as 0000:3b:00.0")->required();
  bind->add_flag("--force", force, "Even if this machine is reached by it");
  auto* unbind = nic->add_subcommand("unbind", "Gives it back to its Linux driver");
  unbind->add_option("pci", pci, "Its address")->required();
  std::string device;
  uint64_t megabytes = 0;
  auto* rdma = app.add_subcommand("rdma", "The RDMA devices, which bifurcated NICs (mlx5) are");
  rdma->require_subcommand(1);
  auto* devices = rdma->add_subcommand("list", "Each with its PCI address and Linux's interface");
  auto* registers = rdma->add_subcommand("check", "Registers memory with one, as DPDK does");
  registers->add_option("device", device, "Its name, such as mlx5_0")->required();
  registers->add_option("--megabytes", megabytes, "Of hugepages; 0: a page of ordinary memory")
      ->check(CLI::Range(0, 1 << 20));
  app.require_subcommand(1);
  CLI11_PARSE(app, argc, argv);
  if (capture->parsed()) return ctl::capture(choice.socket, out, seconds);
  if (check->parsed()) return said(doctor(file));
  if (list->parsed()) return said(ctl::nic_list());
  if (bind->parsed()) return ctl::nic_bind(pci, force);
  if (unbind->parsed()) return ctl::nic_unbind(pci);
  if (devices->parsed()) return ctl::rdma_list();
  if (registers->parsed()) return ctl::rdma_check(device, megabytes);
  choice.status = app.got_subcommand("status");
  choice.counters = app.got_subcommand("counters");
  choice.metrics = app.got_subcommand("metrics");
  return said(look(choice));
}
