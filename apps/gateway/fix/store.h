// What a session must not forget: its two sequence numbers, and what it sent, to send it again. An
// append-only log in memory that the caller provides (a mapped file, store_file.h): every call is a
// copy and a checksum, and no system call. Opening it reads it up to the first record that is not
// whole, so it survives the end of the process between any two bytes. Values are in the byte order
// of the machine, which is the only one to read it.
//
//   header: magic, epoch | record | record | ... | rubbish, or records of earlier epochs
//   record: check | bytes | number | kind | payload, padded to 8
#pragma once
#include <rio/ring.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace pinion::fix {

class Store {
 public:
  static constexpr size_t kHeaderBytes = 64;

  // messages_max: how many can be sent again, of a day.
  Store(std::span<char> memory, size_t messages_max);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  uint64_t next_out() const { return next_out_; }  // MsgSeqNum of the next message sent
  uint64_t next_in() const { return next_in_; }    // MsgSeqNum that is expected
  // The session's day for which these numbers count (schedule.h); none: it was never reset.
  std::optional<int64_t> day() const { return day_; }

  // Both numbers to 1, nothing sent. One store of a word decides, so it happens wholly or not.
  void reset(int64_t day);

  // For any thread: the next record will be written here.
  size_t end() const { return rio_word64_load(&at_); }

  // next_out() has been sent. An empty message: one that is never sent again (a session message).
  // False: there is no room, and nothing has changed.
  bool add_sent(std::string_view message);
  // False as above.
  bool set_next_in(uint64_t number);

  // The first message with this number or a higher one that can be sent again.
  struct Sent {
    uint64_t number = 0;  // 0: there is none
    std::string_view message;
  };
  Sent first_sent_from(uint64_t number) const;
  // And the last one with a lower number. From next_out() backwards, each time from the number that
  // was found, these are all of them, the latest first; each step is a binary search in memory.
  Sent last_sent_before(uint64_t number) const;

 private:
  enum class Kind : uint32_t { day = 1, sent, received };
  struct Record {
    uint64_t check;
    uint32_t bytes;
    Kind kind;
    uint64_t number;
  };
  static_assert(sizeof(Record) == 24);
  struct Entry {
    uint64_t number;
    size_t at;
    uint32_t bytes;
  };

  Sent sent(const Entry& entry) const {
    return {entry.number, {memory_.data() + entry.at, entry.bytes}};
  }
  uint64_t epoch() const;
  uint64_t check_of(const Record& record, size_t at) const;
  bool append(Kind kind, uint64_t number, std::string_view payload);
  void recover();
  bool recover_one();

  std::span<char> memory_;
  std::vector<Entry> entries_;  // room for all of them from the start
  size_t messages_max_;
  uint64_t at_ = kHeaderBytes;
  uint64_t next_out_ = 1, next_in_ = 1;
  std::optional<int64_t> day_;
};

}  // namespace pinion::fix
