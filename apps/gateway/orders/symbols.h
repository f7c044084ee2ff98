// The symbols that the gateway trades, by name; their index is the one that risk and books use.
#pragma once
#include <bit>
#include <string>
#include <vector>

#include "base/rng.h"
#include "gateway/wire/fields.h"

namespace pinion::gateway {

inline constexpr uint32_t kNone = UINT32_MAX;  // no symbol, no order, no request

class Symbols {
 public:
  explicit Symbols(const std::vector<std::string>& names)
      : slots_(std::bit_ceil(names.size() * 2 + 2), kNone) {
    for (const std::string& name : names) {
      const Alpha<8> symbol = Alpha<8>::of(name);
      slots_[slot_of(symbol)] = static_cast<uint32_t>(names_.size());
      names_.push_back(symbol);
    }
  }

  size_t size() const { return names_.size(); }
  const Alpha<8>& name(uint32_t symbol) const { return names_[symbol]; }
  // kNone: not one of ours.
  uint32_t find(std::string_view name) const {
    return name.empty() || name.size() > 8 ? kNone : slots_[slot_of(Alpha<8>::of(name))];
  }

 private:
  // Where it stands, or the free slot where it would.
  size_t slot_of(const Alpha<8>& symbol) const {
    size_t i = mix64(load<uint64_t>(symbol.c)) & (slots_.size() - 1);
    while (slots_[i] != kNone && names_[slots_[i]] != symbol) i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  std::vector<Alpha<8>> names_;
  std::vector<uint32_t> slots_;  // a power of two, at most half full
};

}  // namespace pinion::gateway
