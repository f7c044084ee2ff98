// pinion_bench: runs the benchmark rows and judges those that have a gate.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/report.h"
#include "bench/rows.h"
#include "bench/self_test.h"

namespace {

using namespace pinion::bench;

struct Arguments {
  bool quick = false, list = false, self_test = false;
  std::string json_path;
  std::vector<std::string> rows;
};

Registry all_rows() {
  Registry rows;
  add_floor_rows(rows);
  add_nop_rows(rows);
  add_silence_rows(rows);
  add_udp_rows(rows);
  add_veth_rows(rows);
  add_tcp_rows(rows);
  add_tcp_kernel_rows(rows);
  add_gateway_rows(rows);
  return rows;
}

void run_row(const Row& row, WindowOptions options, Report& report) {
  options.pairs = std::min(options.pairs, row.pairs_max);
  options.pairs_max = std::min(options.pairs_max, row.pairs_max);
  try {
    const Contest contest = row.make();
    report.add(row, compare(contest.subject, contest.reference, options));
  } catch (const Unavailable& missing) {
    report.add_unavailable(row, missing.what());
  }
}

// Keeps the rows that were asked for; names one that does not exist.
bool choose_rows(Registry& rows, const std::vector<std::string>& wanted) {
  for (const std::string& id : wanted) {
    if (std::ranges::find(rows, id, &Row::id) != rows.end()) continue;
    std::fprintf(stderr, "bench: no row %s; --list names them\n", id.c_str());
    return false;
  }
  if (!wanted.empty()) {
    std::erase_if(
        rows, [&](const Row& row) { return std::ranges::find(wanted, row.id) == wanted.end(); });
  }
  return true;
}

int run(const Arguments& arguments, std::vector<std::string> command) {
  Registry rows = all_rows();
  if (!choose_rows(rows, arguments.rows)) return 2;
  if (arguments.list) {
    for (const Row& row : rows)
      std::printf("%-24s versus %s\n", row.id.c_str(), row.versus.c_str());
    return 0;
  }
  WindowOptions options;
  if (arguments.quick) options.pairs = 12, options.pairs_max = 40;
  if (!choose_processors(options)) {
    std::fprintf(stderr, "bench: needs two processors\n");
    return 2;
  }
#ifndef NDEBUG
  std::printf("note: a %s build; figures are of a Release build\n", PINION_BUILD_TYPE);
#endif
  Report report(std::move(command), options);
  for (const Row& row : rows) run_row(row, options, report);
  if (!arguments.json_path.empty() && !report.write_json(arguments.json_path)) {
    std::fprintf(stderr, "bench: cannot write %s\n", arguments.json_path.c_str());
    return 2;
  }
  return report.failures() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Benchmarks of Pinion, each against its floor, in windows of one placement.");
  app.add_flag("--quick", arguments.quick, "fewer windows");
  app.add_flag("--list", arguments.list, "name the rows");
  app.add_flag("--self-test", arguments.self_test, "test the statistics");
  app.add_option("--json", arguments.json_path, "write the results to this file");
  app.add_option("--row", arguments.rows, "only this row (may be repeated)");
  CLI11_PARSE(app, argc, argv);
  if (arguments.self_test) return self_test() ? 1 : 0;
  return run(arguments, {argv, argv + argc});
}
