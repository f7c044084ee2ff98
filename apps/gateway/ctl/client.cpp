// See client.h.
#include "gateway/ctl/client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace pinion::gatewayctl {

namespace {

constexpr timeval kPatience{10, 0};  // the gateway itself answers "too late" long before

const char* advice(int error) {
  switch (error) {
    case EACCES: return "only root and the gateway's own user may: try as one of them";
    case ECONNREFUSED: return "the gateway that made this socket has ended: look at its log";
    case ENOENT:
      return "no gateway runs there: start it, or name the state_dir of its configuration with "
             "--state-dir";
    default: return "is this the control socket of a gateway?";
  }
}

}  // namespace

Client::~Client() {
  if (fd_ >= 0) close(fd_);
}

Status Client::connect(std::string& why) {
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  if (path_.empty() || path_.size() >= sizeof at.sun_path) {
    why = "'" + path_ + "' is no socket's path: they have 1 to " +
          std::to_string(sizeof at.sun_path - 1) + " bytes";
    return kUnusable;
  }
  std::memcpy(at.sun_path, path_.c_str(), path_.size() + 1);
  fd_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0 || setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &kPatience, sizeof kPatience) != 0 ||
      setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &kPatience, sizeof kPatience) != 0 ||
      ::connect(fd_, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    why = path_ + ": " + std::strerror(errno) + ": " + advice(errno);
    return kUnusable;
  }
  return kGood;
}

Status Client::ask(std::string_view command, std::vector<std::string>& lines, std::string& why) {
  std::string line(command);
  line += '\n';
  // A gateway that turned us away has said why: its answer is read whatever became of the command.
  (void)send(fd_, line.data(), line.size(), MSG_NOSIGNAL);
  constexpr std::string_view kError = "error ";
  for (;;) {
    if (const Status status = next_line(line, why); status != kGood) return status;
    if (line == "ok") return kGood;
    if (line.starts_with(kError)) {
      why = line.substr(kError.size());
      return kRefused;
    }
    lines.push_back(line);
  }
}

Status Client::next_line(std::string& line, std::string& why) {
  size_t searched = 0;
  for (;;) {
    if (const size_t end = unread_.find('\n', searched); end != std::string::npos) {
      line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return kGood;
    }
    searched = unread_.size();
    std::array<char, 4096> piece;
    const ssize_t n = recv(fd_, piece.data(), piece.size(), 0);
    if (n > 0) {
      unread_.append(piece.data(), static_cast<size_t>(n));
      continue;
    }
    const bool silent = n < 0 && errno == EAGAIN;
    why = path_ + (silent ? ": the gateway has said nothing for 10 s: it is stopped or stuck"
                          : ": the gateway has ended before it had answered: look at its log");
    return kUnusable;
  }
}

}  // namespace pinion::gatewayctl
