// pinionctl capture: what the daemon's NICs receive and transmit, as pcapng.
#pragma once
#include <string>

namespace pinion::ctl {

// Into the file ("-": standard output), for so long (0: until SIGINT or SIGTERM; the second one
// ends it at once). The exit status: 0; 1: nothing was captured; 2: it was not ended by us, or not
// whole.
int capture(const std::string& socket, const std::string& file, double seconds);

}  // namespace pinion::ctl
