// One barrier in every process that has registered for it (membarrier(2)): how the core may leave
// fences out of an application's posts. The daemon calls it and never registers itself.
#pragma once

namespace pinion {

// 0, or a negative errno (-ENOSYS: the kernel does not have it; -EPERM: a filter forbids it): there
// was no barrier, so no core may sleep and no queue may become cold for it.
int global_membarrier();

}  // namespace pinion
