// pinionctl rdma list | check: the RDMA devices, which bifurcated NICs are, and whether memory can
// be registered with one.
#pragma once
#include <cstdint>
#include <string>

namespace pinion::ctl {

// Each returns the exit status.
int rdma_list();
int rdma_check(const std::string& device, uint64_t megabytes);

}  // namespace pinion::ctl
