// GET /metrics over HTTP on an ordinary socket of the kernel, served by the housekeeping thread:
// one request a connection, few connections at a time, five seconds for each. By default only on
// loopback; there is no TLS and no password, so it should stay there or in a closed network.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "gateway/control/connection.h"
#include "gateway/control/metrics.h"

namespace pinion::control {

class MetricsServer {
 public:
  static constexpr size_t kClientsMax = 4, kRequestMax = 8192;
  static constexpr Nanos kEndAfter = 5 * kSecond;

  explicit MetricsServer(const Metrics& metrics) : metrics_(metrics) {}
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // An IPv4 address, dotted (empty: 127.0.0.1); port 0: any. False, and why.
  bool open(const std::string& ip, uint16_t port, std::string& why);
  uint16_t port() const { return port_; }

  // As ControlServer's; it never wants another turn sooner than poll() says.
  void turn(Nanos now);
  void watch(std::vector<pollfd>& fds) const;

 private:
  struct Client {
    Connection connection;
    Nanos deadline = 0;
    bool answered = false;
  };
  void accept_clients(Nanos now);
  void serve(Client& c, Nanos now);
  void answer(Client& c);

  const Metrics& metrics_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::array<Client, kClientsMax> clients_;
};

}  // namespace pinion::control
