// How many descriptors the control thread may come to hold, and a process limit that allows it.
#pragma once
#include <cstdint>
#include <string>

namespace pinion {

struct AttachServerConfig;

// With every session that the policies allow, each with everything that it may have.
uint64_t descriptors_needed(const AttachServerConfig& config);

// Raises RLIMIT_NOFILE to `need` and what is open already. -EPERM, with a sentence that says what
// to set.
int raise_descriptor_limit(uint64_t need, std::string& why);

}  // namespace pinion
