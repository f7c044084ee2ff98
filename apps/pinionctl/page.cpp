// See page.h.
#include "pinionctl/page.h"

#include <fcntl.h>
#include <rio/ring.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace pinion::ctl {

namespace {

constexpr int kTries = 1000;

const char* advice(int error) {
  if (error == EACCES)
    return "Only root and the group of the control socket (host.control_socket) may look.";
  return "Is piniond running? Name its control socket with --socket or PINION_SOCKET.";
}

}  // namespace

bool is_alive(const rio_status_page& page) {
  return kill(static_cast<pid_t>(page.pid), 0) == 0 || errno == EPERM;
}

// A consistent copy of the page; null, and a sentence on stderr.
std::unique_ptr<rio_status_page> read_page(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat st {};
  if (fd < 0 || fstat(fd, &st) != 0) {
    std::fprintf(stderr, "pinionctl: %s: %s. %s\n", path.c_str(), std::strerror(errno),
                 advice(errno));
    if (fd >= 0) close(fd);
    return nullptr;
  }
  void* at = MAP_FAILED;
  if (static_cast<size_t>(st.st_size) >= sizeof(rio_status_page))
    at = mmap(nullptr, sizeof(rio_status_page), PROT_READ, MAP_SHARED, fd, 0);
  close(fd);
  if (at == MAP_FAILED) {
    std::fprintf(stderr, "pinionctl: %s is not a status page\n", path.c_str());
    return nullptr;
  }
  const auto* page = static_cast<const rio_status_page*>(at);
  auto copy = std::make_unique<rio_status_page>();
  bool good = false;
  for (int i = 0; i < kTries && !good; ++i) {
    const uint32_t before = rio_word_load(&page->seqlock);
    std::memcpy(copy.get(), page, sizeof *copy);
    good = (before & 1u) == 0 && rio_word_load(&page->seqlock) == before;
    const timespec moment{0, 1'000'000};
    if (!good) nanosleep(&moment, nullptr);
  }
  munmap(at, sizeof(rio_status_page));
  if (copy->magic == RIO_STATUS_MAGIC && copy->pid == 0) {
    std::fprintf(stderr, "pinionctl: %s: the daemon has ended. %s\n", path.c_str(), advice(ENOENT));
    return nullptr;
  }
  // A daemon that was killed while it wrote: nobody will finish it, and each entry is whole.
  if (!good && copy->magic == RIO_STATUS_MAGIC) good = !is_alive(*copy);
  if (!good || copy->magic != RIO_STATUS_MAGIC || copy->version != RIO_STATUS_VERSION ||
      copy->entries > RIO_STATUS_ENTRIES_MAX) {
    std::fprintf(stderr, "pinionctl: %s: not a status page of this version\n", path.c_str());
    return nullptr;
  }
  return copy;
}

double age_s(const rio_status_page& page) {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  const double now = static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
  return now - static_cast<double>(page.updated_realtime_ns) / 1e9;
}

}  // namespace pinion::ctl
