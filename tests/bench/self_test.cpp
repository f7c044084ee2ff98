// Literal cases for stats.h and for the verdict.
#include "bench/self_test.h"

#include <cmath>
#include <cstdio>

#include "bench/report.h"
#include "bench/stats.h"

namespace pinion::bench {

namespace {

int failed = 0;

void expect(bool holds, const char* what, int line) {
  if (holds) return;
  std::printf("self_test.cpp:%d: not so: %s\n", line, what);
  ++failed;
}
#define EXPECT(condition) expect((condition), #condition, __LINE__)

std::vector<Window> windows(size_t count, Placement placement, double ns) {
  return std::vector<Window>(count, {placement, ns, ns * 2});
}

std::vector<Window> operator+(std::vector<Window> left, const std::vector<Window>& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}

void percentiles() {
  std::vector<double> none, one{7}, odd{5, 1, 3}, hundred;
  for (int i = 100; i >= 0; --i) hundred.push_back(i);
  EXPECT(std::isnan(percentile(none, 0.5)));
  EXPECT(percentile(one, 0.0) == 7 && percentile(one, 0.99) == 7);
  EXPECT(percentile(odd, 0.5) == 3 && percentile(odd, 0.0) == 1 && percentile(odd, 1.0) == 5);
  EXPECT(percentile(hundred, 0.5) == 50 && percentile(hundred, 0.99) == 99);
  std::vector<double> eight{1, 100, 4, 3, 1, 100, 4, 3};
  EXPECT(std::isnan(middle(none)) && middle(one) == 7);
  EXPECT(middle(eight) == 3.5);
}

void placements() {
  EXPECT(classify(50) == Placement::smt);
  EXPECT(classify(130) == Placement::ccx);
  EXPECT(classify(520) == Placement::far);
  EXPECT(classify(130, 140) == Placement::ccx);
  EXPECT(classify(50, 140) == Placement::mix);
}

void window_results() {
  std::vector<double> few(100, 4.0), many(1000, 4.0);
  EXPECT(window_of(Placement::ccx, few).middle_ns == 4 && std::isnan(window_of({}, few).p99_ns));
  EXPECT(window_of(Placement::ccx, many).p99_ns == 4);
}

void judges_the_best_class_with_enough_windows_of_both() {
  const auto subject = windows(4, Placement::smt, 10) + windows(6, Placement::ccx, 30) +
                       windows(9, Placement::far, 90);
  const auto reference = windows(9, Placement::smt, 10) + windows(5, Placement::ccx, 20) +
                         windows(9, Placement::far, 90);
  const Comparison c = summarise(subject, reference);
  EXPECT(c.judged == Placement::ccx);
  EXPECT(c.classes[static_cast<size_t>(Placement::ccx)].ratio() == 1.5);
  EXPECT(c.classes[static_cast<size_t>(Placement::ccx)].p99_ratio() == 1.5);
  EXPECT(judge(c, 1.5) == Verdict::passed);
  EXPECT(judge(c, 1.49) == Verdict::failed);
  EXPECT(judge(c, 0) == Verdict::shown);
}

void mixed_windows_are_never_judged() {
  const auto mixed = windows(50, Placement::mix, 10) + windows(4, Placement::far, 10);
  EXPECT(!summarise(mixed, mixed).judged);
  EXPECT(judge(summarise(mixed, mixed), 1.0) == Verdict::not_measurable);
  EXPECT(!summarise({}, {}).judged);
}

void medians_ignore_a_stray_window() {
  const auto subject = windows(5, Placement::smt, 10) + windows(2, Placement::smt, 1e9);
  const Comparison c = summarise(subject, windows(7, Placement::smt, 10));
  EXPECT(c.classes[0].ratio() == 1.0);
}

}  // namespace

int self_test() {
  percentiles();
  placements();
  window_results();
  judges_the_best_class_with_enough_windows_of_both();
  mixed_windows_are_never_judged();
  medians_ignore_a_stray_window();
  std::printf("bench self-test: %s\n", failed ? "FAILED" : "ok");
  return failed;
}

}  // namespace pinion::bench
