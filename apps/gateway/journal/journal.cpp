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

Journal::Journal(const JournalConfig& config)
    : config_(config), ring_(config.ring_bytes), writer_(config, ring_) {}

bool Journal::open(std::string& why) {
  if (!writer_.open(why)) return false;
  next_ = writer_.first_number();
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

bool Journal::push(Kind kind, uint16_t source, Bytes payload, Nanos now) {
  RecordHeader header;
  header.length = static_cast<uint32_t>(payload.size());
  header.time_ns = static_cast<uint64_t>(now);
  header.kind = kind;
  header.source = source;
  return ring_.push(header, payload);
}

uint64_t Journal::append(Kind kind, uint16_t source, Bytes payload, Nanos now) {
  const bool writable = writer_.disk() != DiskState::failed && !stopped_;
  if (payload.size() <= kPayloadBytesMax && writable) {
    if (unsaid_ != 0 && push(Kind::lost, 0, std::as_bytes(std::span{&unsaid_, 1}), now)) {
      unsaid_ = 0;
      ++next_;
    }
    if (unsaid_ == 0 && push(kind, source, payload, now)) return next_++;
  }
  ++refused_;
  ++unsaid_;
  stopped_ |= config_.on_full == OnFull::stop_trading;
  return 0;
}

}  // namespace pinion::journal
