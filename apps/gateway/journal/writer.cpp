// journal::Writer of journal.h: segments, records, syncs, and what the disk says.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "gateway/journal/journal.h"
#include "gateway/journal/reader.h"

namespace pinion::journal {

namespace {
constexpr size_t kBufferBytes = size_t{1} << 20;
constexpr Nanos kRetry = 100 * kMilli;  // between two attempts to get space for a segment
static_assert(kBufferBytes >= record_bytes(kPayloadBytesMax));
}  // namespace

Writer::Writer(const JournalConfig& config)
    : config_(config), buffer_(new std::byte[kBufferBytes]) {
  STACK_CHECK(config.segment_bytes >= sizeof(SegmentHeader) + record_bytes(kPayloadBytesMax));
}

Writer::~Writer() {
  if (fd_ >= 0) close(fd_);
  if (directory_fd_ >= 0) close(directory_fd_);
}

std::string Writer::failed(const std::string& name) const {
  return config_.directory + name + ": " + std::strerror(errno);
}

bool Writer::lock_directory(std::string& why) {
  if (mkdir(config_.directory.c_str(), 0750) != 0 && errno != EEXIST)
    return why = failed(""), false;
  directory_fd_ = ::open(config_.directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory_fd_ < 0) return why = failed(""), false;
  if (flock(directory_fd_, LOCK_EX | LOCK_NB) == 0) return true;
  why = errno == EWOULDBLOCK
            ? config_.directory + ": another gateway has this journal open; each needs its own"
            : failed("");
  return false;
}

bool Writer::open(std::string& why) {
  if (!lock_directory(why)) return false;
  const ReadResult read = read_journal(config_.directory, nullptr, kOnlyTheEnd);
  if (!read.good()) return why = config_.directory + "/" + read.damage[0], false;
  segment_ = read.next_segment;
  next_ = read.next_number;
  rio_word64_store(&durable_, next_ - 1);
  if (segment_ > 1 && !cut_last_segment(read.last_bytes))
    return why = failed("/" + segment_name(segment_ - 1)), false;
  if (begin_segment()) return true;
  why = failed("/" + segment_name(segment_));
  return false;
}

// A crash leaves it with all the space that it had reserved.
bool Writer::cut_last_segment(uint64_t bytes) {
  const std::string path = config_.directory + "/" + segment_name(segment_ - 1);
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return false;
  if (static_cast<uint64_t>(status.st_size) == bytes) return true;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return false;
  const bool done = ftruncate(fd, static_cast<off_t>(bytes)) == 0 && fdatasync(fd) == 0;
  close(fd);
  return done;
}

bool Writer::drain(RecordRing& left, Nanos now) {
  use(left);
  while (turn(now)) {
  }
  RecordHeader header;
  Bytes payload;
  return buffered_ == 0 && !left.front(header, payload) && sync(now, true);
}

// The space of a segment is reserved when it begins, so that a full disk shows there and not
// between two records. A file that could not be had whole is taken away again.
bool Writer::begin_segment() {
  const std::string path = config_.directory + "/" + segment_name(segment_);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (fd < 0) return trouble();
  SegmentHeader header;
  header.segment = segment_;
  header.first_number = next_;
  header.crc = crc_of(header);
  const int reserved = posix_fallocate(fd, 0, static_cast<off_t>(config_.segment_bytes));
  if (reserved != 0) errno = reserved;
  if (reserved != 0 || pwrite(fd, &header, sizeof header, 0) != ssize_t{sizeof header} ||
      fdatasync(fd) != 0 || fsync(directory_fd_) != 0) {
    const int error = errno;
    unlink(path.c_str());
    close(fd);
    errno = error;
    return trouble();
  }
  fd_ = fd;
  at_ = sizeof header;
  ++segment_;
  rio_word_store(&disk_, static_cast<uint32_t>(DiskState::good));
  return true;
}

void Writer::end_segment() {
  if (ftruncate(fd_, static_cast<off_t>(at_)) != 0 || fdatasync(fd_) != 0) (void)trouble();
  close(fd_);
  fd_ = -1;
}

// Notes what errno says about the disk.
bool Writer::trouble() {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  rio_word_store(&disk_, static_cast<uint32_t>(full ? DiskState::full : DiskState::failed));
  return false;
}

// From the ring into the buffer. False: the buffer is full or the segment ends here. Only what a
// dead process left can have lower numbers: it was written, and the process died before the ring
// heard of it.
bool Writer::take_records() {
  RecordHeader header;
  Bytes payload;
  while (ring_->front(header, payload)) {
    const size_t bytes = record_bytes(payload.size());
    if (header.number >= next_) {
      if (bytes > kBufferBytes - buffered_) return false;
      if (bytes > config_.segment_bytes - at_ - buffered_) return false;
      take(header, payload);
    }
    ring_->take(header);
  }
  return true;
}

void Writer::take(RecordHeader& header, Bytes payload) {
  STACK_CHECK(header.number == next_);
  ++next_;
  header.crc = crc_of(header, payload);
  std::byte* to = buffer_.get() + buffered_;
  const size_t bytes = record_bytes(payload.size());
  std::memcpy(to, &header, sizeof header);
  std::memset(to + sizeof header, 0, bytes - sizeof header);
  if (!payload.empty()) std::memcpy(to + sizeof header, payload.data(), payload.size());
  buffered_ += bytes;
}

// False: it is not all written, and stays in the buffer and in the ring.
bool Writer::flush() {
  while (buffered_ > 0) {
    const ssize_t n = pwrite(fd_, buffer_.get(), buffered_, static_cast<off_t>(at_));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return trouble();
    at_ += static_cast<size_t>(n);
    buffered_ -= static_cast<size_t>(n);
    std::memmove(buffer_.get(), buffer_.get() + n, buffered_);
    unsynced_ = true;
  }
  ring_->release();
  if (disk() == DiskState::full) rio_word_store(&disk_, static_cast<uint32_t>(DiskState::good));
  return true;
}

// After a failed sync the kernel may have thrown the pages away, and a later success proves
// nothing: the state stays failed.
bool Writer::sync(Nanos now, bool now_or_never) {
  const bool due = now_or_never || config_.sync == Sync::always ||
                   (config_.sync == Sync::every_ms && now - last_sync_ >= config_.sync_every);
  if (!unsynced_ || !due) return true;
  last_sync_ = now;
  if (fdatasync(fd_) != 0) {
    errno = EIO;
    return trouble();
  }
  unsynced_ = false;
  rio_word64_store(&durable_, next_ - 1);
  return true;
}

bool Writer::turn(Nanos now) {
  if (disk() == DiskState::failed) return false;
  if (fd_ < 0) {
    if (now < retry_at_) return false;
    retry_at_ = now + kRetry;
    if (!begin_segment()) return false;
    retry_at_ = 0;
  }
  const bool all = take_records();
  if (!flush() || !sync(now, false)) return false;
  if (all) return false;
  RecordHeader header;
  Bytes payload;
  const bool fits =
      ring_->front(header, payload) && record_bytes(payload.size()) <= config_.segment_bytes - at_;
  if (fits) return true;
  if (!sync(now, true)) return false;
  end_segment();
  return true;
}

bool Writer::finish(Nanos now) {
  retry_at_ = 0;
  while (turn(now)) {
  }
  if (fd_ < 0 || !flush() || !sync(now, true)) return false;
  end_segment();
  return disk() == DiskState::good;
}

}  // namespace pinion::journal
