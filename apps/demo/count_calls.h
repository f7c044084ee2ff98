// How many system calls does another process make? The kernel itself tells, by ptrace.
#pragma once
#include <sys/types.h>

namespace pinion::demo {

// Counts every system call that the process (its one thread) enters, from "counting" on standard
// output until SIGTERM, and prints calls=N. A process that makes none runs undisturbed meanwhile.
int run_count_calls(pid_t pid);

}  // namespace pinion::demo
