// Who may come in: the listening socket, the peer's credentials against the policies, and the
// limits on those who knock. Refusals are answered, so that an application can tell its user why.
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "host/attach_server.h"
#include "host/clock.h"

namespace pinion {

namespace {

constexpr int kBacklog = 64;
constexpr int kAcceptsPerTurn = 16;
constexpr size_t kGroupsMax = 1024;
constexpr Nanos kListenerPause = 10 * kMilli;
constexpr Nanos kRefusalPause = 4;  // of the listener, as a multiple of what a refusal took
constexpr Nanos kDebtPause = 64;    // of a user, as a multiple of what it owes
#ifdef SO_PEERPIDFD
constexpr int kPeerPidfd = SO_PEERPIDFD;
#else
constexpr int kPeerPidfd = 77;  // of Linux 6.5, on all machines that Pinion runs on
#endif

// Held from the look for another daemon until this one listens: one that has bound its socket and
// does not listen yet answers nobody, and would be taken for dead. Gone with its file afterwards,
// since a daemon that runs may remove nothing; a killed one's file keeps nobody out.
class StartLock {
 public:
  explicit StartLock(const std::string& socket) : path_(socket + ".lock") {}
  ~StartLock() {
    if (fd_ < 0) return;
    unlink(path_.c_str());
    close(fd_);
  }
  StartLock(const StartLock&) = delete;
  StartLock& operator=(const StartLock&) = delete;

  int take(const char*& why) {
    why = "its lock file (.lock)";
    for (;;) {
      const int fd = open(path_.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
      if (fd < 0) return -errno;
      const int status = try_lock(fd, why);
      if (status == 0) {
        fd_ = fd;
        return 0;
      }
      close(fd);
      if (status != -ESTALE) return status;
    }
  }

 private:
  // -ESTALE: whoever had it has removed it.
  int try_lock(int fd, const char*& why) const {
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return -errno;
      why = "another daemon is starting there";
      return -EADDRINUSE;
    }
    struct stat held {
    }, named{};
    if (fstat(fd, &held) != 0) return -errno;
    if (lstat(path_.c_str(), &named) != 0 || held.st_ino != named.st_ino ||
        held.st_dev != named.st_dev)
      return -ESTALE;
    if (S_ISREG(held.st_mode) && held.st_size == 0) return 0;
    why = "its lock file (.lock) is somebody else's";
    return -EEXIST;
  }

  std::string path_;
  int fd_ = -1;
};

// A socket file that nobody answers is what a killed daemon left behind. Any other file is
// somebody's; connect() refuses that in the same way.
int remove_stale(const sockaddr_un& address, const char*& why) {
  struct stat file {};
  why = "socket";
  if (lstat(address.sun_path, &file) == 0 && !S_ISSOCK(file.st_mode)) {
    why = "a file that is no socket is there";
    return -EEXIST;
  }
  const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  const int result = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = result == 0 || errno == EAGAIN ? EADDRINUSE : errno;  // its queue may be full
  close(fd);
  if (error == ENOENT) return 0;
  why = error == EADDRINUSE ? "another daemon answers there" : "looking for another daemon there";
  if (error != ECONNREFUSED) return -error;
  why = "a killed daemon's socket cannot be removed";
  return unlink(address.sun_path) == 0 || errno == ENOENT ? 0 : -errno;
}

}  // namespace

int AttachServer::listen_at(std::string& why) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (config_.path.empty() || config_.path.size() >= sizeof address.sun_path) {
    why = "control_socket.path: 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes";
    return -EINVAL;
  }
  std::memcpy(address.sun_path, config_.path.data(), config_.path.size());
  const char* found = nullptr;
  StartLock lock(config_.path);
  int status = lock.take(found);
  if (status == 0) status = remove_stale(address, found);
  if (status != 0) {
    why = config_.path + ": " + found;
    if (status != -EADDRINUSE && status != -EEXIST) why.append(": ").append(strerror(-status));
    return status;
  }
  const auto fail = [&](const char* what) {
    const int error = errno;
    why = config_.path + ": " + what + ": " + std::strerror(error);
    if (listener_ >= 0) close(std::exchange(listener_, -1));
    return -error;
  };
  listener_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (listener_ < 0) return fail("socket");
  if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return fail("bind");
  // Nobody can connect before listen(), so mode and group are in force from the first moment.
  const gid_t group =
      config_.group < 0 ? static_cast<gid_t>(-1) : static_cast<gid_t>(config_.group);
  if (chown(config_.path.c_str(), static_cast<uid_t>(-1), group) != 0) return fail("chown");
  if (chmod(config_.path.c_str(), config_.mode) != 0) return fail("chmod");
  if (listen(listener_, kBacklog) != 0) return fail("listen");
  return 0;
}

