// See kernel_network.h.
#include "gateway/net/kernel_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <utility>

namespace pinion::gateway {

namespace {

constexpr int kEventsMax = 64;
constexpr size_t kDrainBytes = 64 << 10;  // of a closing stream in a turn
constexpr uint64_t kSecond = 1'000'000'000;

uint64_t ns_of(const timespec& t) {
  return static_cast<uint64_t>(t.tv_sec) * kSecond + static_cast<uint64_t>(t.tv_nsec);
}
uint64_t clock_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return ns_of(t);
}

Endpoint endpoint_of(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return {text, ntohs(address.sin_port)};
}

// Of SO_TIMESTAMPNS; 0: it is not there.
uint64_t time_of(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS) continue;
    timespec t{};
    std::memcpy(&t, CMSG_DATA(c), sizeof t);
    return ns_of(t);
  }
  return 0;
}
constexpr int kGroupReceiveBytes = 4 << 20;  // a feed's burst while the thread is elsewhere

bool address_of(const Endpoint& endpoint, sockaddr_in& out) {
  out = {};
  out.sin_family = AF_INET;
  out.sin_port = htons(endpoint.port);
  return endpoint.ip.empty() || inet_pton(AF_INET, endpoint.ip.c_str(), &out.sin_addr) == 1;
}

bool is_group(const sockaddr_in& address) { return IN_MULTICAST(ntohl(address.sin_addr.s_addr)); }

bool would_block(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

NetworkConfig with_room_for_datagrams(NetworkConfig c) {
  c.receive_bytes = std::max(c.receive_bytes, c.datagram_bytes);
  return c;
}

}  // namespace

KernelNetwork::KernelNetwork(const NetworkConfig& config)
    : config_(with_room_for_datagrams(config)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      slots_(config.streams_max),
      memory_(size_t{config.streams_max} * (config_.receive_bytes + config.send_bytes)) {}

KernelNetwork::~KernelNetwork() {
  for (Slot& slot : slots_)
    if (slot.used) ::close(slot.fd);
  if (epoll_ >= 0) ::close(epoll_);
}

int KernelNetwork::fail(const char* what) {
  const int error = errno;
  error_ = std::string(what) + ": " + strerror(error);
  return status_ = -error;
}

char* KernelNetwork::receive_memory(const Slot& slot) {
  return memory_.data() + size_t{slots_.index(slot)} * (config_.receive_bytes + config_.send_bytes);
}
char* KernelNetwork::send_memory(const Slot& slot) {
  return receive_memory(slot) + config_.receive_bytes;
}

void KernelNetwork::init(Slot& slot, int fd, Kind kind) {
  slot.fd = fd;
  slot.kind = kind;
  slot.received.reset(receive_memory(slot), config_.receive_bytes);
  slot.send_begin = slot.send_end = 0;
  slot.shut = slot.peer_ended = slot.accepted = slot.has_sent = false;
  slot.handler = nullptr;
  slot.datagrams = nullptr;
}

void KernelNetwork::free(Slot& slot) {
  if (slot.kind == Kind::closing) --closing_;
  ::close(slot.fd);  // epoll forgets it
  slot.fd = -1;
  slot.used = false;
}

// The kernel forgets the connection with what it still has to send, and the peer hears of it.
void KernelNetwork::reset(Slot& slot) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(slot.fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  free(slot);
}

// After the peer's FIN it still gets what was sent to it.
void KernelNetwork::lost(Slot& slot, int status) {
  const SocketId id = slots_.id(slot);
  StreamHandler* handler = slot.handler;
  slot.peer_ended = true;
  if (status == 0) flush_out(slot);
  else free(slot);
  if (handler != nullptr) handler->on_closed(id, status);
}

KernelNetwork::Slot* KernelNetwork::open(int type, Kind kind) {
  const int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail("socket"), nullptr;
  Slot* slot = slots_.take();
  if (slot == nullptr) {
    ::close(fd);
    errno = ENOBUFS;
    return fail("all sockets are in use"), nullptr;
  }
  init(*slot, fd, kind);
  return slot;
}

int KernelNetwork::watch(Slot& slot) {
  epoll_event event{};
  if (!slot.peer_ended) event.events |= EPOLLIN;
  if (slot.kind == Kind::connecting || slot.send_begin != slot.send_end) event.events |= EPOLLOUT;
  event.data.u64 = uint64_t{slot.generation} << 32 | slots_.index(slot);
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, slot.fd, &event) == 0) return 0;
  return epoll_ctl(epoll_, EPOLL_CTL_ADD, slot.fd, &event) == 0 ? 0 : fail("epoll_ctl");
}

