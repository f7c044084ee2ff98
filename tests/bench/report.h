// Collects the rows' results; prints the table and writes the JSON file.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "bench/rows.h"

namespace pinion::bench {

// failed: over its gate. shown: has no gate. not_measurable: no class with enough windows, or
// something is missing on this machine; never a failure.
enum class Verdict : uint8_t { passed, failed, shown, not_measurable };

Verdict judge(const Comparison& comparison, double ratio_max);

class Report {
 public:
  Report(std::vector<std::string> command, const WindowOptions& options)
      : command_(std::move(command)), options_(options) {}

  // Both print their line(s) of the table at once.
  void add(const Row& row, const Comparison& comparison);
  void add_unavailable(const Row& row, std::string_view why);

  bool write_json(const std::string& path) const;
  size_t failures() const;

 private:
  struct Entry {
    std::string id, versus;
    double ratio_max;
    Comparison comparison;
    Verdict verdict;
    std::string why;
  };
  std::vector<std::string> command_;
  WindowOptions options_;
  std::vector<Entry> entries_;
};

}  // namespace pinion::bench
