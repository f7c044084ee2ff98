// See metrics_server.h.
#include "gateway/control/metrics_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "gateway/control/requests.h"

namespace pinion::control {

namespace {

constexpr const char* kOpenMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
constexpr const char* kPlain = "text/plain; charset=utf-8";

void send_response(Connection& connection, const char* status, const char* type,
                   const std::string& body) {
  connection.send("HTTP/1.0 ");
  connection.send(status);
  connection.send("\r\nContent-Type: ");
  connection.send(type);
  connection.send("\r\nContent-Length: " + std::to_string(body.size()) +
                  "\r\nConnection: close\r\n\r\n");
  connection.send(body);
}

}  // namespace

MetricsServer::~MetricsServer() {
  if (listener_ >= 0) ::close(listener_);
}

bool MetricsServer::open(const std::string& ip, uint16_t port, std::string& why) {
  const std::string address = ip.empty() ? "127.0.0.1" : ip;
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  const std::string where = "metrics on " + address + ":" + std::to_string(port) + ": ";
  if (inet_pton(AF_INET, address.c_str(), &at.sin_addr) != 1) {
    why = where + "expected an IPv4 address such as 127.0.0.1";
    return false;
  }
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  socklen_t size = sizeof at;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(fd, reinterpret_cast<const sockaddr*>(&at), sizeof at) != 0 ||
      listen(fd, kClientsMax) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    why = where + std::strerror(errno);
    if (fd >= 0) ::close(fd);
    return false;
  }
  listener_ = fd;
  port_ = ntohs(at.sin_port);
  return true;
}

void MetricsServer::turn(Nanos now) {
  accept_clients(now);
  for (Client& c : clients_) {
    if (c.connection.is_open()) serve(c, now);
  }
}

// Who finds no room waits in the listener's queue, where a scraper's own time-out ends it.
void MetricsServer::accept_clients(Nanos now) {
  for (Client& c : clients_) {
    if (c.connection.is_open()) continue;
    const int fd = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) return;
    c.connection.open(fd, now);
    c.deadline = now + kEndAfter;
    c.answered = false;
  }
}

void MetricsServer::serve(Client& c, Nanos now) {
  bool there = c.answered || c.connection.read(kRequestMax, now);
  if (!c.answered) answer(c);
  // A client that only shut down its sending half still gets what it asked for.
  there = (there || c.answered) && c.connection.flush(now);
  const bool finished = c.answered && !c.connection.sending();
  if (!there || finished || now > c.deadline) c.connection.close();
}

void MetricsServer::answer(Client& c) {
  c.answered = true;
  switch (parse_http(c.connection.received())) {
    case HttpRequest::incomplete:
      c.answered = c.connection.received().size() >= kRequestMax;
      if (c.answered)
        send_response(c.connection, "431 Request Header Fields Too Large", kPlain,
                      "The request's head is too long.\n");
      return;
    case HttpRequest::metrics:
      return send_response(c.connection, "200 OK", kOpenMetrics, metrics_.text());
    case HttpRequest::other_path:
      return send_response(c.connection, "404 Not Found", kPlain, "There is only /metrics.\n");
    case HttpRequest::other_method:
      return send_response(c.connection, "405 Method Not Allowed\r\nAllow: GET", kPlain,
                           "There is only GET /metrics.\n");
    case HttpRequest::malformed:
      return send_response(c.connection, "400 Bad Request", kPlain,
                           "Expected GET /metrics HTTP/1.0 or HTTP/1.1.\n");
  }
}

void MetricsServer::watch(std::vector<pollfd>& fds) const {
  const bool room = std::any_of(clients_.begin(), clients_.end(),
                                [](const Client& c) { return !c.connection.is_open(); });
  if (room) fds.push_back({listener_, POLLIN, 0});
  for (const Client& c : clients_) {
    if (c.connection.is_open()) fds.push_back(c.connection.interest());
  }
}

}  // namespace pinion::control
