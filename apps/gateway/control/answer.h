// What a command answers: lines, each a JSON object, written into memory that exists. Both threads
// write answers, the trading thread as well, so: integers and copies, no allocation, no locale.
//
// JSON, because a line says by itself what its fields are called and which are numbers: gatewayctl
// makes tables of what it has never heard of, and a script needs no gatewayctl. Built by Row and
// not by printf: what a client calls its order is quoted here and cannot be forgotten there.
//
//   {"row":"orders","cl_ord_id":"A17","shares":100,"price":"10.5000"}       a line of a table
//   {"facts":"gateway","state":"trading"}                                   names and values
#pragma once
#include <array>
#include <concepts>
#include <cstdarg>
#include <span>
#include <string_view>

#include "base/types.h"

namespace pinion::control {

class Answer;

// One line, whole when this ends, one at a time. One that does not fit is left out whole, and the
// answer says so.
// Keys are ours and plain; values may be anything: what is not printable ASCII is escaped.
class Row {
 public:
  ~Row();
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  Row& text(std::string_view key, std::string_view value);
  Row& format(std::string_view key, const char* format, ...) __attribute__((format(printf, 3, 4)));
  template <std::integral Integer>
  Row& number(std::string_view key, Integer value) {
    static_assert(!std::same_as<Integer, bool>, "flag()");
    if constexpr (std::signed_integral<Integer>) return signed_number(key, value);
    else return unsigned_number(key, value);
  }
  // value / 10^digits, exactly: a price of 105,000 with 4 digits is "10.5000", a text, because
  // a reader's numbers are binary fractions.
  Row& decimal(std::string_view key, int64_t value, int digits);
  Row& flag(std::string_view key, bool value);

 private:
  friend class Answer;
  Row(Answer& answer, std::string_view kind, std::string_view title);
  void put(std::string_view bytes);
  void put_key(std::string_view key);
  void put_quoted(std::string_view value);
  Row& signed_number(std::string_view key, int64_t value);
  Row& unsigned_number(std::string_view key, uint64_t value);

  Answer& answer_;
  size_t begin_;
  bool fits_ = true;
};

class Answer {
 public:
  static constexpr size_t kRowBytesMax = 2048;  // longer ones are left out
  // What one turn of the trading thread may spend on it: a microsecond or two.
  static constexpr uint32_t kRowsPerTurn = 8;

  explicit Answer(std::span<char> memory) : memory_(memory) {}

  Row row(std::string_view table) { return {*this, "row", table}; }
  Row facts(std::string_view title) { return {*this, "facts", title}; }
  // The command could not be done; a sentence. The last one is told.
  void fail(const char* format, ...) __attribute__((format(printf, 2, 3)));

  // A long answer goes in pieces: while may_go_on(), write a row; then say where to go on.
  //   for (uint64_t i = out.cursor(); i < orders; ++i) {
  //     if (!out.may_go_on()) return out.more(i);
  //     out.row("orders").text(...)...
  //   }
  // Called again with that cursor in a later turn; in between everything may have changed.
  uint64_t cursor() const { return cursor_; }
  bool may_go_on() const { return rows_in_turn_ < kRowsPerTurn && has_room(); }
  void more(uint64_t cursor) {
    next_ = cursor;
    more_ = true;
  }

  // The rest is for those who carry answers (mailbox.h, control_server.h).
  void clear();
  void begin_turn(uint64_t cursor);
  bool has_room() const { return memory_.size() - size_ >= kRowBytesMax; }
  bool wants_more() const { return more_; }
  uint64_t next() const { return next_; }
  uint32_t rows_left_out() const { return left_out_; }
  std::string_view text() const { return {memory_.data(), size_}; }
  std::string_view failure() const { return {failure_.data(), failure_bytes_}; }

 private:
  friend class Row;

  std::span<char> memory_;
  size_t size_ = 0;
  uint64_t cursor_ = 0, next_ = 0;
  uint32_t rows_in_turn_ = 0, left_out_ = 0;
  bool more_ = false;
  size_t failure_bytes_ = 0;
  std::array<char, 512> failure_;
};

}  // namespace pinion::control
