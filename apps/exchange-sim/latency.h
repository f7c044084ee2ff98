// Samples of a time, kept as they are (up to a limit) and sorted at the end; and the stamp by which
// a client on the same host says in a ClOrdID when it sent an order.
#pragma once
#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"

namespace pinion::exchange {

class Samples {
 public:
  static constexpr size_t kKept = 1 << 20;
  void add(Nanos sample) {
    ++count_;
    if (kept_.size() < kKept) kept_.push_back(sample);
    else kept_[count_ % kKept] = sample;
  }
  uint64_t count() const { return count_; }
  std::string text() const {
    if (kept_.empty()) return "none";
    std::vector<Nanos> sorted = kept_;
    std::ranges::sort(sorted);
    const auto at = [&](double part) {
      const auto i = static_cast<size_t>(part * static_cast<double>(sorted.size() - 1));
      return static_cast<double>(sorted[i]) / 1e3;
    };
    char line[160];
    std::snprintf(line, sizeof line, "%llu, p50 %.1f us, p99 %.1f us, p99.9 %.1f us, max %.1f us",
                  static_cast<unsigned long long>(count_), at(0.5), at(0.99), at(0.999), at(1));
    return line;
  }

 private:
  std::vector<Nanos> kept_;
  uint64_t count_ = 0;
};

// A ClOrdID of '~' and 13 digits to the base 36 is the sender's CLOCK_MONOTONIC in nanoseconds.
inline std::string stamp_text(Nanos at) {
  std::string out(14, '~');
  auto v = static_cast<uint64_t>(at);
  for (int i = 13; i >= 1; --i, v /= 36) {
    out[static_cast<size_t>(i)] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[v % 36];
  }
  return out;
}

inline std::optional<Nanos> stamp_of(std::string_view cl_ord_id) {
  if (cl_ord_id.size() != 14 || cl_ord_id[0] != '~') return {};
  uint64_t v = 0;
  for (const char c : cl_ord_id.substr(1)) {
    const bool digit = c >= '0' && c <= '9', letter = c >= 'A' && c <= 'Z';
    if (!digit && !letter) return {};
    v = v * 36 + static_cast<uint64_t>(digit ? c - '0' : c - 'A' + 10);
  }
  return static_cast<Nanos>(v);
}

}  // namespace pinion::exchange
