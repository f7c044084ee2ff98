// DPDK's environment (EAL) for one process: started from our own configuration, ended by the
// destructor. Leaves no file behind, even after SIGKILL: hugepages are anonymous (--in-memory),
// nothing is shared with other DPDK processes, there is no telemetry socket.
#pragma once
#include <memory>
#include <string>
#include <vector>

namespace pinion {

struct EalConfig {
  int hugepages_mb = 0;              // 0: ordinary pages (--no-huge --no-shconf)
  int main_cpu = -1;                 // where start() pins its caller; -1: wherever it may run now
  std::vector<std::string> vdevs{};  // as EAL's --vdev: "net_tap0,iface=tap7"
  std::vector<std::string> pci{};    // the only PCI devices that EAL may touch; none: no PCI at all
  bool rx_interrupts = false;        // some port will be asked for them
  std::string log_level = "warning";
};

class Eal {
 public:
  // Null, and in error what was wrong and what to do about it. EAL can be started once in the life
  // of a process, whether that succeeded or failed; a configuration that is refused before EAL was
  // asked (log level, CPU, hugepages) does not count. The caller becomes EAL's main thread;
  // SIGPIPE is ignored from now on, unless the process handles it.
  static std::unique_ptr<Eal> start(const EalConfig& config, std::string& error);
  // Every port, pool and mapping must be gone before. There is no second start() after it; EAL's
  // memory and threads stay until the process ends.
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

  static bool started();  // start() reached EAL in this process, now or earlier
  static bool running();  // and its end has not come yet

 private:
  explicit Eal(std::vector<std::string> arguments) : arguments_(std::move(arguments)) {}
  int run(std::string& error);

  std::vector<std::string> arguments_;
};

// A core thread that is not EAL's main thread calls this once: mempools then have a cache for it.
// 0; -ENOTSUP or -ENOMEM: it works without one, slower.
int eal_register_thread();
void eal_unregister_thread();

}  // namespace pinion