void AttachServer::accept_some() {
  for (int i = 0; i < kAcceptsPerTurn && listen_again_ == kNever; ++i) {
    const int fd = accept_one();
    if (fd >= 0) {
      admit(fd);
    } else if (errno == EAGAIN) {
      return;
    } else if (errno == EMFILE || errno == ENFILE ? !refuse_one() : errno != ECONNABORTED) {
      return pause_listener(kListenerPause);
    }
  }
}

int AttachServer::accept_one() {
  return accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

// No descriptor is left for whoever knocks: the spare one lets us say so.
bool AttachServer::refuse_one() {
  if (spare_ < 0) return false;
  close(std::exchange(spare_, -1));
  const int fd = accept_one();
  if (fd >= 0) refuse(fd, {}, -EAGAIN, "the daemon has no descriptors left");
  spare_ = open_spare();
  return fd >= 0;
}

// Whoever knocks now waits, and readiness that cannot be served does not become a spin.
void AttachServer::pause_listener(Nanos time) {
  watch(listener_, Source::listener, 0, 0, 0);
  listen_again_ = monotonic_now() + time;
}

int AttachServer::open_spare() { return eventfd(0, EFD_CLOEXEC); }

// The process that connected. Its number alone may mean another one by now; Linux 6.5 and later
// give the descriptor that belongs to the connection itself.
int AttachServer::open_pidfd(int fd, int pid) {
  int pidfd = -1;
  socklen_t length = sizeof pidfd;
  if (getsockopt(fd, SOL_SOCKET, kPeerPidfd, &pidfd, &length) == 0) return pidfd;
  if (errno != ENOPROTOOPT) return -1;
  return static_cast<int>(syscall(SYS_pidfd_open, pid, 0));  // close-on-exec, as the other one
}

void AttachServer::admit(int fd) {
  Peer peer;
  if (!read_peer(fd, peer)) return refuse(fd, {}, -EPERM, "the peer's credentials cannot be read");
  const int policy = find_policy(peer);
  if (policy < 0)
    return refuse(fd, peer.uid, -EPERM,
                  "the daemon's configuration (sessions) does not admit this user");
  const uint32_t rate = config_.policies[static_cast<size_t>(policy)].attaches_per_s_max;
  if (const char* why = too_many(peer.uid, rate)) return refuse(fd, peer.uid, -EAGAIN, why);
  const auto place = std::find_if(connections_.begin(), connections_.end(),
                                  [](const Connection& c) { return c.fd < 0; });
  if (place == connections_.end()) return refuse(fd, peer.uid, -EAGAIN, "too many connections");
  const int pidfd = open_pidfd(fd, peer.pid);
  if (pidfd < 0 && (errno == EMFILE || errno == ENFILE))
    return refuse(fd, peer.uid, -EAGAIN, "the daemon has no descriptors left");
  if (pidfd < 0) return refuse(fd, peer.uid, -ESRCH, "the connecting process is gone");
  Connection& c = *place;
  c.fd = fd;
  c.pidfd = pidfd;
  c.uid = peer.uid;
  c.policy = static_cast<uint32_t>(policy);
  c.session = nullptr;
  c.waiting = c.paused = false;
  c.deadline = monotonic_now() + config_.handshake_timeout;
  const auto index = static_cast<uint32_t>(&c - connections_.data());
  if (watch(fd, Source::connection, index, c.generation, EPOLLIN | EPOLLRDHUP) != 0 ||
      watch(pidfd, Source::process, index, c.generation, EPOLLIN) != 0)
    drop(c);
}

bool AttachServer::read_peer(int fd, Peer& out) const {
  ucred credentials{};
  socklen_t length = sizeof credentials;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) return false;
  out.pid = credentials.pid;
  out.uid = credentials.uid;
  out.groups.assign(kGroupsMax, 0);
  length = static_cast<socklen_t>(kGroupsMax * sizeof(uint32_t));
  if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out.groups.data(), &length) != 0) length = 0;
  out.groups.resize(length / sizeof(uint32_t));
  out.groups.push_back(credentials.gid);
  return true;
}

