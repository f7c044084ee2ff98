#include "gateway/journal/journal.h"

#include <ctime>

namespace pinion::journal {

namespace {

constexpr timespec kIdle{0, 200'000};  // between two looks into an empty ring

Nanos clock_now() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

}  // namespace

Journal::Journal(const JournalConfig& config) : config_(config), writer_(config) {}

bool Journal::open(std::string& why) {
  if (!ring_bytes_good(config_.ring_bytes)) {
    why = "the journal's ring has " + std::to_string(config_.ring_bytes) +
          " bytes; it takes a power of two, and at least " +
          std::to_string(std::bit_ceil(2 * record_bytes(kPayloadBytesMax)));
    return false;
  }
  if (!writer_.open(why) || !open_ring(why)) return false;
  next_ = writer_.next_number();
  writer_.use(ring_);
  return true;
}

// The new ring takes the old one's name only when the segments have everything: whenever this is
// interrupted, the next start finds the one or the other.
bool Journal::open_ring(std::string& why) {
  RingFile left;
  switch (left.open(config_.directory, why)) {
    case RingFile::Found::none: break;
    case RingFile::Found::damaged: return false;
    case RingFile::Found::of_another_boot:
      recovered_.bytes_before_reboot = RecordRing(left.memory()).depth();
      break;
    case RingFile::Found::good:
      if (!drain(left, why)) return false;
      break;
  }
  if (!file_.make(config_.directory, config_.ring_bytes, why)) return false;
  ring_.attach(file_.memory());
  return true;
}

bool Journal::drain(RingFile& left, std::string& why) {
  const uint64_t next = writer_.next_number();
  if (const auto broken = check_ring(left.memory(), next); broken) {
    why = config_.directory + "/ring: " + *broken + " (the segments end before record " +
          std::to_string(next) + "): nothing is added to a damaged journal; look at it, and move " +
          "the ring away to go on without what it holds";
    return false;
  }
  RecordRing ring(left.memory());
  if (!writer_.drain(ring, clock_now())) {
    why = config_.directory + ": the disk does not take what the ring holds";
    return false;
  }
  recovered_.records = writer_.next_number() - next;
  return true;
}

void Journal::start() {
  thread_ = std::thread([this] { run(); });
}

bool Journal::stop() {
  if (thread_.joinable()) {
    rio_word_store(&ending_, 1);
    thread_.join();
  }
  return finished_;
}

void Journal::run() {
  while (!rio_word_load(&ending_)) {
    if (!writer_.turn(clock_now())) nanosleep(&kIdle, nullptr);
  }
  finished_ = writer_.finish(clock_now());
}

bool Journal::push(Kind kind, uint16_t source, Bytes payload, Nanos now, size_t keep) {
  RecordHeader header;
  header.length = static_cast<uint32_t>(payload.size());
  header.number = next_;
  header.time_ns = static_cast<uint64_t>(now);
  header.kind = kind;
  header.source = source;
  if (!ring_.push(header, payload, keep)) return false;
  ++next_;
  return true;
}

uint64_t Journal::add(Kind kind, uint16_t source, Bytes payload, Nanos now, size_t keep) {
  if (payload.size() > kPayloadBytesMax) return 0;
  if (unsaid_ != 0) {
    if (!push(Kind::lost, 0, std::as_bytes(std::span{&unsaid_, 1}), now, keep)) return 0;
    unsaid_ = 0;
  }
  return push(kind, source, payload, now, keep) ? next_ - 1 : 0;
}

uint64_t Journal::append(Kind kind, uint16_t source, Bytes payload, Nanos now) {
  if (!stopped_ && writer_.disk() != DiskState::failed) {
    const uint64_t number = add(kind, source, payload, now, config_.ring_bytes / 2);
    if (number != 0) return number;
  }
  ++refused_;
  if (config_.on_full == OnFull::stop_trading) {
    stopped_ = true;  // and nothing is missing: what it stands for does not happen
  } else {
    ++lost_;
    ++unsaid_;
  }
  return 0;
}

uint64_t Journal::append_living(Kind kind, uint16_t source, Bytes payload, Nanos now) {
  const uint64_t number = add(kind, source, payload, now, 0);
  if (number != 0) return number;
  ++refused_;
  ++lost_;
  ++unsaid_;
  stopped_ |= config_.on_full == OnFull::stop_trading;
  return 0;
}

}  // namespace pinion::journal
