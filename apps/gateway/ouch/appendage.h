// The optional end of an OUCH 5.0 message ("Appendages"): a length u16, then elements of a length
// u8 (tag and value), a tag u8 and a value. It may be missing altogether, its length included.
//
//     00 06 | 05 02 'L' 'I' 'M' 'E'      six bytes follow: one element, tag 2 (firm), "LIME"
#pragma once
#include "gateway/wire/fields.h"

namespace pinion::ouch {

enum class Tag : uint8_t {
  secondary_ref = 1,
  firm = 2,
  min_quantity = 3,
  customer_type = 4,
  max_floor = 5,
  price_type = 6,
  peg_offset = 7,
  discretion_price = 9,
  discretion_type = 10,
  discretion_peg_offset = 11,
  post_only = 12,
  random_reserves = 13,
  route = 14,
  expire_seconds = 15,
  trade_now = 16,
  handling = 17,
  bbo_weight = 18,
  reference_price = 19,  // of an older revision, as is the next
  reference_price_type = 20,
  display_quantity = 22,
  display_price = 23,
  group = 24,
  shares_located = 25,
  locate_broker = 26,
  side = 27,
  user_ref_index = 28,
  aiq_strategy = 29,
  aiq_group = 30,
};

// How long a value of this tag is, or 0 if the tag is unknown.
constexpr size_t value_bytes(Tag tag) {
  switch (tag) {
    case Tag::secondary_ref:
    case Tag::discretion_price:
    case Tag::display_price:
    case Tag::reference_price: return 8;
    case Tag::firm:
    case Tag::min_quantity:
    case Tag::max_floor:
    case Tag::peg_offset:
    case Tag::discretion_peg_offset:
    case Tag::random_reserves:
    case Tag::route:
    case Tag::expire_seconds:
    case Tag::display_quantity:
    case Tag::locate_broker: return 4;
    case Tag::group:
    case Tag::aiq_group: return 2;
    case Tag::customer_type:
    case Tag::price_type:
    case Tag::discretion_type:
    case Tag::post_only:
    case Tag::trade_now:
    case Tag::handling:
    case Tag::bbo_weight:
    case Tag::reference_price_type:
    case Tag::shares_located:
    case Tag::side:
    case Tag::user_ref_index:
    case Tag::aiq_strategy: return 1;
  }
  return 0;
}

struct Element {
  Tag tag{};
  Bytes value;

  char as_char() const { return value.empty() ? '\0' : static_cast<char>(value[0]); }
  // Unsigned big-endian; the peg offsets are two's complement of 32 bits: see as_i32.
  uint64_t as_number() const {
    uint64_t v = 0;
    for (const std::byte b : value) v = v << 8 | std::to_integer<uint64_t>(b);
    return v;
  }
  int32_t as_i32() const { return static_cast<int32_t>(static_cast<uint32_t>(as_number())); }
  std::string_view as_text() const {
    return trim_spaces({reinterpret_cast<const char*>(value.data()), value.size()});
  }
};

// Walks the elements of what stands behind a message. An unknown tag is skipped by its length. A
// known tag whose value has another length than its own, an element of no tag, and an element or
// an appendage that ends too early make the whole malformed; ok() says so before the first next().
class Appendage {
 public:
  explicit Appendage(Bytes rest) {
    if (rest.empty()) return;
    const be16* length = in_place<be16>(rest);
    ok_ = length && length->get() <= rest.size() - sizeof(be16) &&
          well_formed(rest.subspan(sizeof(be16), length->get()));
    if (ok_) elements_ = rest.subspan(sizeof(be16), length->get());
  }
  bool ok() const { return ok_; }

  bool next(Element& out) {
    while (!elements_.empty()) {
      out = front(elements_);
      elements_ = elements_.subspan(2 + out.value.size());
      if (value_bytes(out.tag) != 0) return true;
    }
    return false;
  }

 private:
  static Element front(Bytes elements) {
    const size_t length = std::to_integer<size_t>(elements[0]);
    return {static_cast<Tag>(elements[1]), elements.subspan(2, length - 1)};
  }
  static bool well_formed(Bytes elements) {
    while (!elements.empty()) {
      const size_t length = std::to_integer<size_t>(elements[0]);
      if (length == 0 || length > elements.size() - 1) return false;
      const size_t wanted = value_bytes(static_cast<Tag>(elements[1]));
      if (wanted != 0 && wanted != length - 1) return false;
      elements = elements.subspan(1 + length);
    }
    return true;
  }

  Bytes elements_;
  bool ok_ = true;
};

// Writes elements behind a message: construct with the room, add, finish. Without an element
// finish() writes the bare length 0.
class AppendageWriter {
 public:
  explicit AppendageWriter(MutableBytes out) : out_(out) {}

  // False, and nothing written, if it has no room or the value has not the length of its tag.
  bool add(Tag tag, Bytes value) {
    if (value.size() != value_bytes(tag) || out_.size() < used_ + 2 + value.size()) return false;
    out_[used_++] = static_cast<std::byte>(1 + value.size());
    out_[used_++] = static_cast<std::byte>(tag);
    std::memcpy(out_.data() + used_, value.data(), value.size());
    used_ += value.size();
    return true;
  }
  bool add_char(Tag tag, char c) { return add(tag, std::as_bytes(std::span{&c, 1})); }
  bool add_u32(Tag tag, uint32_t v) { return add(tag, bytes_of_message(be32::of(v))); }
  // How many bytes the appendage has; 0 if there was no room even for its length.
  size_t finish() {
    if (out_.size() < sizeof(be16)) return 0;
    const be16 length = be16::of(static_cast<uint16_t>(used_ - sizeof(be16)));
    std::memcpy(out_.data(), &length, sizeof length);
    return used_;
  }

 private:
  MutableBytes out_;
  size_t used_ = sizeof(be16);
};

}  // namespace pinion::ouch
