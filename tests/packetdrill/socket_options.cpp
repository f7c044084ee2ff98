// Socket options of a script, as those of librio. Options that change nothing of the protocol are
// remembered, so that a script reads what it wrote.
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "packetdrill/sockets.h"

namespace pinion::packetdrill {

namespace {

struct Mapping {
  int level, option;
  uint32_t rio;
};
constexpr Mapping kMappings[] = {
    {SOL_SOCKET, SO_REUSEADDR, RIO_SO_REUSEADDR},
    {SOL_SOCKET, SO_RCVBUF, RIO_SO_RECEIVE_BUFFER},
    {IPPROTO_IP, IP_TTL, RIO_SO_TTL},
    {IPPROTO_TCP, TCP_NODELAY, RIO_SO_NODELAY},
    {IPPROTO_TCP, TCP_MAXSEG, RIO_SO_MAXSEG},
    {IPPROTO_TCP, TCP_KEEPIDLE, RIO_SO_KEEPALIVE_S},
    {IPPROTO_TCP, TCP_KEEPINTVL, RIO_SO_KEEPALIVE_INTERVAL_S},
    {IPPROTO_TCP, TCP_KEEPCNT, RIO_SO_KEEPALIVE_COUNT},
    {IPPROTO_TCP, TCP_USER_TIMEOUT, RIO_SO_USER_TIMEOUT_MS},
    {IPPROTO_TCP, TCP_LINGER2, RIO_SO_FIN_WAIT_2_S}};

constexpr int64_t kKeepaliveIdleS = 7200;  // of a script that only turns it on

constexpr int key_of(int level, int option) { return level << 16 | option; }

int put(void* value, socklen_t* length, int number) {
  if (value == nullptr || length == nullptr || *length < sizeof number) return -EINVAL;
  std::memcpy(value, &number, sizeof number);
  *length = sizeof number;
  return 0;
}

const Mapping* mapping_of(int level, int option) {
  for (const Mapping& m : kMappings)
    if (m.level == level && m.option == option) return &m;
  return nullptr;
}

}  // namespace

int64_t Sockets::get_option(int fd, int level, int option, void* value, socklen_t* length) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (level == SOL_SOCKET && option == SO_ERROR) {
    pump(*s);
    return put(value, length, std::exchange(s->error, 0));
  }
  if (const Mapping* m = mapping_of(level, option)) {
    int64_t number = 0;
    const int status = rio_get_option(s->handle, m->rio, &number);
    return status != 0 ? status : put(value, length, static_cast<int>(number));
  }
  const auto it = s->remembered.find(key_of(level, option));
  return put(value, length, it == s->remembered.end() ? 0 : it->second);
}

int64_t Sockets::set_option(int fd, int level, int option, const void* value, socklen_t length) {
  Socket* s = find(fd);
  if (s == nullptr) return -EBADF;
  if (level == SOL_SOCKET && option == SO_LINGER) {
    linger l{};
    std::memcpy(&l, value, std::min<size_t>(length, sizeof l));
    return rio_set_option(s->handle, RIO_SO_LINGER_0, l.l_onoff != 0 && l.l_linger == 0);
  }
  int number = 0;
  if (value != nullptr) std::memcpy(&number, value, std::min<size_t>(length, sizeof number));
  if (level == SOL_SOCKET && option == SO_KEEPALIVE)
    return rio_set_option(s->handle, RIO_SO_KEEPALIVE_S, number == 0 ? 0 : kKeepaliveIdleS);
  if (level == IPPROTO_IP && option == IP_TOS)
    return rio_set_option(s->handle, RIO_SO_DSCP, number >> 2);
  if (const Mapping* m = mapping_of(level, option))
    return rio_set_option(s->handle, m->rio, number);
  s->remembered[key_of(level, option)] = number;
  return 0;
}

}  // namespace pinion::packetdrill
