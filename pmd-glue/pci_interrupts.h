// Which kind of interrupt EAL shall ask vfio for. It has one for all NICs of a process, and takes
// MSI-X if it is told nothing, whether a NIC has that or not.
#pragma once
#include <string>
#include <vector>

namespace pinion {

// "msi" or "legacy": the best that all of these can use. Empty: MSI-X, or they have none in common.
// Reads the devices' configuration space, which takes root. sys: another root in tests.
std::string vfio_interrupts(const std::vector<std::string>& pci, const std::string& sys = "/sys");

}  // namespace pinion