int KernelNetwork::listen(const Endpoint& at, StreamHandler& handler) {
  sockaddr_in address;
  if (!address_of(at, address)) return errno = EINVAL, fail("address");
  Slot* slot = open(SOCK_STREAM, Kind::listener);
  if (slot == nullptr) return status_;
  const int yes = 1;
  setsockopt(slot->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  slot->handler = &handler;
  int status = 0;
  if (bind(slot->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    status = fail("bind");
  else if (::listen(slot->fd, kBacklog) != 0) status = fail("listen");
  else status = watch(*slot);
  if (status != 0) free(*slot);
  return status;
}

int KernelNetwork::connect(const Endpoint& to, StreamHandler& handler, SocketId& out) {
  sockaddr_in address;
  if (!address_of(to, address)) return errno = EINVAL, fail("address");
  Slot* slot = open(SOCK_STREAM, Kind::connecting);
  if (slot == nullptr) return status_;
  slot->handler = &handler;
  int status = 0;
  if (::connect(slot->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 &&
      errno != EINPROGRESS)
    status = fail("connect");
  else status = watch(*slot);
  if (status != 0) free(*slot);
  out = slots_.id(*slot);
  return status;
}

size_t KernelNetwork::room(SocketId stream) const {
  const Slot* slot = slots_.find(stream);
  if (slot == nullptr || slot->kind != Kind::stream) return 0;
  return config_.send_bytes - (slot->send_end - slot->send_begin);
}

bool KernelNetwork::send(SocketId stream, std::string_view bytes) {
  if (room(stream) < bytes.size()) return false;
  Slot& slot = *slots_.find(stream);
  slot.has_sent = true;
  char* memory = send_memory(slot);
  if (slot.send_begin == slot.send_end) {  // usually the kernel takes all of it at once
    const ssize_t n = ::send(slot.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    slot.send_begin = slot.send_end = 0;
    if (bytes.empty()) return true;
  }
  if (config_.send_bytes - slot.send_end < bytes.size()) {
    std::memmove(memory, memory + slot.send_begin, slot.send_end - slot.send_begin);
    slot.send_end -= slot.send_begin, slot.send_begin = 0;
  }
  std::memcpy(memory + slot.send_end, bytes.data(), bytes.size());
  slot.send_end += static_cast<uint32_t>(bytes.size());
  watch(slot);  // an error of the connection is found there
  return true;
}

bool KernelNetwork::flush(Slot& slot) {
  while (slot.send_begin != slot.send_end) {
    const ssize_t n = ::send(slot.fd, send_memory(slot) + slot.send_begin,
                             slot.send_end - slot.send_begin, MSG_NOSIGNAL);
    if (n < 0) return would_block(errno) || errno == EINTR;
    slot.send_begin += static_cast<uint32_t>(n);
  }
  watch(slot);
  return true;
}

void KernelNetwork::close(SocketId stream) {
  Slot* slot = slots_.find(stream);
  if (slot == nullptr || slot->kind == Kind::closing) return;
  if (slot->kind == Kind::stream) flush_out(*slot);
  else free(*slot);
}

void KernelNetwork::flush_out(Slot& slot) {
  slot.kind = Kind::closing;
  slot.close_by = clock_ns(CLOCK_MONOTONIC) + config_.close_ms * uint64_t{1'000'000};
  ++closing_;
  watch(slot);
  const bool accepted = slot.accepted;
  drain(slot);
  if (!accepted) return;
  Slot* early = slots_.to_give_way(Kind::closing, config_.accepted_max);
  if (early != nullptr) reset(*early);
}

// The end of the stream goes behind what was sent, and the socket stays until the peer has said its
// own: what the peer sends to a closed socket, or has sent to one that is closed with it unread, is
// answered by a reset, and the reset overtakes what is still on its way to the peer.
void KernelNetwork::drain(Slot& slot) {
  if (slot.send_begin == slot.send_end && !slot.shut) {
    slot.shut = true;
    ::shutdown(slot.fd, SHUT_WR);
  }
  if (!slot.peer_ended) {
    const ssize_t n = recv(slot.fd, nullptr, kDrainBytes, MSG_TRUNC);  // thrown away, not copied
    if (n > 0 || (n < 0 && (would_block(errno) || errno == EINTR))) return;
    if (n < 0) return free(slot);
    slot.peer_ended = true;
  }
  if (slot.shut) free(slot);
  else watch(slot);
}

void KernelNetwork::abort(SocketId stream) {
  Slot* slot = slots_.find(stream);
  if (slot != nullptr && slot->kind != Kind::closing) reset(*slot);
}

// A peer that does not read must not keep a slot.
void KernelNetwork::end_late_closings() {
  if (closing_ == 0) return;
  const uint64_t now = clock_ns(CLOCK_MONOTONIC);
  for (Slot& slot : slots_)
    if (slot.used && slot.kind == Kind::closing && now >= slot.close_by) reset(slot);
}

Endpoint KernelNetwork::address_of_socket(SocketId socket, AddressCall call) const {
  const Slot* slot = slots_.find(socket);
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (slot == nullptr || slot->kind == Kind::closing) return {};
  if (call(slot->fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return endpoint_of(address);
}
Endpoint KernelNetwork::peer_address(SocketId stream) const {
  return address_of_socket(stream,
                           [](int fd, sockaddr* a, socklen_t* n) { return getpeername(fd, a, n); });
}
uint64_t KernelNetwork::now_ns() const { return clock_ns(CLOCK_REALTIME); }

int KernelNetwork::open_datagram(const Endpoint& at, DatagramHandler& handler, SocketId& out) {
  sockaddr_in address;
  if (!address_of(at, address)) return errno = EINVAL, fail("address");
  Slot* slot = open(SOCK_DGRAM, Kind::datagram);
  if (slot == nullptr) return status_;
  slot->datagrams = &handler;
  const int yes = 1;
  setsockopt(slot->fd, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
  if (is_group(address)) setsockopt(slot->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  int status = 0;
  if (bind(slot->fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    status = fail("bind");
  else status = watch(*slot);
  if (status != 0) free(*slot);
  out = slots_.id(*slot);
  return status;
}

bool KernelNetwork::send_to(SocketId socket, const Endpoint& to, std::string_view bytes) {
  Slot* slot = slots_.find(socket);
  sockaddr_in address;
  if (slot == nullptr || slot->kind != Kind::datagram || !address_of(to, address)) return false;
  return sendto(slot->fd, bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&address),
                sizeof address) == static_cast<ssize_t>(bytes.size());
}

// A socket gets what it has joined and not, as Linux has it, what any socket here has joined.
int KernelNetwork::join_group(SocketId socket, const Group& group) {
  Slot* slot = slots_.find(socket);
  sockaddr_in to, source, at;
  if (slot == nullptr || slot->kind != Kind::datagram || !address_of({group.ip}, to) ||
      !is_group(to) || !address_of({group.source}, source) || !address_of({group.address}, at))
    return errno = EINVAL, fail("join_group");
  const int no = 0;
  setsockopt(slot->fd, IPPROTO_IP, IP_MULTICAST_ALL, &no, sizeof no);
  setsockopt(slot->fd, SOL_SOCKET, SO_RCVBUF, &kGroupReceiveBytes, sizeof kGroupReceiveBytes);
  int status;
  if (group.source.empty()) {
    const ip_mreq request{to.sin_addr, at.sin_addr};
    status = setsockopt(slot->fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
  } else {
    const ip_mreq_source request{to.sin_addr, at.sin_addr, source.sin_addr};
    status = setsockopt(slot->fd, IPPROTO_IP, IP_ADD_SOURCE_MEMBERSHIP, &request, sizeof request);
  }
  return status == 0 ? 0 : fail("join_group");
}

Endpoint KernelNetwork::local_address(SocketId socket) const {
  return address_of_socket(socket,
                           [](int fd, sockaddr* a, socklen_t* n) { return getsockname(fd, a, n); });
}

int KernelNetwork::poll() {
  end_late_closings();
  epoll_event events[kEventsMax];
  const int n = epoll_wait(epoll_, events, kEventsMax, 0);
  if (n < 0) return errno == EINTR ? 0 : fail("epoll_wait");
  for (int i = 0; i < n; ++i) {
    const uint64_t data = events[i].data.u64;
    Slot* slot = slots_.find({static_cast<uint32_t>(data), static_cast<uint32_t>(data >> 32)});
    if (slot != nullptr) turn(*slot, events[i].events);
  }
  return n;
}

void KernelNetwork::turn(Slot& slot, uint32_t events) {
  switch (slot.kind) {
    case Kind::listener: return accept_all(slot);
    case Kind::connecting: return finish_connect(slot);
    case Kind::datagram: return receive_datagrams(slot);
    case Kind::closing:
      if (!flush(slot)) return free(slot);
      return drain(slot);
    case Kind::stream:
      if ((events & EPOLLOUT) != 0 && !flush(slot)) return lost(slot, -ECONNRESET);
      if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(slot);
  }
}

void KernelNetwork::accept_all(Slot& listener) {
  StreamHandler* owner = listener.handler;
  while (true) {
    const int fd = accept4(listener.fd, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    const int yes = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    const auto accepted = std::ranges::count_if(
        slots_, [](const Slot& other) { return other.used && other.accepted; });
    Slot* slot = accepted < config_.accepted_max ? slots_.take() : nullptr;
    if (slot == nullptr) {
      ::close(fd);
      continue;
    }
    init(*slot, fd, Kind::stream);
    slot->accepted = true;
    const SocketId id = slots_.id(*slot);
    StreamHandler* handler = owner->on_accepted(id);
    if (slots_.find(id) == nullptr || slot->kind != Kind::stream) continue;  // it was closed there
    slot->handler = handler;
    if (handler == nullptr || watch(*slot) != 0) lost(*slot, -ECONNABORTED);
  }
}

void KernelNetwork::finish_connect(Slot& slot) {
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(slot.fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0) return lost(slot, -error);
  const int yes = 1;
  setsockopt(slot.fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  slot.kind = Kind::stream;
  watch(slot);
  slot.handler->on_connected(slots_.id(slot));
}

void KernelNetwork::receive(Slot& slot) {
  const SocketId id = slots_.id(slot);
  if (slot.received.room() == 0) return lost(slot, -EMSGSIZE);  // its handler takes nothing
  const ssize_t n = recv(slot.fd, slot.received.at_back(), slot.received.room(), 0);
  if (n < 0 && (would_block(errno) || errno == EINTR)) return;
  if (n <= 0) return lost(slot, n == 0 ? 0 : -errno);
  slot.received.added(static_cast<uint32_t>(n));
  const size_t used = slot.handler->on_received(id, slot.received.unread());
  if (slots_.find(id) != nullptr) slot.received.consumed(used);
}

void KernelNetwork::receive_datagrams(Slot& slot) {
  const SocketId id = slots_.id(slot);
  for (uint32_t i = 0; i < config_.datagrams_max && slots_.find(id) != nullptr; ++i) {
    char* memory = receive_memory(slot);
    iovec piece{memory, config_.datagram_bytes};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(timespec))];
    msghdr message{};
    message.msg_iov = &piece, message.msg_iovlen = 1;
    message.msg_control = control, message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(slot.fd, &message, 0);
    if (n < 0) return;
    if ((message.msg_flags & MSG_TRUNC) == 0)
      slot.datagrams->on_datagram(id, {memory, static_cast<size_t>(n)}, time_of(message));
  }
}

}  // namespace pinion::gateway
