// Ping-pong: sends a datagram to a UDP peer and waits for the answer, again and again; prints the
// losses and the percentiles of the round trip. Spins; no system call on its data path.
#include <rio/rio.h>
#include <time.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <vector>

namespace {

void must(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "ping_pong: %s: %s (%s)\n", what, rio_last_error(), strerror(-status));
  std::exit(1);
}

uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC_RAW, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<uint64_t>(t.tv_nsec);
}

// Sorts as it goes: for the few calls at the end.
double percentile_us(std::vector<uint64_t>& ns, double q) {
  if (ns.empty()) return 0;
  std::sort(ns.begin(), ns.end());
  return static_cast<double>(ns[static_cast<size_t>(q * static_cast<double>(ns.size() - 1))]) / 1e3;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli{"Measures the UDP round trip to a peer through a Pinion daemon."};
  std::string path, ip;
  uint16_t port = 7000;
  uint32_t count = 10000, bytes = 64;
  cli.add_option("--socket", path, "The daemon's control socket (default: $PINION_SOCKET)");
  cli.add_option("peer", ip, "The peer's address")->required();
  cli.add_option("--port", port, "The peer's UDP port")->capture_default_str();
  cli.add_option("--count", count, "Round trips")->capture_default_str();
  cli.add_option("--bytes", bytes, "Payload of a datagram, 8 to 1472")
      ->capture_default_str()
      ->check(CLI::Range(8, 1472));
  CLI11_PARSE(cli, argc, argv);

  rio_session* session;
  must(rio_open(path.empty() ? nullptr : path.c_str(), &session), "open");
  void* memory;
  rio_buffer_id buffer;
  must(rio_map_memory(session, 4096, &memory), "map memory");
  must(rio_register_buffer(session, memory, 4096, &buffer), "register buffer");
  rio_cq* cq;
  rio_socket_t socket;
  rio_rq* rq;
  rio_address peer;
  must(rio_create_completion_queue(session, 4, RIO_CORE_DEFAULT, RIO_NOTIFY_NONE, &cq),
       "completion queue");
  must(rio_parse_address(ip.c_str(), port, &peer), "peer");
  must(rio_socket(session, peer.family, RIO_TYPE_DATAGRAM, RIO_CORE_DEFAULT, &socket), "socket");
  must(rio_connect(socket, &peer), "connect");
  must(rio_create_request_queue(socket, 1, 1, cq, cq, 0, 0, &rq), "request queue");

  std::vector<uint64_t> ns;
  ns.reserve(count);
  uint32_t lost = 0;
  const rio_slice out{buffer, 0, bytes}, in{buffer, 2048, 2048};
  must(rio_receive(rq, &in, 0, 0), "receive");
  for (uint64_t i = 1; i <= count; ++i) {
    std::memcpy(memory, &i, sizeof i);
    const uint64_t start = now_ns();
    must(rio_send(rq, &out, 0, 1), "send");
    bool sent = false, answered = false;
    while ((!sent || !answered) && now_ns() - start < 1'000'000'000u) {
      rio_result results[2];
      const int n = rio_dequeue(cq, results, 2);
      must(n, "dequeue");
      for (int k = 0; k < n; ++k) {
        must(results[k].status, "completion");
        if (results[k].opcode == RIO_OP_SEND) {
          sent = true;
          continue;
        }
        uint64_t number;
        std::memcpy(&number, static_cast<std::byte*>(memory) + in.offset, sizeof number);
        answered |= number == i;  // a late answer to an earlier one does not count
        must(rio_receive(rq, &in, 0, 0), "receive");
      }
    }
    if (answered) ns.push_back(now_ns() - start);
    else ++lost;
  }
  std::printf("ping_pong: %u round trips, %u lost, p50 %.1f us, p99 %.1f us, p99.9 %.1f us\n",
              count, lost, percentile_us(ns, 0.5), percentile_us(ns, 0.99),
              percentile_us(ns, 0.999));
  rio_close(session);
  return lost == 0 ? 0 : 1;
}
