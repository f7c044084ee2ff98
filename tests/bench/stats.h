// The arithmetic of the benchmarks: percentiles, placement classes, the judgement of a comparison.
// Pure; self_test.cpp tests it.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace pinion::bench {

// How far apart the two processors are just now, told by the round trip of one cache line: a
// virtual machine's host moves them. Best first. mix: it changed within the window.
enum class Placement : uint8_t { smt, ccx, far, mix };
inline constexpr size_t kPlacements = 4;

Placement classify(double line_rtt_ns);
// The class of a window between two probes.
Placement classify(double before_ns, double after_ns);
std::string_view placement_name(Placement placement);

// q in 0..1, of the nearest rank; reorders values. NaN for none.
double percentile(std::vector<double>& values, double q);
// The mean of the middle half: as deaf to tails as the median, but finer than the clock's step,
// which is a tenth of the shortest round trips on processors whose TSC counts in units of 10 ns.
double middle(std::vector<double>& values);

// One window's result. p99_ns is NaN where too few samples were taken to speak of it.
struct Window {
  Placement placement = Placement::mix;
  double middle_ns = 0;
  double p99_ns = 0;
};
Window window_of(Placement placement, std::vector<double>& samples_ns);

// Subject against reference within one class: medians over the windows, and their ratios.
struct ClassResult {
  size_t subject_windows = 0, reference_windows = 0;
  double subject_ns = 0, reference_ns = 0;
  double subject_p99_ns = 0, reference_p99_ns = 0;
  double ratio() const { return subject_ns / reference_ns; }
  double p99_ratio() const { return subject_p99_ns / reference_p99_ns; }
};

struct Comparison {
  std::array<ClassResult, kPlacements> classes;
  // The best class with kWindowsMin windows of both; none: not measurable. Never mix, for which
  // the reference says nothing.
  std::optional<Placement> judged;
};
inline constexpr size_t kWindowsMin = 5;

Comparison summarise(std::span<const Window> subject, std::span<const Window> reference);

}  // namespace pinion::bench
