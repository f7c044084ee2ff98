// The numbers that the beginning and the bursts of an EthdevPort share.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pinion {

inline constexpr size_t kBurstFrames = 64;        // most mbufs in one call of a driver
inline constexpr uint32_t kPoolCacheFrames = 128;  // a thread's own part of a pool
inline constexpr uint32_t kPoolThreads = 2;       // the core, and a ring's other end or EAL's main

}  // namespace pinion
