// See ring_file.h.
#include "gateway/journal/ring_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pinion::journal {

namespace {

constexpr const char* kName = "/ring";
constexpr const char* kNewName = "/ring.new";

// Which boot of the machine this is: a line of 36 characters.
void read_boot(char (&out)[sizeof RingHeader::boot]) {
  std::memset(out, 0, sizeof out);
  const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  const ssize_t n = read(fd, out, sizeof out - 1);
  close(fd);
  if (n <= 0) std::memset(out, 0, sizeof out);
}

std::string failed(const std::string& path) { return path + ": " + std::strerror(errno); }

}  // namespace

RingFile::~RingFile() {
  if (at_ != nullptr) munmap(at_, size_);
}

bool RingFile::map(int fd, size_t bytes) {
  STACK_CHECK(at_ == nullptr);
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (at == MAP_FAILED) return false;
  at_ = static_cast<std::byte*>(at);
  size_ = bytes;
  return true;
}

RingMemory RingFile::memory() const {
  return {reinterpret_cast<RingHeader*>(at_), {at_ + kRingHeaderBytes, size_ - kRingHeaderBytes}};
}

void RingFile::keep_writable() const {
  const auto page = static_cast<size_t>(getpagesize());
  const RingMemory ring = memory();
  const auto populate = [page](std::byte* from, size_t bytes) {
    const size_t before = reinterpret_cast<uintptr_t>(from) % page;
    (void)madvise(from - before, bytes + before, MADV_POPULATE_WRITE);
  };
  const size_t size = ring.bytes.size(), ahead = std::min(kAhead, size);
  const size_t at = rio_word64_load(&ring.header->published) & (size - 1);
  const size_t to_end = std::min(ahead, size - at);
  populate(at_, kRingHeaderBytes);
  populate(&ring.bytes[at], to_end);
  if (to_end != ahead) populate(ring.bytes.data(), ahead - to_end);
}

// Its blocks and pages exist when this returns: a full disk is found here, and not by a signal
// while trading. It gets its name when it is whole, so what has the name is never half a ring.
bool RingFile::make(const std::string& directory, size_t bytes, std::string& why) {
  const std::string path = directory + kNewName;
  const int flags = O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return why = failed(path), false;
  const size_t size = kRingHeaderBytes + bytes;
  const int reserved = posix_fallocate(fd, 0, static_cast<off_t>(size));
  if (reserved != 0) errno = reserved;
  bool good = reserved == 0 && map(fd, size);
  if (good) {
    std::memset(at_, 0, size);  // a page that was only read would fault at its first store
    RingHeader header;
    header.bytes = bytes;
    read_boot(header.boot);
    std::memcpy(at_, &header, sizeof header);
    good = fsync(fd) == 0 && rename(path.c_str(), (directory + kName).c_str()) == 0;
  }
  if (!good) why = failed(path);
  close(fd);
  return good;
}

RingFile::Found RingFile::open(const std::string& directory, std::string& why) {
  const std::string path = directory + kName;
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0 && errno == ENOENT) return Found::none;
  if (fd < 0) return why = failed(path), Found::damaged;
  struct stat status {};
  RingHeader header;
  const bool readable =
      fstat(fd, &status) == 0 && pread(fd, &header, sizeof header, 0) == ssize_t{sizeof header};
  const auto size = static_cast<uint64_t>(status.st_size);
  bool good = readable && header.magic == RingHeader::kMagic && ring_bytes_good(header.bytes) &&
              size >= kRingHeaderBytes && size - kRingHeaderBytes == header.bytes;
  if (!good) why = path + ": this is no ring of a journal";
  if (good && !map(fd, size)) {
    why = failed(path);
    good = false;
  }
  close(fd);
  if (!good) return Found::damaged;
  char boot[sizeof header.boot];
  read_boot(boot);
  // Without a name for this boot nothing can be told apart, and a kill is likelier than a fall.
  const bool same = std::memcmp(boot, header.boot, sizeof boot) == 0;
  return same ? Found::good : Found::of_another_boot;
}

std::optional<std::string> check_ring(const RingMemory& ring, uint64_t next) {
  const auto broken = [](const char* what, uint64_t position) {
    char text[96];
    std::snprintf(text, sizeof text, "%s at position %llu", what,
                  static_cast<unsigned long long>(position));
    return std::optional<std::string>(text);
  };
  const size_t size = ring.bytes.size();
  const uint64_t end = ring.header->published;
  uint64_t at = ring.header->head, number = 0;
  if (at % 8 != 0 || end % 8 != 0 || end - at > size) return broken("impossible positions", at);
  while (at != end) {
    size_t offset = at & (size - 1);
    const auto length_at = [&] {
      return load<uint32_t>(&ring.bytes[offset + offsetof(RecordHeader, length)]);
    };
    if (offset != 0 && length_at() == kRingSkip) {
      if (size - offset >= end - at) return broken("nothing behind a jump", at);
      at += size - offset, offset = 0;
    }
    const size_t room = std::min<uint64_t>(size - offset, end - at);
    if (room < sizeof(RecordHeader)) return broken("half a record", at);
    RecordHeader header;
    std::memcpy(&header, &ring.bytes[offset], sizeof header);
    if (header.length > kPayloadBytesMax || record_bytes(header.length) > room)
      return broken("a record of an impossible length", at);
    if (number == 0 ? header.number == 0 || header.number > next : header.number != number + 1)
      return broken("a record that does not follow the one before it", at);
    number = header.number;
    at += record_bytes(header.length);
  }
  return {};
}

}  // namespace pinion::journal
