// Writes one FIX message into memory of the caller. BodyLength has no leading zeros, so the front
// is written last, right-aligned against the body; the message therefore begins a few bytes into
// that memory. Allocates nothing; what does not fit makes the whole message refused, not cut.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pinion::fix {

class Encoder {
 public:
  Encoder() = default;
  // Begins a message with `8`, `9` and `35`; the fields behind them in the order of the calls. The
  // BeginString must outlive this.
  Encoder(std::span<char> memory, std::string_view begin_string, std::string_view type);

  void text(int32_t tag, std::string_view value);
  void number(int32_t tag, uint64_t value);
  void signed_number(int32_t tag, int64_t value);
  void decimal(int32_t tag, int64_t value, int decimals);
  void time(int32_t tag, int64_t utc_ns);
  void yes(int32_t tag) { text(tag, "Y"); }
  void character(int32_t tag, char value) { text(tag, {&value, 1}); }

  std::string_view type() const { return {type_, type_bytes_}; }
  // Adds the length and the checksum. Empty: it did not fit, or there is no memory.
  std::string_view finish();

 private:
  static constexpr size_t kTypeMax = 8;  // bytes of a message type; the versions here have two

  char* begin_field(int32_t tag, size_t value_bytes);  // null: no room
  void end_field(size_t value_bytes);

  std::span<char> memory_;
  std::string_view begin_string_;
  char type_[kTypeMax] = {};
  size_t type_bytes_ = 0;
  size_t body_ = 0, at_ = 0;
  bool full_ = true;
};

}  // namespace pinion::fix
