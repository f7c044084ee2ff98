// A fuzz input as a stream of small operations: every read takes from the front, and what is not
// there reads as zero.
#pragma once
#include <algorithm>

#include "base/types.h"

namespace pinion::fuzz {

class Ops {
 public:
  explicit Ops(Bytes input) : left_(input) {}

  bool empty() const { return left_.empty(); }
  uint8_t u8() {
    const Bytes b = bytes(1);
    return b.empty() ? 0 : static_cast<uint8_t>(b[0]);
  }
  uint16_t u16() {
    const uint8_t low = u8();
    return static_cast<uint16_t>(low | u8() << 8);
  }
  uint32_t u32() {
    const uint32_t low = u16();
    return low | uint32_t{u16()} << 16;
  }
  // At most n bytes.
  Bytes bytes(size_t n) {
    const Bytes front = left_.first(std::min(n, left_.size()));
    left_ = left_.subspan(front.size());
    return front;
  }

 private:
  Bytes left_;
};

}  // namespace pinion::fuzz
