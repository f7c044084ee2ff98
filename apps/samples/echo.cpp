// Echo: answers every datagram on a UDP port from the memory it arrived in, with `depth` receives
// posted, spinning or sleeping in epoll. At SIGTERM, SIGINT or after --messages it prints what its
// data path cost: messages, doorbells, signals (system calls).
#include <poll.h>
#include <rio/rio.h>
#include <signal.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

constexpr uint32_t kSlice = 2048;
volatile sig_atomic_t stop = 0;

void must(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "echo: %s: %s (%s)\n", what, rio_last_error(), strerror(-status));
  std::exit(1);
}

// Blocks until the completion queue has something: arm, look once more, sleep.
void sleep_until_signalled(rio_cq* cq) {
  const int armed = rio_notify(cq);
  if (armed != -EALREADY) must(armed, "notify");
  pollfd p{rio_notify_fd(cq), POLLIN, 0};
  if (poll(&p, 1, 200) <= 0) return;
  char drained[64];
  while (recv(p.fd, drained, sizeof drained, MSG_DONTWAIT) > 0) {
  }
}

struct Options {
  std::string path, ip = "0.0.0.0";
  uint16_t port = 7000;
  uint32_t depth = 256, core = RIO_CORE_DEFAULT;
  uint64_t messages = 0;
  bool block = false;
};

struct Echo {
  rio_session* session = nullptr;
  rio_buffer_id buffer = RIO_INVALID_BUFFER;
  rio_cq* cq = nullptr;
  rio_rq* rq = nullptr;
  uint64_t echoed = 0, failed = 0;

  void open(const Options& o) {
    must(rio_open_on(o.path.empty() ? nullptr : o.path.c_str(), o.core, &session), "open");
    void* memory;
    must(rio_map_memory(session, size_t{o.depth} * kSlice, &memory), "map memory");
    must(rio_register_buffer(session, memory, size_t{o.depth} * kSlice, &buffer), "buffer");
    const uint32_t notification = o.block ? RIO_NOTIFY_FD : RIO_NOTIFY_NONE;
    must(rio_create_completion_queue(session, 2 * o.depth, o.core, notification, &cq), "cq");
    rio_socket_t socket;
    rio_address local;
    must(rio_parse_address(o.ip.c_str(), o.port, &local), "address");
    must(rio_socket(session, local.family, RIO_TYPE_DATAGRAM, o.core, &socket), "socket");
    must(rio_bind(socket, &local), "bind");
    must(rio_create_request_queue(socket, o.depth, o.depth, cq, cq, 0, 0, &rq), "rq");
    for (uint32_t i = 0; i < o.depth; ++i) post_receive(i);
  }

  void post_receive(uint32_t index) {
    const rio_slice slice{buffer, index * kSlice, kSlice};
    must(rio_receive(rq, &slice, 0, index), "receive");
  }

  // A datagram goes back from the memory it came into; once it has left, that receives again.
  void turn(const rio_result& r) {
    const auto index = static_cast<uint32_t>(r.request_context);
    if (r.opcode == RIO_OP_RECEIVE && r.status == 0) {
      const rio_slice slice{buffer, index * kSlice, r.bytes};
      must(rio_send_ex(rq, &slice, &r.peer, 0, index), "send");
      return;
    }
    ++(r.status == 0 ? echoed : failed);
    post_receive(index);
  }
};

Options parse(int argc, char** argv) {
  Options o;
  CLI::App cli{"Answers UDP datagrams through a Pinion daemon."};
  cli.add_option("--socket", o.path, "The daemon's control socket (default: $PINION_SOCKET)");
  cli.add_option("--core", o.core, "The daemon's core to live on, from 0 (default: configured)");
  cli.add_option("--address", o.ip, "Local address")->capture_default_str();
  cli.add_option("--port", o.port, "Local UDP port")->capture_default_str();
  cli.add_option("--depth", o.depth, "Receives kept posted")
      ->capture_default_str()
      ->check(CLI::Range(1, 8192));
  cli.add_option("--messages", o.messages, "End after that many (0: until SIGTERM)");
  cli.add_flag("--block", o.block, "Sleep while nothing comes, instead of spinning");
  try {
    cli.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    std::exit(cli.exit(e));
  }
  return o;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  Echo echo;
  echo.open(options);
  std::printf("echo: ready on %s:%u\n", options.ip.c_str(), options.port);
  std::fflush(stdout);

  rio_result results[64];
  while (stop == 0 && (options.messages == 0 || echo.echoed < options.messages)) {
    const int n = rio_dequeue(echo.cq, results, 64);
    if (n < 0) {
      std::fprintf(stderr, "echo: the daemon is gone or ended this session: %s\n", strerror(-n));
      return 2;
    }
    if (n == 0 && options.block) sleep_until_signalled(echo.cq);
    for (int i = 0; i < n; ++i) echo.turn(results[i]);
  }
  std::printf("echo: messages=%llu failed=%llu doorbells=%llu signals=%llu\n",
              static_cast<unsigned long long>(echo.echoed),
              static_cast<unsigned long long>(echo.failed),
              static_cast<unsigned long long>(echo.rq->header->doorbells),
              static_cast<unsigned long long>(echo.rq->header->signals));
  rio_close(echo.session);
  return 0;
}
