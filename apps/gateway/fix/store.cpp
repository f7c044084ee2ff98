// See store.h.
#include "gateway/fix/store.h"

#include <algorithm>
#include <cstring>

namespace pinion::fix {

namespace {

constexpr uint64_t kMagic = 0x31307869664e4950;  // "PINfix01"
constexpr size_t kMagicAt = 0, kEpochAt = 8;

size_t padded(size_t bytes) { return (bytes + 7) & ~size_t{7}; }

uint64_t load(std::span<const char> memory, size_t at) {
  uint64_t value;
  std::memcpy(&value, memory.data() + at, sizeof value);
  return value;
}

void store_word(std::span<char> memory, size_t at, uint64_t value) {
  std::memcpy(memory.data() + at, &value, sizeof value);  // one aligned store
}

// Tells a whole record from a torn one, and those of this epoch from older ones. Not a defence
// against anyone.
uint64_t mix(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * 0x9e3779b97f4a7c15;
  return hash ^ hash >> 29;
}

}  // namespace

Store::Store(std::span<char> memory, size_t messages_max)
    : memory_(memory), messages_max_(messages_max) {
  entries_.resize(messages_max);  // now, and not at the first message on each, its pages come
  entries_.clear();
  if (memory_.size() < kHeaderBytes + sizeof(Record)) {
    memory_ = {};  // of no use: every call is refused
    return;
  }
  if (load(memory_, kMagicAt) != kMagic) {
    store_word(memory_, kEpochAt, 1);
    store_word(memory_, kMagicAt, kMagic);
  }
  recover();
}

uint64_t Store::epoch() const { return load(memory_, kEpochAt); }

// Over the epoch, the record's other words and its payload, which lies behind `at`.
uint64_t Store::check_of(const Record& record, size_t at) const {
  uint64_t hash = mix(epoch(), record.number);
  hash = mix(hash, uint64_t{record.bytes} << 32 | static_cast<uint32_t>(record.kind));
  const char* payload = memory_.data() + at + sizeof(Record);
  size_t left = record.bytes;
  for (; left >= 8; left -= 8, payload += 8) {
    uint64_t word;
    std::memcpy(&word, payload, sizeof word);
    hash = mix(hash, word);
  }
  uint64_t word = 0;
  std::memcpy(&word, payload, left);
  return mix(hash, word) | 1;  // fresh memory is never a record
}

void Store::recover() {
  entries_.clear();
  rio_word64_store(&at_, kHeaderBytes);
  next_out_ = next_in_ = 1;
  day_.reset();
  while (recover_one()) {
  }
}

bool Store::recover_one() {
  Record record;
  if (memory_.size() - at_ < sizeof record) return false;
  std::memcpy(&record, memory_.data() + at_, sizeof record);
  const size_t room = memory_.size() - at_ - sizeof record;
  if (record.bytes > room || padded(record.bytes) > room) return false;
  if (record.check != check_of(record, at_)) return false;
  switch (record.kind) {
    case Kind::day: day_ = static_cast<int64_t>(record.number); break;
    case Kind::received: next_in_ = record.number; break;
    case Kind::sent:
      if (record.number != next_out_ || entries_.size() == messages_max_) return false;
      if (record.bytes != 0) entries_.push_back({record.number, at_ + sizeof record, record.bytes});
      ++next_out_;
      break;
    default: return false;
  }
  rio_word64_store(&at_, at_ + sizeof record + padded(record.bytes));
  return true;
}

bool Store::append(Kind kind, uint64_t number, std::string_view payload) {
  if (memory_.size() < at_ || memory_.size() - at_ < sizeof(Record) + padded(payload.size()))
    return false;
  Record record{
      .check = 0, .bytes = static_cast<uint32_t>(payload.size()), .kind = kind, .number = number};
  if (!payload.empty())
    std::memcpy(memory_.data() + at_ + sizeof record, payload.data(), payload.size());
  record.check = check_of(record, at_);
  std::memcpy(memory_.data() + at_, &record, sizeof record);
  rio_word64_store(&at_, at_ + sizeof record + padded(payload.size()));
  return true;
}

void Store::reset(int64_t day) {
  if (memory_.empty()) return;
  store_word(memory_, kEpochAt, epoch() + 1);
  recover();  // finds nothing of the new epoch
  day_ = day;
  append(Kind::day, static_cast<uint64_t>(day), {});
}

bool Store::add_sent(std::string_view message) {
  if (entries_.size() == messages_max_ || !append(Kind::sent, next_out_, message)) return false;
  if (!message.empty())
    entries_.push_back(
        {next_out_, at_ - padded(message.size()), static_cast<uint32_t>(message.size())});
  ++next_out_;
  return true;
}

bool Store::set_next_in(uint64_t number) {
  if (!append(Kind::received, number, {})) return false;
  next_in_ = number;
  return true;
}

Store::Sent Store::first_sent_from(uint64_t number) const {
  const auto at = std::ranges::lower_bound(entries_, number, {}, &Entry::number);
  return at == entries_.end() ? Sent{} : sent(*at);
}

Store::Sent Store::last_sent_before(uint64_t number) const {
  const auto behind = std::ranges::lower_bound(entries_, number, {}, &Entry::number);
  return behind == entries_.begin() ? Sent{} : sent(*(behind - 1));
}

}  // namespace pinion::fix
