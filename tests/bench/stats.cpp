// Percentiles, classes and the judgement of a comparison.
#include "bench/stats.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace pinion::bench {

namespace {

// Between the round trips seen of SMT siblings (about 50 ns), of one shared L3 (90-130 ns) and of
// two (460-520 ns).
constexpr double kSmtBelowNs = 80;
constexpr double kCcxBelowNs = 300;

constexpr size_t kSamplesForP99 = 500;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

double median_of(std::span<const Window> windows, Placement placement, double Window::*value) {
  std::vector<double> values;
  for (const Window& window : windows) {
    if (window.placement == placement) values.push_back(window.*value);
  }
  return percentile(values, 0.5);
}

size_t count_of(std::span<const Window> windows, Placement placement) {
  return static_cast<size_t>(std::ranges::count(windows, placement, &Window::placement));
}

}  // namespace

Placement classify(double line_rtt_ns) {
  if (line_rtt_ns < kSmtBelowNs) return Placement::smt;
  return line_rtt_ns < kCcxBelowNs ? Placement::ccx : Placement::far;
}

Placement classify(double before_ns, double after_ns) {
  const Placement before = classify(before_ns);
  return before == classify(after_ns) ? before : Placement::mix;
}

std::string_view placement_name(Placement placement) {
  switch (placement) {
    case Placement::smt: return "smt";
    case Placement::ccx: return "ccx";
    case Placement::far: return "far";
    case Placement::mix: return "mix";
  }
  return "?";
}

double percentile(std::vector<double>& values, double q) {
  if (values.empty()) return kNone;
  const auto rank = static_cast<size_t>(std::lround(q * static_cast<double>(values.size() - 1)));
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::ranges::nth_element(values, nth);
  return *nth;
}

double middle(std::vector<double>& values) {
  if (values.empty()) return kNone;
  std::ranges::sort(values);
  const auto quarter = static_cast<std::ptrdiff_t>(values.size() / 4);
  const auto first = values.begin() + quarter, last = values.end() - quarter;
  return std::accumulate(first, last, 0.0) / static_cast<double>(last - first);
}

Window window_of(Placement placement, std::vector<double>& samples_ns) {
  Window window{placement, middle(samples_ns), kNone};
  if (samples_ns.size() >= kSamplesForP99) window.p99_ns = percentile(samples_ns, 0.99);
  return window;
}

Comparison summarise(std::span<const Window> subject, std::span<const Window> reference) {
  Comparison result;
  for (size_t i = 0; i < kPlacements; ++i) {
    const auto placement = static_cast<Placement>(i);
    ClassResult& c = result.classes[i];
    c.subject_windows = count_of(subject, placement);
    c.reference_windows = count_of(reference, placement);
    c.subject_ns = median_of(subject, placement, &Window::middle_ns);
    c.reference_ns = median_of(reference, placement, &Window::middle_ns);
    c.subject_p99_ns = median_of(subject, placement, &Window::p99_ns);
    c.reference_p99_ns = median_of(reference, placement, &Window::p99_ns);
    const bool enough = std::min(c.subject_windows, c.reference_windows) >= kWindowsMin;
    if (enough && !result.judged && placement != Placement::mix) result.judged = placement;
  }
  return result;
}

}  // namespace pinion::bench
