// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash that a peer cannot aim at.
#pragma once
#include "base/types.h"

namespace pinion {

struct SipKey {
  uint64_t k0 = 0, k1 = 0;
};

uint64_t siphash(const SipKey& key, Bytes bytes);

}  // namespace pinion
