// The two ends of a TCP conversation in these tests: a socket of the kernel, which blocks with a
// deadline, and one of Pinion through librio and the running daemon.
#pragma once
#include <rio/rio.hpp>
#include <string>

#include "e2e/world.h"

namespace pinion::e2e {

// Where both are, in one family.
struct Ends {
  const char* kernel = kKernelIp;
  const char* pinion = kPinionIp;
  const char* any = "0.0.0.0";
};
inline constexpr Ends kEnds6{kKernelIp6, kPinionIp6, "::"};

class KernelStream {
 public:
  explicit KernelStream(const Ends& ends = {});
  explicit KernelStream(int fd) : fd_(fd) {}
  ~KernelStream();
  KernelStream(KernelStream&& other) noexcept
      : ends_(other.ends_), fd_(std::exchange(other.fd_, -1)) {}
  KernelStream& operator=(KernelStream&&) = delete;

  uint16_t listen();  // at any port, which it returns
  KernelStream accept();
  int connect(uint16_t port);  // to Pinion; 0, or a negative errno
  int begin_connect(uint16_t port);
  int await_connect();
  int send(const std::string& bytes);
  std::string receive(size_t bytes);  // as many, or fewer at the end
  int error();                        // the negative errno of a read; 0: there was no error
  void shutdown();
  void reset();  // closes with a RST

 private:
  Ends ends_;
  int fd_;
};

// An application with a session of its own. What fails says so.
class App {
 public:
  explicit App(const std::string& control_socket, uint32_t core = RIO_CORE_DEFAULT);

  rio::Session session;
  rio::CompletionQueue cq;
  char* memory = nullptr;  // sends in the first half, receives in the other one
  rio_buffer_id buffer = RIO_INVALID_BUFFER;
  static constexpr uint32_t kHalf = 1u << 20;
};

// A new stream that listens at that port of every address. The first status that is not 0.
int make_listener(const rio::Session& session, rio::Socket& listener, uint16_t port,
                  uint32_t backlog, const Ends& ends = {});

class AppStream {
 public:
  explicit AppStream(App& app, const Ends& ends = {}) : app_(app), ends_(ends) {}

  int connect(uint16_t port);  // to the kernel, and waits
  int listen(uint16_t port);
  int accept(AppStream& out) { return socket_.accept_wait(kPatienceMs, out.socket_); }
  int make_queue(uint32_t flags = 0);
  int send(const std::string& bytes);  // the first status that is not 0
  std::string receive(size_t bytes);   // as many, or fewer at the end
  rio_result receive_once(uint32_t bytes, uint32_t flags = 0);
  rio_result complete(uint8_t opcode);
  rio::Socket& socket() { return socket_; }

 private:
  App& app_;
  Ends ends_;
  rio::Socket socket_;
};

// What most tests of a connection begin with: an application listens, Linux connects.
struct Accepted {
  explicit Accepted(const std::string& control_socket, const Ends& ends = {})
      : app(control_socket), listener(app, ends), stream(app, ends), peer(ends) {}
  // The failures of both are gtest's.
  void open(uint16_t port, uint32_t queue_flags = 0);
  void bulk_both_ways(uint32_t bytes);  // and then the peer's end

  App app;
  AppStream listener, stream;
  KernelStream peer;
};

}  // namespace pinion::e2e
