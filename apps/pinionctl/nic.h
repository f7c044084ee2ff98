// pinionctl nic list | bind | unbind: which NICs there are, and giving one to vfio-pci and back.
#pragma once
#include <string>

namespace pinion::ctl {

// Each returns the exit status.
int nic_list();
// Refuses a NIC that the machine itself is reached by, unless force.
int nic_bind(const std::string& pci, bool force);
int nic_unbind(const std::string& pci);

}  // namespace pinion::ctl
