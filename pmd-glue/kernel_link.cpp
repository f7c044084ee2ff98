#include "pmd-glue/kernel_link.h"

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace pinion {

KernelLink::~KernelLink() {
  if (fd_ >= 0) close(fd_);
}

// The socket is made now: later the daemon may make none.
bool KernelLink::open(unsigned if_index, std::string& why) {
  if (if_indextoname(if_index, name_) != nullptr)
    fd_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd_ >= 0) return true;
  why = "asking Linux for the link of interface " + std::to_string(if_index) + ": " +
        std::strerror(errno);
  return false;
}

bool KernelLink::up() const {
  ifreq request{};
  std::memcpy(request.ifr_name, name_, sizeof name_);
  return ioctl(fd_, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_RUNNING) != 0;
}

}  // namespace pinion
