// Applications for isolation tests: one as the samples write it, and the control socket without
// librio, for what librio would not do.
#pragma once
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <rio/rio.hpp>
#include <string>
#include <vector>

namespace pinion::testing {

// Steps that fail end the process with their own number.
struct Application {
  static constexpr uint32_t kDatagram = 1472, kSlot = 2048, kMemory = 1u << 20;
  static constexpr std::byte kUntouched{0xc3};

  rio::Session session;
  rio::CompletionQueue cq;
  rio::Socket socket;
  std::byte* memory = nullptr;
  rio_buffer_id buffer = RIO_INVALID_BUFFER;

  int attach(const std::string& path, uint32_t notify = 0, uint32_t depth = 32) {
    if (session.open(path.c_str()) != 0) return 11;
    return make_queues(notify, depth);
  }
  int make_queues(uint32_t notify = 0, uint32_t depth = 32) {
    if (cq.create(session, 2 * depth, 0, notify) != 0) return 12;
    if (socket.create(session) != 0) return 13;
    return socket.create_queue(depth, depth, cq, cq) == 0 ? 0 : 14;
  }
  // Memory, and the reflector as the socket's peer.
  int connect() {
    void* at = nullptr;
    if (session.map_memory(kMemory, &at) != 0) return 15;
    memory = static_cast<std::byte*>(at);
    if (session.register_buffer(memory, kMemory, &buffer) != 0) return 16;
    rio_address peer;
    if (rio_parse_address("10.0.0.2", 7, &peer) != 0) return 17;
    return socket.connect(peer) == 0 ? 0 : 18;
  }
  // Attached, connected, and once round, so that the core polls its queue.
  int begin(const std::string& path) {
    int status = attach(path);
    if (status == 0) status = connect();
    return status == 0 ? echo(1) : status;
  }
  rio_slice slice(uint32_t offset, uint32_t length) const { return {buffer, offset, length}; }

  int nops(uint64_t n) {
    uint64_t posted = 0, done = 0;
    rio_result results[16];
    while (done < n) {
      while (posted < n && rio_nop(socket.queue(), 0, posted) == 0) ++posted;
      const int got = cq.dequeue(results, 16);
      if (got < 0) return 21;
      if (got == 0) sched_yield();  // this machine may have fewer CPUs than busy threads
      for (int i = 0; i < got; ++i)
        if (results[i].status != 0 || results[i].request_context != done++) return 22;
    }
    return 0;
  }

  // One datagram to the reflector and back, every byte of it looked at, and every byte behind it.
  int echo(uint64_t round) {
    const auto length = static_cast<uint32_t>(1 + round * 131 % kDatagram);
    const std::byte* const came = memory + kSlot;
    for (uint32_t i = 0; i < length; ++i) memory[i] = pattern(round, i);
    std::memset(memory + kSlot, static_cast<int>(kUntouched), kSlot);
    const rio_slice in = slice(kSlot, kSlot), out = slice(0, length);
    if (socket.receive(&in, 0, 1) != 0 || socket.send(&out, 0, 2) != 0) return 23;
    for (int left = 2; left > 0;) {
      rio_result r;
      const int got = cq.dequeue(&r, 1);
      if (got < 0) return 24;
      if (got == 0) sched_yield();
      else if (r.status != 0 || r.bytes != length) return 25;
      left -= got;
    }
    for (uint32_t i = 0; i < kSlot; ++i)
      if (came[i] != (i < length ? pattern(round, i) : kUntouched)) return 26;
    return 0;
  }
  static std::byte pattern(uint64_t round, uint32_t i) {
    return static_cast<std::byte>(round * 31 + i * 7 + (i >> 8));
  }
};

// A connection of an application that meets itself at the reflector; see reflector.h.
struct SelfStream {
  static constexpr uint32_t kPiece = 4000, kOut = 8192, kIn = 16384;

  Application& app;
  rio::CompletionQueue cq;
  rio::Socket socket;

