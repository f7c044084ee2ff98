// The messages of a stream by their number, from 1: what a sender keeps to answer re-requests and
// to resume. All memory is taken at construction; full is an answer.
#pragma once
#include <vector>

#include "gateway/wire/fields.h"

namespace pinion {

class MessageStore {
 public:
  struct Limits {
    size_t messages_max;
    size_t bytes_max;
  };
  explicit MessageStore(Limits limits) : limits_(limits) {
    ends_.reserve(limits.messages_max);
    bytes_.reserve(limits.bytes_max);
  }

  // False, and nothing stored, if there is no room.
  bool append(Bytes message) {
    if (ends_.size() == limits_.messages_max) return false;
    if (message.size() > limits_.bytes_max - bytes_.size()) return false;
    bytes_.insert(bytes_.end(), message.begin(), message.end());
    ends_.push_back(bytes_.size());
    return true;
  }
  void clear() {
    ends_.clear();
    bytes_.clear();
  }
  // The number that the next message will have.
  uint64_t next() const { return ends_.size() + 1; }
  bool has(uint64_t sequence) const { return sequence >= 1 && sequence < next(); }
  Bytes get(uint64_t sequence) const {
    const size_t i = static_cast<size_t>(sequence) - 1;
    const size_t begin = i == 0 ? 0 : ends_[i - 1];
    return Bytes{bytes_}.subspan(begin, ends_[i] - begin);
  }

 private:
  Limits limits_;
  std::vector<size_t> ends_;
  std::vector<std::byte> bytes_;
};

}  // namespace pinion
