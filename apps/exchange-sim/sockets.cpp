#include "exchange-sim/sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace pinion::exchange {

namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

Fd bound(int type, const sockaddr_in& at) {
  Fd fd(socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) fail("socket");
  const int one = 1;
  setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0) {
    fail("bind " + to_text(at));
  }
  return fd;
}

}  // namespace

sockaddr_in parse_endpoint(const std::string& text) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  const size_t colon = text.find(':');
  const std::string host = text.substr(0, colon);
  if (inet_pton(AF_INET, host.c_str(), &out.sin_addr) != 1) {
    throw std::runtime_error("'" + text + "' is not an IPv4 address with an optional :port");
  }
  if (colon == std::string::npos) return out;
  size_t used = 0;
  const std::string digits = text.substr(colon + 1);
  unsigned long port = 0x10000;
  if (!digits.empty() && digits.size() <= 5 && isdigit(static_cast<unsigned char>(digits[0]))) {
    port = std::stoul(digits, &used);
  }
  if (port > 0xffff || used != digits.size()) {
    throw std::runtime_error("'" + text + "' has no good port");
  }
  out.sin_port = htons(static_cast<uint16_t>(port));
  return out;
}

std::string to_text(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
  return std::string(text) + ":" + std::to_string(ntohs(address.sin_port));
}

Fd listen_tcp(const sockaddr_in& at) {
  Fd fd = bound(SOCK_STREAM, at);
  if (listen(fd.get(), 16) != 0) fail("listen " + to_text(at));
  return fd;
}

Fd bind_udp(const sockaddr_in& at) { return bound(SOCK_DGRAM, at); }

Fd open_line(const sockaddr_in& from, int ttl) {
  sockaddr_in any_port = from;
  any_port.sin_port = 0;
  Fd fd = bound(SOCK_DGRAM, any_port);
  const int loop = 1;
  if (setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_IF, &from.sin_addr, sizeof from.sin_addr) ||
      setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) ||
      setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_LOOP, &loop, sizeof loop)) {
    fail("multicast options on " + to_text(from));
  }
  return fd;
}

Fd accept_tcp(int listener) {
  Fd fd(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  const int one = 1;
  if (fd.get() >= 0) setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

uint16_t port_of(int fd) {
  sockaddr_in at{};
  socklen_t length = sizeof at;
  getsockname(fd, reinterpret_cast<sockaddr*>(&at), &length);
  return ntohs(at.sin_port);
}

}  // namespace pinion::exchange
