// The backstop behind the seals: when a page of a watched range is gone (SIGBUS in the core), zeros
// take the place of the whole range and its flag is set. The core runs on; the host ends the
// session. Jumping out of the pass instead would leave half-made state behind.
#pragma once
#include <cstddef>
#include <cstdint>

namespace pinion {

// Process-wide; the first call installs the handler. A SIGBUS elsewhere stays fatal.
void install_sigbus_backstop();

// Number of a watch over [base, base + size), or -1: all are taken.
int watch_range(void* base, size_t size);
void unwatch_range(int watch);
bool range_evicted(int watch);

}  // namespace pinion
