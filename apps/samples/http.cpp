// HTTP: a server of one page. It serves two things and no files: `/`, and `/bytes/N`, N letters
// from a pattern. Connections are kept alive; what a client pipelines is answered in order.
//
//   http --port 8080 &    curl http://10.20.0.5:8080/bytes/1000000 | wc -c
#include <rio/rio.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr uint32_t kRequestMax = 4096, kHeaderMax = 256, kPatternBytes = 1u << 20;
constexpr uint32_t kSlot = kRequestMax + kHeaderMax;  // of a connection, in registered memory
constexpr uint64_t kBodyMax = 1ull << 40;
constexpr std::string_view kPage = "<!doctype html><title>Pinion</title><p>Served over rio.</p>\n";
volatile sig_atomic_t stop = 0;

void must(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "http: %s: %s (%s)\n", what, rio_last_error(), strerror(-status));
  std::exit(1);
}

struct Connection {
  rio_socket_t socket = nullptr;  // null: free
  rio_rq* rq = nullptr;
  std::string request;     // what has come and is not answered
  uint64_t body_left = 0;  // of the answer that is being sent
  uint32_t sends = 0;      // outstanding
  bool last = false;       // close when everything is sent
  bool receiving = false;
};

struct Server {
  rio_session* session = nullptr;
  rio_socket_t listener = nullptr;
  rio_cq* cq = nullptr;
  rio_buffer_id buffer = RIO_INVALID_BUFFER;
  char* memory = nullptr;  // the pattern, the page, then a slot for each connection
  std::vector<Connection> connections;
  uint64_t served = 0;

  uint32_t slot_of(const Connection& c) const {
    return kPatternBytes + kRequestMax + static_cast<uint32_t>(&c - connections.data()) * kSlot;
  }

  void open(const std::string& path, const std::string& ip, uint16_t port, uint32_t most) {
    must(rio_open(path.empty() ? nullptr : path.c_str(), &session), "open");
    const size_t bytes = kPatternBytes + kRequestMax + size_t{most} * kSlot;
    void* at;
    must(rio_map_memory(session, bytes, &at), "map memory");
    memory = static_cast<char*>(at);
    for (uint32_t i = 0; i < kPatternBytes; ++i) memory[i] = static_cast<char>('a' + i % 26);
    memcpy(memory + kPatternBytes, kPage.data(), kPage.size());
    must(rio_register_buffer(session, memory, bytes, &buffer), "buffer");
    must(rio_create_completion_queue(session, 8 * most, RIO_CORE_DEFAULT, RIO_NOTIFY_NONE, &cq),
         "cq");
    connections.resize(most);
    rio_address local;
    must(rio_parse_address(ip.c_str(), port, &local), "address");
    must(rio_socket(session, local.family, RIO_TYPE_STREAM, RIO_CORE_DEFAULT, &listener), "socket");
    must(rio_set_option(listener, RIO_SO_REUSEADDR, 1), "reuse");
    must(rio_bind(listener, &local), "bind");
    must(rio_listen(listener, most), "listen");
  }

  // A place for one more connection, or null: then it waits in the listener's queue. A place is
  // free when the last completion of its last connection has come.
  Connection* place() {
    for (Connection& c : connections)
      if (c.socket == nullptr && c.sends == 0 && !c.receiving) return &c;
    return nullptr;
  }

  void accept_all() {
    for (Connection* c = place(); c != nullptr; c = place()) {
      rio_socket_t socket;
      const int status = rio_accept(listener, &socket);
      if (status == -EAGAIN) return;
      must(status, "accept");
      *c = {};
      const uint64_t context = static_cast<uint64_t>(c - connections.data());
      if (rio_create_request_queue(socket, 1, 3, cq, cq, context, 0, &c->rq) != 0) {
        rio_close_socket(socket);
        return;
      }
      c->socket = socket;
      receive(*c);
    }
  }

  void receive(Connection& c) {
    const rio_slice slice{buffer, slot_of(c), kRequestMax};
    c.receiving = rio_receive(c.rq, &slice, 0, 0) == 0;
  }
  void send(Connection& c, uint32_t offset, uint32_t length, uint32_t flags) {
    const rio_slice slice{buffer, offset, length};
    must(rio_send(c.rq, &slice, flags, 0), "send");
    ++c.sends;
  }

  void close(Connection& c) {
    rio_close_socket(c.socket);
    c.socket = nullptr, c.last = true;
  }