int AttachServer::find_policy(const Peer& peer) const {
  for (size_t i = 0; i < config_.policies.size(); ++i) {
    const SessionPolicy& p = config_.policies[i];
    const bool fits =
        p.who == SessionPolicy::Who::user
            ? p.id == peer.uid
            : std::find(peer.groups.begin(), peer.groups.end(), p.id) != peer.groups.end();
    if (fits) return static_cast<int>(i);
  }
  return -1;
}

// Null: come in. One user's half-open connections must not keep another's out, so both the number
// and the rate are counted by user.
const char* AttachServer::too_many(uint32_t uid, uint32_t attaches_per_s_max) {
  uint32_t half_open = 0, of_user = 0;
  for (const Connection& c : connections_) {
    if (c.fd < 0 || c.deadline == kNever) continue;
    ++half_open, of_user += c.uid == uid;
  }
  if (half_open >= config_.half_open_max || of_user >= config_.half_open_per_user_max)
    return "too many attaches are half done: try again";
  if (in_debt(uid, monotonic_now())) return "this user's sockets take too long: try again";
  if (attaches_per_s_max == 0) return nullptr;
  UserRate& rate = rate_of(uid, monotonic_now());
  if (rate.limit == 0) rate.tokens = attaches_per_s_max;
  rate.limit = attaches_per_s_max;
  if (rate.tokens < 1) return "too many attaches a second: try again";
  rate.tokens -= 1;
  return nullptr;
}

// A user's account, brought up to date. One that is not remembered takes the place of the one that
// was not asked for longest.
AttachServer::UserRate& AttachServer::rate_of(uint32_t uid, Nanos now) {
  UserRate* rate = &rates_[0];
  for (UserRate& r : rates_) {
    if (r.last != 0 && r.uid == uid) {
      rate = &r;
      break;
    }
    if (r.last < rate->last) rate = &r;
  }
  if (rate->last == 0 || rate->uid != uid) *rate = {.uid = uid, .last = now};
  const double limit = rate->limit;
  const double earned = static_cast<double>(now - rate->last) / kSecond * limit;
  rate->tokens = std::min(limit, rate->tokens + earned);
  rate->debt = std::max<Nanos>(rate->debt - (now - rate->last) / kDebtPause, 0);
  rate->last = now;
  return *rate;
}

// What that takes is the knocker's to decide as well, and costs nobody but this thread anything. So
// those who wait for it are served between two refusals, and whoever knocks next waits.
void AttachServer::refuse(int fd, std::optional<uint32_t> uid, int status, const char* why) {
  status_.refused.fetch_add(1);  // before whoever is refused can know it
  rio_control reply{};
  reply.magic = RIO_CONTROL_MAGIC;
  reply.opcode = RIO_CTL_ATTACH;
  refuse_control(reply, status, why);
  int none[2] = {-1, -1};
  const Nanos before = thread_cpu_now();
  send_reply(fd, reply, none);
  close(fd);
  const Nanos cost = thread_cpu_now() - before;
  if (!is_slow(cost)) return;
  if (uid) charge(*uid, cost);
  pause_listener(kRefusalPause * cost);
}

}  // namespace pinion
