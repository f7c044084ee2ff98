// See store_file.h.
#include "gateway/fix/store_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace pinion::fix {

StoreFile::~StoreFile() {
  if (!memory_.empty()) munmap(memory_.data(), memory_.size());
  if (fd_ >= 0) close(fd_);
}

int StoreFile::open(const std::string& path, size_t bytes) {
  if (fd_ >= 0) return -EBUSY;
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd_ < 0) return -errno;
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0) return -errno;
  struct stat status;
  if (fstat(fd_, &status) != 0) return -errno;
  bytes = std::max(bytes, static_cast<size_t>(status.st_size));
  // Its blocks exist from now on: a full disk is found here, and not by a signal while trading.
  if (const int error = posix_fallocate(fd_, 0, static_cast<off_t>(bytes)); error != 0)
    return -error;
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, 0);
  if (at == MAP_FAILED) return -errno;
  memory_ = {static_cast<char*>(at), bytes};
  return 0;
}

void StoreFile::keep_writable(size_t at) const {
  const auto page = static_cast<size_t>(getpagesize());
  const size_t first = std::min(at, memory_.size()) / page * page;
  const size_t end = std::min(memory_.size(), first + kAhead);
  if (first < end) (void)madvise(memory_.data() + first, end - first, MADV_POPULATE_WRITE);
}

}  // namespace pinion::fix
