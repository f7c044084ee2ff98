// Writes the status page (rio/status.h) of a running daemon. Called by the housekeeping loop; reads
// the counters of the core as they are, without stopping it.
#pragma once
#include <rio/status.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/attach_server.h"
#include "piniond/build.h"
#include "piniond/cores.h"
#include "piniond/dma_regions.h"

namespace pinion::daemon {

class StatusPage {
 public:
  // Makes the file; false, and in error why.
  bool open(const std::string& path, uint32_t mode, std::optional<uint32_t> group,
            std::string& error);
  ~StatusPage();
  StatusPage() = default;
  StatusPage(const StatusPage&) = delete;
  StatusPage& operator=(const StatusPage&) = delete;

  // A line that does not change while the daemon runs.
  void info(std::string_view name, std::string_view text);
  // ports[i] are those of the configuration's NIC i.
  void update(const Cores& cores, const AttachServer::Status& attach,
              const std::vector<NicPorts>& ports, const DmaRegions& regions);

 private:
  void add_usage(const Cores& cores, const DmaRegions& regions);
  void add_tcp_gauges(const Cores& cores);
  void add_threads(const Cores& cores);
  void add_attach(const AttachServer::Status& attach);
  void add_counters(const Cores& cores);
  void add_strays(const Cores& cores);
  void add_drops(const Cores& cores);
  void add_core(const Core& core);
  void add_interface(const Cores& cores, size_t nic, const NicPorts& ports);
  void add_port(const std::string& name, const PortStats& port);
  void add_wakes(const Core& core);
  void add_wake(const std::string& name, const PortWakes& wakes, size_t port);
  void add_bond(const std::string& name, const NicPorts& nic);
  void add_groups(const Core& core, bool alone);
  void add(uint32_t section, std::string_view name, std::string_view text, uint64_t value);

  rio_status_page* page_ = nullptr;
  uint32_t fixed_ = 0, next_ = 0;
};

}  // namespace pinion::daemon
