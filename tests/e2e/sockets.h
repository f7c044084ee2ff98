// The two ends of a conversation in these tests: a socket of the kernel, and one of Pinion through
// librio and the running daemon. Every wait has a deadline.
#pragma once
#include <netinet/in.h>

#include <deque>
#include <optional>
#include <rio/rio.hpp>
#include <stdexcept>
#include <string>

#include "e2e/world.h"

namespace pinion::e2e {

// What a test cannot go on without: it ends here, by an exception, which gtest reports. Behind it
// there would be null pointers, and the end of the process with all later tests.
inline void must(int status) {
  if (status == 0) return;
  throw std::runtime_error(std::string(rio_last_error()) + " (" + std::to_string(status) + ")");
}

struct Datagram {
  std::string bytes;
  std::string ip;
  uint16_t port = 0;
  int status = 0;          // Pinion's completion
  size_t true_length = 0;  // of what came, also when it was cut off
  uint64_t time_ns = 0;    // to Pinion: when it came, and by whose clock
  uint8_t time_source = RIO_TIME_NONE;
};

class KernelSocket {
 public:
  explicit KernelSocket(const std::string& ip = kKernelIp);  // bound to it, at any port
  ~KernelSocket();
  KernelSocket(const KernelSocket&) = delete;
  KernelSocket& operator=(const KernelSocket&) = delete;

  void connect(const std::string& ip, uint16_t port);
  int send(const std::string& bytes);  // 0, or a negative errno
  int send_to(const std::string& bytes, const std::string& ip, uint16_t port);
  std::optional<Datagram> receive(int patience_ms = kPatienceMs);
  int receive_error();  // the negative errno that comes instead of a datagram; 0: none came
  uint16_t port() const;
  int fd() const { return fd_; }

 private:
  int fd_;
};

struct AppOptions {
  uint16_t port = 0;  // 0: an ephemeral one
  const char* any = "0.0.0.0";
  uint32_t slice = 2048;   // of each receive
  uint32_t receives = 64;  // kept posted
  uint32_t core = RIO_CORE_DEFAULT;
};

class AppSocket {
 public:
  explicit AppSocket(const std::string& control_socket, const AppOptions& options = {});

  void connect(const std::string& ip, uint16_t port);
  // The completion's status. An empty ip: to the connected peer.
  int send(const std::string& bytes, const std::string& ip = "", uint16_t port = 0);
  std::optional<Datagram> receive(int patience_ms = kPatienceMs);
  uint64_t now_ns() const { return session_.now_ns(); }
  // Where its session lives.
  uint32_t core() const { return session_.core(); }
  // Of a group; an empty source: every one.
  int join(const std::string& group, const std::string& source = "");
  int leave(const std::string& group, const std::string& source = "");
  int64_t option(uint32_t which);
  int set_option(uint32_t which, int64_t value) { return socket_.set_option(which, value); }
  // The pending error that an ICMP message left, 0 when none came in time.
  int64_t wait_for_error();
  uint16_t port();

 private:
  int membership(bool joins, const std::string& group, const std::string& source);
  void post_receive(uint32_t index);
  void take_completions();

  AppOptions options_;
  rio::Session session_;
  rio::CompletionQueue cq_;
  rio::Socket socket_;
  char* memory_ = nullptr;
  rio_buffer_id buffer_ = RIO_INVALID_BUFFER;
  std::deque<Datagram> received_;
  std::deque<int> sent_;  // completion statuses
};

// `length` bytes that differ from those of any other length.
std::string pattern(size_t length);

}  // namespace pinion::e2e
