// See sockets.h.
#include "packetdrill/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace pinion::packetdrill {

namespace {

constexpr uint32_t kReceiveBytes = 128 * 1024;  // of a socket's memory; sends have the rest
constexpr uint32_t kMemoryBytes = 4 << 20;
constexpr uint32_t kSends = 512;
constexpr uint64_t kReceiveContext = 0, kSendContext = 1;

rio_address to_rio(const sockaddr* address) {
  rio_address out{};
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, address, sizeof in);
    out.family = RIO_FAMILY_IPV6;
    out.port = ntohs(in.sin6_port);
    std::memcpy(out.bytes, &in.sin6_addr, sizeof out.bytes);
    return out;
  }
  sockaddr_in in{};
  std::memcpy(&in, address, sizeof in);
  out.family = RIO_FAMILY_IPV4;
  out.port = ntohs(in.sin_port);
  std::memcpy(out.bytes, &in.sin_addr, 4);
  return out;
}

void from_rio(const rio_address& address, sockaddr* out, socklen_t* length) {
  if (out == nullptr || length == nullptr) return;
  if (address.family == RIO_FAMILY_IPV6) {
    sockaddr_in6 in{};
    in.sin6_family = AF_INET6;
    in.sin6_port = htons(address.port);
    std::memcpy(&in.sin6_addr, address.bytes, sizeof address.bytes);
    std::memcpy(out, &in, std::min<size_t>(*length, sizeof in));
    *length = sizeof in;
    return;
  }
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(address.port);
  std::memcpy(&in.sin_addr, address.bytes, 4);
  std::memcpy(out, &in, std::min<size_t>(*length, sizeof in));
  *length = sizeof in;
}

bool is_address(const sockaddr* address, socklen_t length) {
  if (address == nullptr) return false;
  if (address->sa_family == AF_INET6) return length >= sizeof(sockaddr_in6);
  return address->sa_family == AF_INET && length >= sizeof(sockaddr_in);
}

}  // namespace

Sockets::Socket* Sockets::find(int fd) {
  const auto it = sockets_.find(fd);
  return it == sockets_.end() ? nullptr : it->second.get();
}

// The descriptor is a real one: packetdrill closes what a script leaves open.
int Sockets::adopt(rio_socket_t handle) {
  const int fd = eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return -errno;
  auto s = std::make_unique<Socket>();
  s->handle = handle;
  sockets_[fd] = std::move(s);
  return fd;
}

int64_t Sockets::socket(int domain, int type, int protocol) {
  if (domain != AF_INET && domain != AF_INET6) return -EAFNOSUPPORT;
  if ((type & 0xf) != SOCK_STREAM) return -ESOCKTNOSUPPORT;
  if (protocol != 0 && protocol != IPPROTO_TCP) return -EPROTONOSUPPORT;
  rio_socket_t handle = nullptr;
  const uint32_t family = domain == AF_INET6 ? RIO_FAMILY_IPV6 : RIO_FAMILY_IPV4;
  const int status = rio_socket(world_.session(), family, RIO_TYPE_STREAM, 0, &handle);
  if (status != 0) return status;
  const int fd = adopt(handle);
  if (fd >= 0) sockets_[fd]->nonblocking = (type & SOCK_NONBLOCK) != 0;
  return fd;
}

int64_t Sockets::bind(int fd, const sockaddr* address, socklen_t length) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (!is_address(address, length)) return -EAFNOSUPPORT;
  const rio_address local = to_rio(address);
  return rio_bind(s->handle, &local);
}

int64_t Sockets::listen(int fd, int backlog) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  const int status = rio_listen(s->handle, static_cast<uint32_t>(std::max(backlog, 1)));
  s->listening = status == 0;
  return status;
}

int64_t Sockets::accept(int fd, sockaddr* address, socklen_t* length) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (!s->listening) return -EINVAL;
  rio_socket_t handle = nullptr;
  const int status = rio_accept(s->handle, &handle);
  if (status == -EAGAIN) return kWouldBlock;
  if (status != 0) return status;
  rio_address peer{};
  rio_peer_address(handle, &peer);
  from_rio(peer, address, length);
  const int accepted = adopt(handle);
  if (accepted < 0) return accepted;
  Socket& a = *sockets_[accepted];
  a.connected = true;
  if (const int queue = give_queue(a); queue != 0) return queue;
  return accepted;
}

