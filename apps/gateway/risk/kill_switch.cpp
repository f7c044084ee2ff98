// See kill_switch.h.
#include "gateway/risk/kill_switch.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace pinion::risk {

namespace {

// A name that was added or taken away lasts when its directory was written.
int sync_directory_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int fd = open(dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return -errno;
  const int status = fsync(fd) == 0 ? 0 : -errno;
  close(fd);
  return status;
}

}  // namespace

int KillSwitch::open(const std::string& path) {
  path_ = path;
  thrown_ = false;
  if (path_.empty()) return 0;
  struct stat status;
  if (stat(path_.c_str(), &status) == 0) {
    thrown_ = true;
    return 0;
  }
  if (errno == ENOENT) return 0;
  thrown_ = true;
  return -errno;
}

int KillSwitch::kill(std::string_view reason) {
  thrown_ = true;
  if (path_.empty()) return 0;
  // Its being there is what counts, so a torn text is no matter.
  const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return -errno;
  int status = 0;
  if (write(fd, reason.data(), reason.size()) != static_cast<ssize_t>(reason.size())) status = -EIO;
  if (fsync(fd) != 0) status = -errno;
  close(fd);
  const int directory = sync_directory_of(path_);
  return status != 0 ? status : directory;
}

int KillSwitch::unkill() {
  if (!path_.empty()) {
    if (unlink(path_.c_str()) != 0 && errno != ENOENT) return -errno;
    if (const int status = sync_directory_of(path_); status != 0) return status;
  }
  thrown_ = false;
  return 0;
}

}  // namespace pinion::risk
