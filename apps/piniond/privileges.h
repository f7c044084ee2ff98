// What the daemon gives up once its ports are open: all capabilities, the gaining of new ones, and
// every system call that it does not make from then on. It reads memory that others write; whoever
// found a way from there into this process shall not get any further.
#pragma once
#include <atomic>
#include <string>

namespace pinion::daemon {

// For every thread of this process, and those that they will start. False, and why, if one thread
// still has what it should not have: the daemon must not go on then. CAP_IPC_LOCK alone is kept, by
// a daemon that locks memory where the limit for that cannot be raised.
bool drop_capabilities(bool locks_memory, std::string& why);

// A system call that is not on the list in privileges.cpp is not made: it fails with EPERM, and
// the first few are named on stderr. Needs drop_capabilities, or no_new_privs, before.
bool filter_system_calls(std::string& why, bool memif = false);

// How many were refused so far.
extern std::atomic<uint32_t> refused_system_calls;

}  // namespace pinion::daemon
