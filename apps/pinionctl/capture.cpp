// See capture.h. The daemon makes the stream (apps/piniond/capture.h); this carries it away.
#include "pinionctl/capture.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace pinion::ctl {
namespace {

int fail(const std::string& what, const char* advice) {
  std::fprintf(stderr, "pinionctl: %s: %s. %s\n", what.c_str(), std::strerror(errno), advice);
  return 1;
}

const char* advice_for(int error) {
  if (error == EACCES) return "Only root, and the user that piniond runs as, may capture.";
  return "Is piniond running? Name its control socket with --socket or PINION_SOCKET.";
}

int connect_to(const std::string& path) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path.size() >= sizeof at.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(at.sun_path, path.c_str(), path.size() + 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

// SIGINT and SIGTERM, to be read: what has come until then is still written, in whole blocks.
int catch_signals() {
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigprocmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &ends, SFD_CLOEXEC);
}

bool write_all(int fd, const char* bytes, size_t length) {
  while (length > 0) {
    const ssize_t n = write(fd, bytes, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    bytes += n, length -= static_cast<size_t>(n);
  }
  return true;
}

int64_t now_ms() {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

// Until the daemon ends the stream: by itself, or because we have asked for it.
int copy(int from, int to, int signals, double seconds) {
  static char bytes[1 << 16];
  const int64_t end_ms = now_ms() + std::llround(seconds * 1000);
  uint64_t total = 0;
  bool asked = false;
  while (true) {
    pollfd entries[] = {{from, POLLIN, 0}, {asked ? -1 : signals, POLLIN, 0}};
    const auto left = std::max<int64_t>(end_ms - now_ms(), 0);
    poll(entries, 2, asked || seconds == 0 ? -1 : static_cast<int>(left));
    const bool over = entries[1].revents != 0 || (seconds != 0 && now_ms() >= end_ms);
    if (over && !asked) asked = shutdown(from, SHUT_WR) == 0;
    if (entries[0].revents == 0) continue;
    const ssize_t n = read(from, bytes, sizeof bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    if (total == 0) std::fputs("pinionctl: capturing; Ctrl-C ends it\n", stderr);
    total += static_cast<uint64_t>(n);
    if (write_all(to, bytes, static_cast<size_t>(n))) continue;
    return errno == EPIPE ? 0 : fail("writing", "What was written until here can be read.");
  }
  if (total == 0) std::fputs("pinionctl: somebody else captures there already\n", stderr);
  else
    std::fprintf(stderr, "pinionctl: %" PRIu64 " bytes captured%s\n", total,
                 asked ? "" : "; the daemon has ended");
  return total == 0 ? 1 : 0;
}

}  // namespace

int capture(const std::string& socket, const std::string& file, double seconds) {
  if (file == "-" && isatty(STDOUT_FILENO) != 0) {
    std::fputs(
        "pinionctl: a capture is not for terminals: name a file, or use a pipe: pinionctl "
        "capture | tshark -r -\n",
        stderr);
    return 1;
  }
  const int from = connect_to(socket + ".capture");
  if (from < 0) return fail(socket + ".capture", advice_for(errno));
  const int to = file == "-" ? STDOUT_FILENO
                             : open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const int status = to < 0 ? fail(file, "Name a file that can be made.")
                            : copy(from, to, catch_signals(), seconds);
  close(from);
  return to >= 0 && close(to) != 0 ? fail(file, "It may not be whole.") : status;
}

}  // namespace pinion::ctl
