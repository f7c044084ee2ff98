// See kill_switch.h.
#include "gateway/risk/kill_switch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

namespace pinion::risk {

int KillSwitch::open(std::string_view path) {
  path_.fill('\0');
  error_.fill('\0');
  trips_.store(0, std::memory_order_relaxed);
  file_there_ = false;
  name_ = 0;
  if (path.empty()) return 0;
  trips_.store(1, std::memory_order_release);  // until it is known to be otherwise
  reason_bytes_ = 0;
  if (path.size() > kPathMax) return fail(-ENAMETOOLONG, "its path is too long");
  std::ranges::copy(path, path_.begin());
  const size_t slash = path.rfind('/');
  name_ = slash == std::string_view::npos ? 0 : slash + 1;
  if (name_ == path.size()) return fail(-EISDIR, "its path names a directory");
  const int directory = open_directory();
  if (directory < 0) return fail(directory, "its directory cannot be read");
  struct stat status;
  const int found = fstatat(directory, &path_[name_], &status, 0) == 0 ? 0 : -errno;
  close(directory);
  if (found == -ENOENT) trips_.store(0, std::memory_order_release);
  file_there_ = found == 0;
  return found == 0 || found == -ENOENT ? 0 : fail(found, "it cannot be looked for");
}

void KillSwitch::trip(std::string_view reason) {
  // Nobody reads the reason while there are no trips. Pairs with the exchange in unkill(), behind
  // which it was read for the last time.
  if (trips_.load(std::memory_order_acquire) == 0) {
    reason_bytes_ = std::min(reason.size(), reason_.size());
    std::copy_n(reason.begin(), reason_bytes_, reason_.begin());
  }
  trips_.fetch_add(1, std::memory_order_release);
}

int KillSwitch::persist() {
  const int status = try_to_persist();
  const int last = std::exchange(persist_status_, status);
  return status != 0 && status == last ? -EALREADY : status;
}

int KillSwitch::try_to_persist() {
  // Pairs with the release in trip(): the reason is complete.
  const bool tripped = trips_.load(std::memory_order_acquire) != 0;
  if (!tripped || file_there_ || path_[0] == '\0') return 0;
  const int directory = open_directory();
  if (directory < 0) return fail(directory, "its directory cannot be read");
  const int status = write_file(directory);
  close(directory);
  if (status != 0) return fail(status, "it cannot be written");
  file_there_ = true;
  return 0;
}

int KillSwitch::unkill() {
  uint64_t trips = trips_.load(std::memory_order_acquire);
  if (path_[0] != '\0') {
    const int directory = open_directory();
    if (directory < 0) return fail(directory, "its directory cannot be read");
    int status = 0;
    if (unlinkat(directory, &path_[name_], 0) != 0 && errno != ENOENT) status = -errno;
    if (status == 0) file_there_ = false;
    // A name that was taken away stays away when its directory was written.
    if (status == 0 && fsync(directory) != 0) status = -errno;
    close(directory);
    if (status != 0) return fail(status, "it cannot be removed");
  }
  if (trips_.compare_exchange_strong(trips, 0, std::memory_order_acq_rel)) return 0;
  return fail(-EAGAIN, "it was thrown again meanwhile");
}

int KillSwitch::fail(int status, const char* what) {
  (void)std::snprintf(error_.data(), error_.size(),
                      "kill switch '%s': %s (%s); it counts as thrown until that is mended and the "
                      "switch is set back",
                      path_.data(), what, strerrordesc_np(-status));
  return status;
}

int KillSwitch::open_directory() const {
  std::array<char, kPathMax + 1> directory{};
  std::copy_n(path_.begin(), name_, directory.begin());
  const char* path = name_ == 0 ? "." : directory.data();
  const int fd = ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

// Its being there is what counts, so a torn text is no matter.
int KillSwitch::write_file(int directory) const {
  const int fd = openat(directory, &path_[name_], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -errno;
  // Written in part is no room for the rest. The first that fails is the reason.
  int status = 0;
  const auto must = [&](bool good) {
    if (!good && status == 0) status = -errno;
  };
  errno = ENOSPC;
  const auto bytes = static_cast<ssize_t>(reason_bytes_);
  must(write(fd, reason_.data(), reason_bytes_) == bytes && write(fd, "\n", 1) == 1);
  must(fsync(fd) == 0);
  close(fd);
  must(fsync(directory) == 0);  // a new name lasts when its directory was written
  return status;
}

}  // namespace pinion::risk
