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
#include <climits>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>

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

// From the daemon to the file, without ever waiting for one of them alone.
class Copy {
 public:
  Copy(int from, std::string file, double seconds)
      : from_(from), file_(std::move(file)), end_ms_(seconds == 0 ? INT64_MAX : in_ms(seconds)) {}
  ~Copy() {
    if (to_ > STDOUT_FILENO) close(to_);
  }
  Copy(const Copy&) = delete;
  Copy& operator=(const Copy&) = delete;

  int run() {
    for (const int signals = catch_signals(); !over_;) {
      const bool full = written_ < read_;
      pollfd entries[] = {
          {full ? -1 : from_, POLLIN, 0}, {full ? to_ : -1, POLLOUT, 0}, {signals, POLLIN, 0}};
      const int64_t left = std::clamp<int64_t>(end_ms_ - in_ms(0), 0, kLookMs);
      poll(entries, 3, static_cast<int>(left));
      if (entries[2].revents != 0 || in_ms(0) >= end_ms_) end(signals);
      if (entries[0].revents != 0) take();
      if (entries[1].revents != 0) give();
    }
    return said();
  }

 private:
  static constexpr int64_t kLookMs = 60'000;
  static constexpr double kGrace_s = 2;  // for the daemon's last blocks

  static int64_t in_ms(double seconds) {
    timespec t{};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000 + std::llround(seconds * 1000);
  }
  // Asks the daemon for the end of the stream. Once more, or when it does not come: at once.
  void end(int signals) {
    signalfd_siginfo which;
    pollfd entry{signals, POLLIN, 0};
    if (poll(&entry, 1, 0) == 1) (void)!read(signals, &which, sizeof which);
    over_ = asked_ || shutdown(from_, SHUT_WR) != 0;
    asked_ = true;
    end_ms_ = in_ms(kGrace_s);
  }
  void take() {
    const ssize_t n = read(from_, bytes_, sizeof bytes_);
    if (n < 0 && errno == EINTR) return;
    if (n <= 0) {
      over_ = ended_ = true;
      return;
    }
    if (total_ == 0 && !open_file()) return;
    written_ = 0, read_ = static_cast<size_t>(n);
    total_ += read_;
  }
  // Not before there is something to write: what the file held is lost then.
  bool open_file() {
    if (file_ != "-") to_ = open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (to_ < 0) fails_ = fail(file_, "Name a file that can be made.");
    else std::fputs("pinionctl: capturing; Ctrl-C ends it\n", stderr);
    over_ = to_ < 0;
    return !over_;
  }
  void give() {  // as much as a pipe that has room takes without waiting
    const ssize_t n = write(to_, bytes_ + written_, std::min<size_t>(read_ - written_, PIPE_BUF));
    if (n >= 0) written_ += static_cast<size_t>(n);
    if (n >= 0 || errno == EINTR || errno == EAGAIN) return;
    over_ = asked_ = ended_ = true;  // whoever reads has enough
    if (errno != EPIPE) fails_ = fail(file_, "What was written until here can be read.");
  }
  int said() const {
    if (fails_ != 0) return fails_;
    if (total_ == 0) {
      std::fputs("pinionctl: piniond has turned us away: somebody else captures, or it ends\n",
                 stderr);
      return 1;
    }
    const char* how = !asked_  ? "; the daemon has ended"
                      : ended_ ? ""
                               : ", but not to the end: its last block may be cut";
    std::fprintf(stderr, "pinionctl: %" PRIu64 " bytes captured%s\n", total_, how);
    return asked_ && ended_ ? 0 : 2;
  }

  const int from_;
  int to_ = STDOUT_FILENO;
  const std::string file_;
  int64_t end_ms_;
  char bytes_[1 << 16];
  size_t written_ = 0, read_ = 0;
  uint64_t total_ = 0;
  bool asked_ = false, ended_ = false, over_ = false;
  int fails_ = 0;
};

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
  const int status = Copy(from, file, seconds).run();
  close(from);
  return status;
}

}  // namespace pinion::ctl