int Sockets::give_queue(Socket& s) {
  void* memory = nullptr;
  int status = rio_map_memory(world_.session(), kMemoryBytes, &memory);
  if (status == 0) status = rio_register_buffer(world_.session(), memory, kMemoryBytes, &s.buffer);
  if (status == 0)
    status = rio_create_completion_queue(world_.session(), kSends + 1, 0, RIO_NOTIFY_NONE, &s.cq);
  if (status == 0) status = rio_create_request_queue(s.handle, 1, kSends, s.cq, s.cq, 0, 0, &s.rq);
  s.memory = static_cast<std::byte*>(memory);
  return status;
}

int64_t Sockets::connect(int fd, const sockaddr* address, socklen_t length) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (!is_address(address, length)) return -EAFNOSUPPORT;
  if (s->connecting) {
    const int64_t status = progress(*s);
    return status == kWouldBlock ? -EALREADY : status;
  }
  if (s->connected) return -EISCONN;
  if (s->rq == nullptr)
    if (const int status = give_queue(*s); status != 0) return status;
  const rio_address remote = to_rio(address);
  const int status = rio_connect(s->handle, &remote);
  if (status != -EINPROGRESS) return status;
  s->connecting = true;
  world_.settle();
  return kWouldBlock;
}

int64_t Sockets::connected(int fd) {
  Socket* s = find(fd);
  return s == nullptr ? -EBADF : progress(*s);
}

// RFC 9293's state tells what has become of the attempt; the error of one that failed is librio's.
int64_t Sockets::progress(Socket& s) {
  if (!s.connecting) return s.connected ? 0 : -ENOTCONN;
  constexpr int64_t kSynSent = 2, kSynReceived = 3;
  int64_t state = 0;
  rio_get_option(s.handle, RIO_SO_STATE, &state);
  if (state == kSynSent || state == kSynReceived) return kWouldBlock;
  int status = rio_connect_wait(s.handle, 0);
  const bool unreachable = status == -EHOSTUNREACH || status == -ENOPROTOOPT || status == -EACCES;
  if (profile_ == Settings::Profile::bsd && unreachable) status = -ECONNREFUSED;
  s.connecting = false;
  if (status == 0) return s.connected = true, 0;
  s.failed = true;
  int64_t ignored = 0;
  rio_get_option(s.handle, RIO_SO_ERROR, &ignored);
  return status;
}

void Sockets::fail(Socket& s, int error) {
  if (!s.failed) s.error = error;
  s.failed = true;
}

// Takes what has completed.
void Sockets::pump(Socket& s) {
  world_.settle();
  if (s.connecting) {
    const int64_t status = progress(s);
    if (status < 0 && status != kWouldBlock) s.error = static_cast<int>(-status);
  }
  if (s.rq == nullptr) return;
  rio_result results[16];
  for (int n; (n = rio_dequeue(s.cq, results, 16)) > 0;) {
    for (const rio_result& r : std::span(results).first(static_cast<size_t>(n))) {
      if (r.request_context == kReceiveContext) {
        s.receive_posted = false;
        s.inbox.append(reinterpret_cast<const char*>(s.memory), r.bytes);
        if (r.status == 0 && r.bytes == 0) s.ended = true;
      } else if (!s.sent.empty()) {
        s.sent.pop_front();
      }
      if (r.status < 0 && r.status != -ECANCELED) fail(s, -r.status);
    }
  }
  int64_t error = 0;
  if (!s.connected) return;
  if (rio_get_option(s.handle, RIO_SO_ERROR, &error) == 0 && error != 0)
    fail(s, static_cast<int>(-error));
}

// Until `length` bytes are here, or no more have arrived.
void Sockets::fill(Socket& s, size_t length) {
  pump(s);
  while (!s.receive_posted && s.inbox.size() < length && !s.ended && !s.failed) {
    const auto want = std::min<size_t>(length - s.inbox.size(), kReceiveBytes);
    const rio_slice slice{s.buffer, 0, static_cast<uint32_t>(want)};
    if (rio_receive(s.rq, &slice, 0, kReceiveContext) != 0) return;
    s.receive_posted = true;
    pump(s);
  }
}

int64_t Sockets::receive(int fd, size_t length, int flags, std::string& out) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  pump(*s);
  if (s->connecting) return kWouldBlock;
  if (s->rq == nullptr || !(s->connected || s->failed)) return -ENOTCONN;
  fill(*s, length);
  if (!s->inbox.empty()) {
    out = s->inbox.substr(0, length);
    if ((flags & MSG_PEEK) == 0) s->inbox.erase(0, out.size());
    return static_cast<int64_t>(out.size());
  }
  if (s->error != 0) return -std::exchange(s->error, 0);
  return s->ended || s->shut || s->failed || length == 0 ? 0 : kWouldBlock;
}

