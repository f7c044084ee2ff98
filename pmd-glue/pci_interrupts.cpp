// See pci_interrupts.h.
#include "pmd-glue/pci_interrupts.h"

#include <linux/pci_regs.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iterator>

namespace pinion {
namespace {

struct Kinds {
  bool msix = false, msi = false, legacy = false;
};

// Intel 82574L: DPDK's net_e1000_em never tells it which MSI-X vector belongs to a queue.
constexpr uint32_t kWithoutMsix[] = {0x808610d3, 0x808610f6};

unsigned word(const std::string& space, size_t at) {
  if (at + 2 > space.size()) return 0;
  return static_cast<uint8_t>(space[at]) | static_cast<unsigned>(
                                               static_cast<uint8_t>(space[at + 1])) << 8;
}

// PCI Local Bus Specification 6.7: a list of capabilities, each with its kind and the next one's
// place.
Kinds kinds_of(const std::string& space) {
  Kinds kinds;
  kinds.legacy = (word(space, PCI_INTERRUPT_LINE) >> 8) != 0;  // the pin
  const uint32_t model = word(space, PCI_VENDOR_ID) << 16 | word(space, PCI_DEVICE_ID);
  if ((word(space, PCI_STATUS) & PCI_STATUS_CAP_LIST) == 0) return kinds;
  // Without CAP_SYS_ADMIN Linux shows the header alone: then nothing is known, and DPDK decides.
  if (space.size() <= PCI_STD_HEADER_SIZEOF) return {true, true, true};
  constexpr int kCapabilitiesMax = 48;  // of four bytes, behind the header
  unsigned at = word(space, PCI_CAPABILITY_LIST) & 0xfc;
  for (int i = 0; i < kCapabilitiesMax && at >= PCI_STD_HEADER_SIZEOF; ++i) {
    const unsigned head = word(space, at);
    const unsigned kind = head & 0xff;
    kinds.msi = kinds.msi || kind == PCI_CAP_ID_MSI;
    kinds.msix = kinds.msix || kind == PCI_CAP_ID_MSIX;
    at = head >> 8 & 0xfc;
  }
  if (std::find(std::begin(kWithoutMsix), std::end(kWithoutMsix), model) != std::end(kWithoutMsix))
    kinds.msix = false;
  return kinds;
}

std::string read_space(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string vfio_interrupts(const std::vector<std::string>& pci, const std::string& sys) {
  Kinds all{true, true, true};
  for (const std::string& address : pci) {
    std::string path = sys;
    path.append("/bus/pci/devices/").append(address).append("/config");
    const Kinds one = kinds_of(read_space(path));
    all.msix = all.msix && one.msix;
    all.msi = all.msi && one.msi;
    all.legacy = all.legacy && one.legacy;
  }
  if (pci.empty() || all.msix) return "";
  return all.msi ? "msi" : all.legacy ? "legacy" : "";
}

}  // namespace pinion
