// For the tests of parsers: every truncation of a packet, each in a heap buffer of its exact size,
// so that AddressSanitizer sees a parser that reads on.
#pragma once
#include "support/packets.h"

namespace pinion::testing {

inline constexpr Mac kOne{{2, 0, 0, 0, 0, 1}}, kTwo{{2, 0, 0, 0, 0, 2}};

// Calls parse with every piece of `whole` that is shorter, and its length.
template <typename Parse>
void every_truncation(const Packet& whole, Parse parse) {
  for (size_t n = 0; n < whole.size(); ++n) {
    const Packet piece(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
    parse(Bytes{piece}, n);
  }
}

}  // namespace pinion::testing
