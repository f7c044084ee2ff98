// See rdma.h.
#include "pinionctl/rdma.h"

#include <cinttypes>
#include <cstdio>

#include "pmd-glue/rdma_devices.h"

namespace pinion::ctl {

namespace {
const char* or_none(const std::string& text) { return text.empty() ? "-" : text.c_str(); }
}  // namespace

int rdma_list() {
  std::string why;
  const std::vector<RdmaDevice> devices = list_rdma_devices(why);
  if (!why.empty()) {
    std::fprintf(stderr, "pinionctl: %s\n", why.c_str());
    return 1;
  }
  std::printf("%-12s %-13s %-12s %-12s %-10s %-6s %s\n", "device", "PCI address", "interface",
              "firmware", "link layer", "link", "registrations");
  for (const RdmaDevice& d : devices)
    std::printf("%-12s %-13s %-12s %-12s %-10s %-6s %" PRIu32 "\n", d.name.c_str(), or_none(d.pci),
                or_none(d.interface), or_none(d.firmware), or_none(d.link_layer),
                d.active ? "up" : "down", d.registrations_max);
  return 0;
}

int rdma_check(const std::string& device, uint64_t megabytes) {
  const std::string why = try_registration(device, megabytes);
  if (!why.empty()) {
    std::fprintf(stderr, "pinionctl: %s: %s\n", device.c_str(), why.c_str());
    return 1;
  }
  std::printf("%s: memory can be registered\n", device.c_str());
  return 0;
}

}  // namespace pinion::ctl
