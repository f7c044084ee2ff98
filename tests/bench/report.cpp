// The table and the JSON of a benchmark run.
#include "bench/report.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

namespace pinion::bench {

namespace {

using nlohmann::json;

const char* verdict_name(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed: return "pass";
    case Verdict::failed: return "FAIL";
    case Verdict::shown: return "shown";
    case Verdict::not_measurable: return "not measurable";
  }
  return "?";
}

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  std::string line;
  while (std::getline(in, line)) {
    const size_t colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "unknown";
}

json number_or_null(double value) {
  return std::isfinite(value) ? json(std::round(value * 1000) / 1000) : json(nullptr);
}

json to_json(const ClassResult& c) {
  return {{"windows", std::min(c.subject_windows, c.reference_windows)},
          {"ratio", number_or_null(c.ratio())},
          {"p99_ratio", number_or_null(c.p99_ratio())},
          {"ns", number_or_null(c.subject_ns)},
          {"p99_ns", number_or_null(c.subject_p99_ns)},
          {"versus_ns", number_or_null(c.reference_ns)},
          {"versus_p99_ns", number_or_null(c.reference_p99_ns)}};
}

void print_class(std::string_view id, Placement placement, const ClassResult& c,
                 std::string_view note) {
  std::printf("%-24.*s %s  %6zu  %9.1f  %9.1f  %6.2f  %8.2f  %.*s\n", static_cast<int>(id.size()),
              id.data(), placement_name(placement).data(),
              std::min(c.subject_windows, c.reference_windows), c.subject_ns, c.reference_ns,
              c.ratio(), c.p99_ratio(), static_cast<int>(note.size()), note.data());
}

void print_header_once() {
  static bool printed = false;
  if (printed) return;
  printed = true;
  std::printf("%-24s %-3s  %6s  %9s  %9s  %6s  %8s\n", "row", "at", "windows", "ns", "versus ns",
              "ratio", "p99 rat.");
}

}  // namespace

Verdict judge(const Comparison& comparison, double ratio_max) {
  if (!comparison.judged) return Verdict::not_measurable;
  if (ratio_max == 0) return Verdict::shown;
  const ClassResult& c = comparison.classes[static_cast<size_t>(*comparison.judged)];
  return c.ratio() <= ratio_max ? Verdict::passed : Verdict::failed;
}

void Report::add(const Row& row, const Comparison& comparison) {
  const Verdict verdict = judge(comparison, row.ratio_max);
  entries_.push_back({row.id, row.versus, row.ratio_max, comparison, verdict, ""});
  print_header_once();
  for (size_t i = 0; i < kPlacements; ++i) {
    const auto placement = static_cast<Placement>(i);
    const ClassResult& c = comparison.classes[i];
    if (std::min(c.subject_windows, c.reference_windows) == 0) continue;
    std::string note;
    if (comparison.judged == placement) {
      note = std::string(verdict_name(verdict)) + ", versus " + row.versus;
      if (row.ratio_max > 0) note += ", at most " + std::to_string(row.ratio_max).substr(0, 4);
    }
    print_class(row.id, placement, c, note);
  }
  if (!comparison.judged) {
    std::printf("%-24s not measurable: no placement held for %zu windows of both sides\n",
                row.id.c_str(), kWindowsMin);
  }
  std::fflush(stdout);
}

void Report::add_unavailable(const Row& row, std::string_view why) {
  entries_.push_back(
      {row.id, row.versus, row.ratio_max, {}, Verdict::not_measurable, std::string(why)});
  print_header_once();
  std::printf("%-24s not measurable: %.*s\n", row.id.c_str(), static_cast<int>(why.size()),
              why.data());
  std::fflush(stdout);
}

bool Report::write_json(const std::string& path) const {
  json rows = json::array();
  std::array<size_t, kPlacements> seen{};
  for (const Entry& entry : entries_) {
    json row = {{"id", entry.id}, {"versus", entry.versus}};
    row["verdict"] = verdict_name(entry.verdict);
    row["ratio_max"] = entry.ratio_max > 0 ? json(entry.ratio_max) : json(nullptr);
    row["class"] = nullptr;
    row.update(to_json(ClassResult{0, 0, NAN, NAN, NAN, NAN}));
    if (!entry.why.empty()) row["why"] = entry.why;
    for (size_t i = 0; i < kPlacements; ++i) {
      const ClassResult& c = entry.comparison.classes[i];
      const std::string name(placement_name(static_cast<Placement>(i)));
      seen[i] += c.subject_windows + c.reference_windows;
      if (c.subject_windows && c.reference_windows) row["classes"][name] = to_json(c);
      if (entry.comparison.judged != static_cast<Placement>(i)) continue;
      row["class"] = name;
      row.update(to_json(c));
    }
    rows.push_back(std::move(row));
  }
  utsname system{};
  uname(&system);
  json machine = {{"kernel", std::string(system.sysname) + " " + system.release},
                  {"architecture", system.machine},
                  {"cpu", processor_name()},
                  {"cpus", std::thread::hardware_concurrency()},
                  {"tsc_ghz", number_or_null(ticks_per_ns())},
                  {"compiler", __VERSION__},
                  {"build_type", PINION_BUILD_TYPE},
                  {"client_cpu", options_.client_cpu},
                  {"server_cpu", options_.server_cpu},
                  {"command", command_}};
  for (size_t i = 0; i < kPlacements; ++i) {
    machine["placement_windows"][placement_name(static_cast<Placement>(i)).data()] = seen[i];
  }
  std::ofstream out(path);
  out << json{{"machine", machine}, {"rows", rows}}.dump(2) << '\n';
  out.close();
  return !out.fail();
}

size_t Report::failures() const {
  return static_cast<size_t>(std::ranges::count(entries_, Verdict::failed, &Entry::verdict));
}

}  // namespace pinion::bench