  int connect() {
    rio_address peer;
    if (cq.create(app.session, 32) != 0) return 41;
    if (socket.create(app.session, RIO_TYPE_STREAM) != 0) return 42;
    if (rio_parse_address("10.0.0.2", 7, &peer) != 0) return 43;
    const int status = socket.connect(peer);
    if (status != 0 && status != -EINPROGRESS) return 44;
    if (socket.connect_wait(10'000) != 0) return 45;
    return socket.create_queue(8, 8, cq, cq) == 0 ? 0 : 46;
  }
  // Some bytes and back, each of them looked at.
  int echo(uint64_t round) {
    const auto length = static_cast<uint32_t>(1 + round * 197 % kPiece);
    std::byte* const out = app.memory + kOut;
    const std::byte* const in = app.memory + kIn;
    for (uint32_t i = 0; i < length; ++i) out[i] = Application::pattern(round, i);
    std::memset(app.memory + kIn, static_cast<int>(Application::kUntouched), kPiece + 1);
    const rio_slice to = app.slice(kIn, length), from = app.slice(kOut, length);
    if (socket.receive(&to, RIO_WAITALL, 1) != 0 || socket.send(&from, 0, 2) != 0) return 47;
    for (int left = 2; left > 0;) {
      rio_result r;
      const int got = cq.dequeue(&r, 1);
      if (got < 0) return 48;
      if (got == 0) sched_yield();
      else if (r.status != 0 || r.bytes != length) return 49;
      left -= got;
    }
    for (uint32_t i = 0; i <= kPiece; ++i)
      if (in[i] != (i < length ? Application::pattern(round, i) : Application::kUntouched))
        return 50;
    return 0;
  }
};

class RawClient {
 public:
  explicit RawClient(const std::string& path) {
    fd_ = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    connected_ = connect_to(path, fd_) == 0;
  }
  ~RawClient() { hang_up(); }
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  static sockaddr_un address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    return address;
  }
  static int connect_to(const std::string& path, int fd) {
    sockaddr_un address = address_of(path);
    return connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void hang_up() {
    if (fd_ >= 0) close(fd_);
    fd_ = -1;
  }

  bool send(rio_control m, const std::vector<int>& with_fds = {}) {
    iovec io{&m, sizeof m};
    msghdr header{};
    header.msg_iov = &io, header.msg_iovlen = 1;
    const size_t bytes = with_fds.size() * sizeof(int);
    std::vector<char> control(CMSG_SPACE(bytes));
    if (bytes > 0) {
      header.msg_control = control.data(), header.msg_controllen = control.size();
      cmsghdr* c = CMSG_FIRSTHDR(&header);
      c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(bytes);
      std::memcpy(CMSG_DATA(c), with_fds.data(), bytes);
    }
    return sendmsg(fd_, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof m);
  }
  // The reply, and its descriptors, -1 where there is none; -EPIPE when the daemon hung up.
  int receive(rio_control& reply, int fds[2]) {
    alignas(cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))];
    iovec io{&reply, sizeof reply};
    msghdr header{};
    header.msg_iov = &io, header.msg_iovlen = 1;
    header.msg_control = control, header.msg_controllen = sizeof control;
    ssize_t n = recvmsg(fd_, &header, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == ECONNRESET) n = recvmsg(fd_, &header, MSG_CMSG_CLOEXEC);
    fds[0] = fds[1] = -1;
    if (n != static_cast<ssize_t>(sizeof reply)) return -EPIPE;
    if (const cmsghdr* c = CMSG_FIRSTHDR(&header))
      std::memcpy(fds, CMSG_DATA(c), std::min(2 * sizeof(int), c->cmsg_len - CMSG_LEN(0)));
    return 0;
  }
  // The reply's status; -EPIPE when the daemon hung up.
  int status() {
    rio_control reply{};
    int fds[2];
    const int status = receive(reply, fds);
    for (const int fd : fds)
      if (fd >= 0) close(fd);
    return status == 0 ? reply.status : status;
  }
  int raw(const void* bytes, size_t n) {
    return ::send(fd_, bytes, n, MSG_NOSIGNAL) < 0 ? -errno : status();
  }
  static rio_control attach() {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_ATTACH, m.tag = 1, m.a = RIO_ABI_VERSION;
    return m;
  }

  // librio over this connection. What the daemon gives, an attacker keeps: a duplicate of every
  // descriptor stands in `kept`. `replied` runs before librio goes on.
  rio_transport transport() {
    rio_transport t{};
    t.self = this;
    t.call = [](void* self, rio_control* m, int fds[2]) {
      return static_cast<RawClient*>(self)->call(*m, fds);
    };
    t.close = [](void* self) { static_cast<RawClient*>(self)->hang_up(); };
    return t;
  }
  std::vector<int> kept;
  std::function<void(const rio_control& reply)> replied;
  std::function<void()> asked;  // the message is on its way

 private:
  int call(rio_control& m, int fds[2]) {
    fds[0] = fds[1] = -1;
    if (!send(m)) return -EHOSTDOWN;
    if (asked) asked();
    if (receive(m, fds) != 0) return -EHOSTDOWN;
    for (int i = 0; i < 2; ++i)
      if (fds[i] >= 0) kept.push_back(dup(fds[i]));
    if (replied) replied(m);
    return 0;
  }

  int fd_ = -1;
  bool connected_ = false;
};

}  // namespace pinion::testing
