// Tests of the statistics, as `pinion_bench --self-test`: a benchmark that judges wrongly is worse
// than none.
#pragma once

namespace pinion::bench {

// How many expectations failed; each is printed.
int self_test();

}  // namespace pinion::bench
