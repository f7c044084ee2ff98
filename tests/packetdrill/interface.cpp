// The functions of the table, each a call of Script. What no script that we can play needs returns
// -1 with ENOSYS.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "packetdrill/script.h"
#include "packetdrill/table.h"

namespace pinion::packetdrill {

namespace {

Script& of(void* self) { return *static_cast<Script*>(self); }
int to_int(int64_t result) { return static_cast<int>(result); }

int no_such_call() {
  errno = ENOSYS;
  return -1;
}

int no_such_memory() {
  errno = EFAULT;
  return -1;
}

bool names_memory(std::span<const iovec> all) {
  const auto good = [](const iovec& v) { return v.iov_base != nullptr || v.iov_len == 0; };
  return std::all_of(all.begin(), all.end(), good);
}

ssize_t receive_into(void* self, int fd, std::span<const iovec> to, int flags) {
  size_t length = 0;
  if (!names_memory(to)) return no_such_memory();
  for (const iovec& v : to) length += v.iov_len;
  std::string data;
  const int64_t result = of(self).receive(fd, length, flags, data);
  size_t at = 0;
  for (const iovec& v : to) {
    const size_t n = std::min(v.iov_len, data.size() - at);
    std::memcpy(v.iov_base, data.data() + at, n);
    at += n;
  }
  return result;
}

ssize_t send_from(void* self, int fd, std::span<const iovec> from, int flags) {
  std::string data;
  if (!names_memory(from)) return no_such_memory();
  for (const iovec& v : from) data.append(static_cast<const char*>(v.iov_base), v.iov_len);
  return of(self).send(fd, std::as_bytes(std::span(data)), flags);
}

std::span<const iovec> pieces(const iovec* v, size_t count) { return {v, count}; }

ssize_t do_recv(void* self, int fd, void* to, size_t length, int flags) {
  const iovec v{to, length};
  return receive_into(self, fd, {&v, 1}, flags);
}

ssize_t do_send(void* self, int fd, const void* from, size_t length, int flags) {
  const iovec v{const_cast<void*>(from), length};
  return send_from(self, fd, {&v, 1}, flags);
}

int do_fcntl(void* self, int fd, int command, ...) {
  va_list rest;
  va_start(rest, command);
  const int argument = command == F_SETFL ? va_arg(rest, int) : 0;
  va_end(rest);
  return to_int(of(self).posix([=](Sockets& s) -> int64_t {
    if (command == F_GETFL) return s.flags(fd);
    if (command == F_SETFL) return s.set_flags(fd, argument);
    return -EINVAL;
  }));
}

int do_ioctl(void* self, int fd, unsigned long request, ...) {
  va_list rest;
  va_start(rest, request);
  int* argument = va_arg(rest, int*);
  va_end(rest);
  return to_int(of(self).posix([=](Sockets& s) -> int64_t {
    if (request != SIOCINQ && request != SIOCOUTQ) return -EINVAL;
    const int64_t bytes = request == SIOCINQ ? s.unread(fd) : s.unsent(fd);
    if (bytes < 0) return bytes;
    *argument = static_cast<int>(bytes);
    return 0;
  }));
}

void fill_sockets(PacketdrillTable& t) {
  t.socket = [](void* self, int domain, int type, int protocol) {
    return to_int(of(self).posix([=](Sockets& s) { return s.socket(domain, type, protocol); }));
  };
  t.bind = [](void* self, int fd, const sockaddr* address, socklen_t length) {
    return to_int(of(self).posix([=](Sockets& s) { return s.bind(fd, address, length); }));
  };
  t.listen = [](void* self, int fd, int backlog) {
    return to_int(of(self).posix([=](Sockets& s) { return s.listen(fd, backlog); }));
  };
  t.accept = [](void* self, int fd, sockaddr* address, socklen_t* length) {
    return of(self).accept(fd, address, length);
  };
  t.connect = [](void* self, int fd, const sockaddr* address, socklen_t length) {
    return of(self).connect(fd, address, length);
  };
  t.close = [](void* self, int fd) {
    return to_int(of(self).posix([=](Sockets& s) { return s.close(fd); }));
  };
  t.shutdown = [](void* self, int fd, int how) {
    return to_int(of(self).posix([=](Sockets& s) { return s.shutdown(fd, how); }));
  };
  t.getsockopt = [](void* self, int fd, int level, int option, void* value, socklen_t* length) {
    return to_int(
        of(self).posix([=](Sockets& s) { return s.get_option(fd, level, option, value, length); }));
  };
  t.setsockopt = [](void* self, int fd, int level, int option, const void* value,
                    socklen_t length) {
    return to_int(
        of(self).posix([=](Sockets& s) { return s.set_option(fd, level, option, value, length); }));
  };
  t.fcntl = do_fcntl, t.ioctl = do_ioctl;
  t.poll = [](void* self, pollfd* fds, nfds_t count, int timeout_ms) {
    return of(self).poll(fds, count, timeout_ms);
  };
}

void fill_data(PacketdrillTable& t) {
  t.read = [](void* self, int fd, void* to, size_t n) { return do_recv(self, fd, to, n, 0); };
  t.readv = [](void* self, int fd, const iovec* to, int count) {
    return receive_into(self, fd, pieces(to, static_cast<size_t>(count)), 0);
  };
  t.recv = do_recv;
  t.recvfrom = [](void* self, int fd, void* to, size_t n, int flags, sockaddr*, socklen_t*) {
    return do_recv(self, fd, to, n, flags);
  };
  t.recvmsg = [](void* self, int fd, msghdr* m, int flags) {
    return receive_into(self, fd, pieces(m->msg_iov, m->msg_iovlen), flags);
  };
  t.write = [](void* self, int fd, const void* from, size_t n) {
    return do_send(self, fd, from, n, 0);
  };
  t.writev = [](void* self, int fd, const iovec* from, int count) {
    return send_from(self, fd, pieces(from, static_cast<size_t>(count)), 0);
  };
  t.send = do_send;
  t.sendto = [](void* self, int fd, const void* from, size_t n, int flags, const sockaddr*,
                socklen_t) { return do_send(self, fd, from, n, flags); };
  t.sendmsg = [](void* self, int fd, const msghdr* m, int flags) {
    return send_from(self, fd, pieces(m->msg_iov, m->msg_iovlen), flags);
  };
}

void fill_world(PacketdrillTable& t) {
  t.netdev_send = [](void* self, const void* packet, size_t length) {
    return of(self).netdev_send({static_cast<const std::byte*>(packet), length});
  };
  t.netdev_receive = [](void* self, void* packet, size_t* length, long long* time_us) {
    return of(self).netdev_receive(packet, length, time_us);
  };
  t.usleep = [](void* self, useconds_t us) { return of(self).sleep(us * kMicro), 0; };
  t.gettimeofday = [](void* self, timeval* now, struct timezone*) {
    const Nanos ns = of(self).clock();
    *now = {ns / kSecond, ns % kSecond / kMicro};
    return 0;
  };
  t.epoll_create = [](void*, int) { return no_such_call(); };
  t.epoll_ctl = [](void*, int, int, int, epoll_event*) { return no_such_call(); };
  t.epoll_wait = [](void*, int, epoll_event*, int, int) { return no_such_call(); };
  t.pipe = [](void*, int*) { return no_such_call(); };
  t.splice = [](void*, int, loff_t*, int, loff_t*, size_t, unsigned) { return no_such_call(); };
}

}  // namespace

}  // namespace pinion::packetdrill

extern "C" __attribute__((visibility("default"))) void packetdrill_interface_init(
    const char* flags, PacketdrillTable* table) {
  using namespace pinion::packetdrill;
  std::string why;
  const auto settings = parse_settings(flags, why);
  if (!settings) {  // there is no other way to refuse
    std::fprintf(stderr, "pinion: --so_flags: %s\n", why.c_str());
    std::exit(EXIT_FAILURE);
  }
  table->userdata = std::make_unique<Script>(*settings).release();
  table->free = [](void* self) { std::unique_ptr<Script>(static_cast<Script*>(self)); };
  fill_sockets(*table), fill_data(*table), fill_world(*table);
}