  // The next request that is whole. One answer at a time.
  void answer(Connection& c) {
    const size_t end = c.request.find("\r\n\r\n");
    if (c.sends != 0 || c.last || end == std::string::npos) return;
    const std::string head = c.request.substr(0, end);
    c.request.erase(0, end + 4);
    const bool is_head = head.starts_with("HEAD ");
    const size_t from = head.find(' ') + 1;
    const std::string target = head.substr(from, head.find(' ', from) - from);
    uint64_t length = 0;
    const char* status = "200 OK";
    uint32_t body = 0;
    if (!is_head && !head.starts_with("GET ")) status = "405 Method Not Allowed";
    else if (target == "/") length = kPage.size(), body = kPatternBytes;
    else if (target.starts_with("/bytes/")) length = strtoull(target.c_str() + 7, nullptr, 10);
    else status = "404 Not Found";
    if (length > kBodyMax) length = 0, status = "400 Bad Request";
    c.last = head.find("HTTP/1.0") != std::string::npos ||
             head.find("onnection: close") != std::string::npos;
    char* out = memory + slot_of(c) + kRequestMax;
    const int n =
        snprintf(out, kHeaderMax,
                 "HTTP/1.1 %s\r\nServer: pinion\r\nContent-Type: text/%s\r\n"
                 "Content-Length: %llu\r\n%s\r\n",
                 status, body != 0 ? "html" : "plain", static_cast<unsigned long long>(length),
                 c.last ? "Connection: close\r\n" : "");
    const bool has_body = length != 0 && !is_head;
    send(c, slot_of(c) + kRequestMax, static_cast<uint32_t>(n), has_body ? RIO_DEFER : 0);
    if (!has_body) return;
    if (body != 0) return send(c, body, static_cast<uint32_t>(length), 0);
    c.body_left = length;
    go_on(c);
  }

  // Two pieces of the pattern are on their way at any time.
  void go_on(Connection& c) {
    while (c.body_left != 0 && c.sends < 3) {
      const auto n =
          static_cast<uint32_t>(c.body_left < kPatternBytes ? c.body_left : kPatternBytes);
      send(c, 0, n, 0);
      c.body_left -= n;
    }
  }

  void turn(const rio_result& r) {
    Connection& c = connections[r.socket_context];
    if (r.opcode == RIO_OP_RECEIVE) c.receiving = false;
    else --c.sends;
    if (c.socket == nullptr) return;  // the rest of a connection that was closed
    if (r.opcode == RIO_OP_RECEIVE) {
      if (r.status != 0 || r.bytes == 0 || c.request.size() > kRequestMax) return close(c);
      c.request.append(memory + slot_of(c), r.bytes);
      receive(c);
    } else {
      if (r.status != 0) return close(c);
      go_on(c);
      if (c.sends == 0) ++served;
      if (c.sends == 0 && c.last) return close(c);
    }
    answer(c);
  }
};

}  // namespace

int main(int argc, char** argv) {
  std::string path, ip = "0.0.0.0";
  uint16_t port = 8080;
  uint32_t most = 256;
  CLI::App cli{"A small HTTP/1.1 server over a Pinion daemon."};
  cli.add_option("--socket", path, "The daemon's control socket (default: $PINION_SOCKET)");
  cli.add_option("--address", ip, "Local address")->capture_default_str();
  cli.add_option("--port", port, "Local TCP port")->capture_default_str();
  cli.add_option("--connections", most, "At most, at a time")
      ->capture_default_str()
      ->check(CLI::Range(1, 4096));
  CLI11_PARSE(cli, argc, argv);
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);

  Server server;
  server.open(path, ip, port, most);
  std::printf("http: ready on %s:%u\n", ip.c_str(), port);
  std::fflush(stdout);
  rio_result results[64];
  for (uint64_t next_accept = 0; stop == 0;) {
    const int n = rio_dequeue(server.cq, results, 64);
    if (n < 0) {
      std::fprintf(stderr, "http: the daemon is gone or ended this session: %s\n", strerror(-n));
      return 2;
    }
    for (int i = 0; i < n; ++i) server.turn(results[i]);
    const uint64_t now = rio_now_ns(server.session);
    if (now < next_accept) continue;
    server.accept_all();
    next_accept = now + 200'000;  // a control call: not in every turn
  }
  std::printf("http: served=%llu\n", static_cast<unsigned long long>(server.served));
  rio_close(server.session);
  return 0;
}
