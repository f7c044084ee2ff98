// pinionctl capture: what the daemon's NICs receive and transmit, as pcapng.
#pragma once
#include <string>

namespace pinion::ctl {

// Into the file ("-": standard output), for so long (0: until SIGINT, SIGTERM or the daemon's end).
// The exit status.
int capture(const std::string& socket, const std::string& file, double seconds);

}  // namespace pinion::ctl
