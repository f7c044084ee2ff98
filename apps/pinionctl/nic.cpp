// See nic.h.
#include "pinionctl/nic.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "pmd-glue/nic_sysfs.h"

namespace pinion::ctl {
namespace {

constexpr const char* kVfio = "vfio-pci";

int fail(const std::string& why) {
  std::fprintf(stderr, "pinionctl: %s\n", why.c_str());
  return 1;
}

std::string text_of(int number) { return number < 0 ? "-" : std::to_string(number); }

}  // namespace

int nic_list() {
  std::printf("%-13s %-10s %-12s %5s %6s  %s\n", "PCI address", "model", "driver", "NUMA", "IOMMU",
              "interfaces");
  for (const NicInfo& nic : list_nics()) {
    std::string names;
    for (const std::string& name : nic.interfaces) names += (names.empty() ? "" : " ") + name;
    const std::string used = carries(nic);
    if (!used.empty()) names += " (" + used + ")";
    std::printf("%-13s %-10s %-12s %5s %6s  %s\n", nic.pci.c_str(), nic.model.c_str(),
                nic.driver.empty() ? "-" : nic.driver.c_str(), text_of(nic.numa_node).c_str(),
                text_of(nic.iommu_group).c_str(), names.c_str());
  }
  return 0;
}

int nic_bind(const std::string& pci, bool force) {
  NicInfo nic;
  if (!find_nic(pci, nic)) return fail("no PCI device " + pci + ": see pinionctl nic list");
  const std::string used = carries(nic);
  if (!used.empty() && !force)
    return fail(pci + ": " + used + ". It would be gone; --force takes the NIC all the same");
  if (nic.iommu_group < 0)
    return fail(pci +
                " has no IOMMU group: switch the IOMMU on in the firmware and with the "
                "kernel parameters intel_iommu=on iommu=pt (AMD: iommu=pt)");
  if (!std::filesystem::exists("/sys/bus/pci/drivers/vfio-pci"))
    return fail("the module vfio-pci is not loaded: modprobe vfio-pci");
  const std::string why = bind_nic(pci, kVfio);
  if (!why.empty()) return fail(why);
  std::printf(
      "%s is on %s, was on %s. After a reboot as well: "
      "systemctl enable pinion-nic@%s.service\n",
      pci.c_str(), kVfio, nic.driver.empty() ? "no driver" : nic.driver.c_str(), pci.c_str());
  return 0;
}

int nic_unbind(const std::string& pci) {
  NicInfo nic;
  if (!find_nic(pci, nic)) return fail("no PCI device " + pci + ": see pinionctl nic list");
  if (nic.driver != kVfio) return fail(pci + " is not on vfio-pci");
  // Linux would wait, unkillably, for the daemon to let go of it.
  const std::string group = "/dev/vfio/" + std::to_string(nic.iommu_group);
  const int fd = open(group.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0 && errno == EBUSY) return fail(pci + " is in use (" + group + "): end piniond first");
  if (fd >= 0) close(fd);
  const std::string why = bind_nic(pci, "");
  if (!why.empty()) return fail(why);
  find_nic(pci, nic);
  std::printf(
      "%s is on %s again. After a reboot as well: "
      "systemctl disable pinion-nic@%s.service\n",
      pci.c_str(), nic.driver.c_str(), pci.c_str());
  return 0;
}

}  // namespace pinion::ctl
