// The registry of benchmark rows. A rows_<what>.cpp defines one function add_<what>_rows(); declare
// it here and call it in main.cpp.
#pragma once
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/windows.h"

namespace pinion::bench {

// Thrown by Row::make where this machine lacks something; the row is then not measurable.
struct Unavailable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Contest {
  Load subject, reference;
};

struct Row {
  std::string id;
  std::string versus;    // what the reference is, in words
  double ratio_max = 0;  // the gate, on the ratio of medians; 0: shown, not judged
  std::function<Contest()> make;
  size_t pairs_max = SIZE_MAX;  // of windows, where one takes long
};

using Registry = std::vector<Row>;

void add_floor_rows(Registry& rows);
void add_nop_rows(Registry& rows);
void add_silence_rows(Registry& rows);
void add_udp_rows(Registry& rows);
void add_veth_rows(Registry& rows);
void add_tcp_rows(Registry& rows);
void add_tcp_kernel_rows(Registry& rows);
void add_gateway_rows(Registry& rows);

}  // namespace pinion::bench
