// See samples.h.
#include "demo/samples.h"

#include <rio/rio.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace pinion::demo {

namespace {

volatile sig_atomic_t stop_flag = 0;

// Of the nearest rank, in microseconds; sorted must not be empty.
double percentile_us(const std::vector<uint64_t>& sorted, double q) {
  const double rank = std::ceil(q * static_cast<double>(sorted.size()));
  return static_cast<double>(sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1]) / 1e3;
}

}  // namespace

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC_RAW, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

void must(bool good, const char* what) {
  if (good) return;
  std::fprintf(stderr, "pinion_demo: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

void must_rio(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "pinion_demo: %s: %s (%s)\n", what, rio_last_error(),
               std::strerror(-status));
  std::exit(1);
}

void append_samples(const std::string& file, const std::vector<uint64_t>& round_trips) {
  std::FILE* out = std::fopen(file.c_str(), "ab");
  must(out != nullptr, file.c_str());
  must(std::fwrite(round_trips.data(), sizeof(uint64_t), round_trips.size(), out) ==
           round_trips.size(),
       file.c_str());
  must(std::fclose(out) == 0, file.c_str());
}

void print_summary(const std::string& file) {
  std::FILE* in = std::fopen(file.c_str(), "rb");
  must(in != nullptr, file.c_str());
  std::vector<uint64_t> all;
  for (uint64_t sample; std::fread(&sample, sizeof sample, 1, in) == 1;) all.push_back(sample);
  std::fclose(in);
  const size_t messages = all.size();
  std::erase(all, kLost);
  std::sort(all.begin(), all.end());
  std::printf("%zu %zu", messages, messages - all.size());
  for (const double q : {0.5, 0.99, 0.999})
    std::printf(" %.1f", all.empty() ? std::nan("") : percentile_us(all, q));
  std::printf("\n");
}

void stop_on_signals() {
  struct sigaction action {};
  action.sa_handler = [](int) { stop_flag = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

bool stopped() { return stop_flag != 0; }

}  // namespace pinion::demo
