// Making, sealing and populating shared memory; see region.h.
#include "host/region.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "host/sigbus.h"

namespace pinion {

namespace {

// Without FUTURE_WRITE a punched hole still takes pages away under the core, and any process that
// is handed the descriptor could map it writable; SEAL keeps the set as it is.
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

std::optional<uint64_t> read_number(const std::string& path) {
  FILE* f = std::fopen(path.c_str(), "re");
  if (f == nullptr) return std::nullopt;
  unsigned long long value = 0;
  const bool good = std::fscanf(f, "%llu", &value) == 1;
  std::fclose(f);
  return good ? std::optional<uint64_t>(value) : std::nullopt;
}

std::string no_hugepages(uint64_t bytes) {
  const std::string dir = "/sys/kernel/mm/hugepages/hugepages-2048kB/";
  const auto free = read_number(dir + "free_hugepages");
  const auto reserved = read_number(dir + "resv_hugepages");
  const auto total = read_number(dir + "nr_hugepages");
  const uint64_t need = bytes / Region::kHugePage;
  if (!free || !reserved || !total)  // a daemon without privileges opens no files any more
    return "no hugepages left: need " + std::to_string(need) +
           " of 2 MiB; see /proc/meminfo, and raise vm.nr_hugepages by what is missing";
  const uint64_t left = *free > *reserved ? *free - *reserved : 0;
  return "no hugepages left: " + std::to_string(left) + " free, need " + std::to_string(need) +
         ", run: sysctl vm.nr_hugepages=" + std::to_string(*total + need - left);
}

int fail(std::string& why, const char* what) {
  const int error = errno;
  why = std::string(what) + ": " + std::strerror(error);
  return -error;
}

}  // namespace

int Region::create(const RegionConfig& config, uint64_t bytes, bool small_pages, std::string& why) {
  reset();
  config_ = config;
  const bool huge = config.hugepages && !small_pages;
  page_bytes_ = huge ? kHugePage : kSmallPage;
  if (bytes == 0 || bytes > INT64_MAX - page_bytes_) {
    why = "a region has at least one byte";
    return -EINVAL;
  }
  size_ = (bytes + page_bytes_ - 1) / page_bytes_ * page_bytes_;
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING | (huge ? MFD_HUGETLB | MFD_HUGE_2MB : 0u);
  fd_ = memfd_create("pinion-region", flags);
  if (fd_ < 0) return fail(why, "memfd_create");
  int status = ftruncate(fd_, static_cast<off_t>(size_)) == 0 ? 0 : fail(why, "sizing a region");
  if (status == 0) status = map(why);
  if (status != 0) reset();
  return status;
}

int Region::map(std::string& why) {
  void* at = nullptr;
  if (config_.arena != nullptr) {
    at = config_.arena->take(size_);
    if (at == nullptr) {
      why = "the address range for registered memory is full: raise host.hugepages_mb";
      return -ENOMEM;
    }
  }
  const int flags = MAP_SHARED | (at != nullptr ? MAP_FIXED : 0);
  void* mapped = mmap(at, size_, PROT_READ | PROT_WRITE, flags, fd_, 0);
  if (mapped == MAP_FAILED) {
    const int error = errno;
    if (at != nullptr) config_.arena->give(at, size_);
    if (error == ENOMEM && page_bytes_ == kHugePage) why = no_hugepages(size_);
    else why = "mapping " + std::to_string(size_) + " bytes: " + std::strerror(error);
    return -error;
  }
  base_ = static_cast<std::byte*>(mapped);
  madvise(base_, size_, MADV_DONTFORK);
  madvise(base_, size_, MADV_DONTDUMP);
  watch_ = watch_range(base_, size_);
  if (watch_ >= 0) return 0;
  why = "too many regions in this process";
  return -ENOSPC;
}

int Region::seal(std::string& why) {
  // The application has had the descriptor: what it may have done to it shows here.
  if (fcntl(fd_, F_ADD_SEALS, kSeals) != 0) {
    why = std::string("sealing a region: ") + std::strerror(errno);
    return -EPROTO;
  }
  struct stat info {};
  const int seals = fcntl(fd_, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || fstat(fd_, &info) != 0 ||
      static_cast<uint64_t>(info.st_size) != size_) {
    why = "the region was changed before it was sealed";
    return -EPROTO;
  }
  return 0;
}

int Region::go_live(std::string& why, uint64_t slice) {
  if (!sealed_ && !config_.skip_seals)
    if (const int status = seal(why); status != 0) return status;
  sealed_ = true;
  const uint64_t part = std::min(slice, size_ - populated_);
  if (const int status = populate(base_ + populated_, part, why); status != 0) return status;
  populated_ += part;
  if (populated_ < size_) return -EINPROGRESS;
  close(std::exchange(fd_, -1));
  if (config_.arena != nullptr) reach_ = config_.arena->map(base_, size_);
  live_ = true;
  return 0;
}

int Region::populate(std::byte* at, size_t bytes, std::string& why) {
  // Not a touch: a page that cannot be had is an error here, not a SIGBUS.
  while (madvise(at, bytes, MADV_POPULATE_WRITE) != 0) {
    if (errno == EINTR || errno == EAGAIN) continue;
    if (errno == EINVAL) {
      why = "MADV_POPULATE_WRITE is missing: Pinion needs Linux 5.14 or later";
      return -ENOSYS;
    }
    why = page_bytes_ == kHugePage ? no_hugepages(size_)
                                   : "no memory left for a region of " + std::to_string(size_);
    return -ENOMEM;
  }
  if (config_.lock && mlock(at, bytes) != 0) {
    why = std::string("locking a region: ") + std::strerror(errno) + ". Raise RLIMIT_MEMLOCK";
    return -ENOMEM;
  }
  return 0;
}

void Region::reset() {
  unwatch_range(std::exchange(watch_, -1));
  if (fd_ >= 0) close(std::exchange(fd_, -1));
  if (base_ != nullptr) {
    if (config_.arena != nullptr) config_.arena->give(base_, size_);
    else munmap(base_, size_);
  }
  base_ = nullptr;
  size_ = populated_ = reach_ = 0;
  sealed_ = live_ = false;
}

bool Region::evicted() const { return range_evicted(watch_); }

}  // namespace pinion