// Sends complete in order, so their memory is a ring; each lies in one piece.
bool Sockets::reserve(const Socket& s, uint32_t length, uint32_t& at) const {
  const uint32_t first = kReceiveBytes, last = kMemoryBytes;
  if (length > last - first) return false;
  if (s.sent.empty()) return at = first, true;
  const uint32_t begin = s.sent.front().begin, end = s.sent.back().begin + s.sent.back().length;
  const bool wrapped = s.sent.back().begin < begin;
  if (wrapped) return at = end, end + length < begin;
  if (length <= last - end) return at = end, true;
  return at = first, first + length < begin;
}

int64_t Sockets::send(int fd, Bytes data, int flags) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if ((flags & MSG_FASTOPEN) != 0) return -EOPNOTSUPP;
  pump(*s);
  if (s->connecting) return kWouldBlock;
  if (s->rq == nullptr) return -ENOTCONN;
  if (s->error != 0) return -std::exchange(s->error, 0);
  if (s->cannot_send || s->failed) return -EPIPE;
  if (!s->connected) return -ENOTCONN;
  if (data.empty()) return 0;
  uint32_t at = 0;
  const auto length = static_cast<uint32_t>(data.size());
  if (data.size() > kMemoryBytes || s->sent.size() >= kSends || !reserve(*s, length, at))
    return kWouldBlock;
  std::copy(data.begin(), data.end(), s->memory + at);
  const rio_slice slice{s->buffer, at, length};
  const uint32_t defer = (flags & MSG_MORE) != 0 ? RIO_DEFER : 0;
  if (const int status = rio_send(s->rq, &slice, defer, kSendContext); status != 0) return status;
  s->sent.push_back({at, length});
  world_.settle();
  return length;
}

int64_t Sockets::shutdown(int fd, int how) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  pump(*s);
  if (s->listening || !s->connected || s->failed) return -ENOTCONN;
  if (how == SHUT_RD || how == SHUT_RDWR) (reads_when_shut() ? s->shut : s->ended) = true;
  if (how == SHUT_RD || std::exchange(s->cannot_send, true)) return 0;
  const int status = rio_shutdown(s->handle);
  world_.settle();
  return status;
}

// What lies in the inbox was not read either (RFC 2525 2.17), though the stack gave it away.
int64_t Sockets::close(int fd) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  pump(*s);
  if (!s->inbox.empty()) rio_set_option(s->handle, RIO_SO_LINGER_0, 1);
  const int status = rio_close_socket(s->handle);
  world_.settle();
  sockets_.erase(fd);
  ::close(fd);
  return status;
}

int64_t Sockets::flags(int fd) const {
  const auto it = sockets_.find(fd);
  if (it == sockets_.end()) return -EBADF;
  return O_RDWR | (it->second->nonblocking ? O_NONBLOCK : 0);
}

int64_t Sockets::set_flags(int fd, int flags) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  s->nonblocking = (flags & O_NONBLOCK) != 0;
  return 0;
}

int64_t Sockets::unread(int fd) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (s->connected) fill(*s, kReceiveBytes);
  return static_cast<int64_t>(s->inbox.size());
}

int64_t Sockets::unsent(int fd) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  pump(*s);
  int64_t bytes = 0;
  for (const Send& send : s->sent) bytes += send.length;
  return bytes;
}

short Sockets::events(int fd) {
  Socket* s = find(fd);
  if (s == nullptr) return POLLNVAL;
  pump(*s);
  if (s->connecting) return 0;
  if (s->connected) fill(*s, 1);
  int events = 0;
  if (!s->inbox.empty() || s->ended || s->shut || s->failed) events |= POLLIN;
  if (s->connected && s->sent.size() < kSends) events |= POLLOUT;
  if (s->failed) events |= POLLERR | POLLHUP | POLLOUT;
  return static_cast<short>(events);
}

bool Sockets::may_wait(int fd, int call_flags) const {
  const auto it = sockets_.find(fd);
  return it != sockets_.end() && !it->second->nonblocking && (call_flags & MSG_DONTWAIT) == 0;
}

}  // namespace pinion::packetdrill
