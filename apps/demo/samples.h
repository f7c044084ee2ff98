// Round trips on their way from the programs that measure to the table of ./run: a file of one
// 64-bit number a message, its round trip in nanoseconds or kLost, which several runs append to.
#pragma once
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

namespace pinion::demo {

inline constexpr uint64_t kLost = UINT64_MAX;
inline constexpr uint64_t kPatienceNs = 1'000'000'000;  // after that it is lost

// CLOCK_MONOTONIC_RAW: a few dozen nanoseconds a call, and no system call.
uint64_t now_ns();

// Ends the process, with errno's sentence, unless the condition holds.
void must(bool good, const char* what);
// The same for the calls of librio.
void must_rio(int status, const char* what);

void append_samples(const std::string& file, const std::vector<uint64_t>& round_trips);
// Prints "messages lost p50 p99 p99.9", the latter three in microseconds.
void print_summary(const std::string& file);

// True from the first SIGTERM or SIGINT after stop_on_signals() on.
void stop_on_signals();
bool stopped();

}  // namespace pinion::demo
