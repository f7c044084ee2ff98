// See ring_pair_echo.h.
#include "demo/ring_pair_echo.h"

#include <pthread.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "demo/inline_stack.h"
#include "demo/rio_echo.h"
#include "demo/samples.h"
#include "pmd-glue/eal.h"

namespace pinion::demo {

namespace {

constexpr uint16_t kPort = 7000;
constexpr Ipv4 kEchoIp = ipv4(10, 77, 0, 2), kPingIp = ipv4(10, 77, 0, 1);
constexpr uint32_t kHalf = 2048;  // of the registered memory: one goes out, the other comes in

void run_on(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<size_t>(cpu), &set);
  must((errno = pthread_setaffinity_np(pthread_self(), sizeof set, &set)) == 0, "CPU affinity");
}

class Ping {
 public:
  explicit Ping(InlineStack& stack) : stack_(stack) {
    rio_session* session = stack_.session();
    must_rio(rio_map_memory(session, 2 * kHalf, &memory_), "map memory");
    must_rio(rio_register_buffer(session, memory_, 2 * kHalf, &buffer_), "buffer");
    must_rio(rio_create_completion_queue(session, 4, 0, RIO_NOTIFY_NONE, &cq_), "cq");
    rio_socket_t socket;
    rio_address peer;
    must_rio(rio_socket(session, RIO_FAMILY_IPV4, RIO_TYPE_DATAGRAM, 0, &socket), "socket");
    must_rio(rio_parse_address("10.77.0.2", kPort, &peer), "peer");
    must_rio(rio_connect(socket, &peer), "connect");
    must_rio(rio_create_request_queue(socket, 1, 1, cq_, cq_, 0, 0, &rq_), "rq");
    post_receive();
  }

  // The round trip of one message, or kLost.
  uint64_t once(uint64_t number, uint32_t bytes) {
    const uint64_t start = now_ns();
    std::memcpy(memory_, &number, sizeof number);
    const rio_slice out{buffer_, 0, bytes};
    must_rio(rio_send(rq_, &out, 0, 0), "send");
    bool sent = false, answered = false;
    uint64_t now = start;
    while ((!sent || !answered) && now - start < kPatienceNs) {
      stack_.poll();
      rio_result r[2];
      const int n = rio_dequeue(cq_, r, 2);
      must_rio(n, "dequeue");
      for (int i = 0; i < n; ++i) {
        must_rio(r[i].status, "completion");
        if (r[i].opcode == RIO_OP_SEND) sent = true;
        else answered |= is_answer(number, r[i].bytes == bytes);
      }
      now = now_ns();
    }
    must(sent, "the send did not complete within a second");
    return answered ? now - start : kLost;
  }

 private:
  void post_receive() {
    const rio_slice in{buffer_, kHalf, kHalf};
    must_rio(rio_receive(rq_, &in, 0, 0), "receive");
  }
  bool is_answer(uint64_t number, bool whole) {
    const bool same =
        std::memcmp(static_cast<std::byte*>(memory_) + kHalf, &number, sizeof number) == 0;
    post_receive();
    return same && whole;
  }

  InlineStack& stack_;
  void* memory_ = nullptr;
  rio_buffer_id buffer_ = RIO_INVALID_BUFFER;
  rio_cq* cq_ = nullptr;
  rio_rq* rq_ = nullptr;
};

}  // namespace

int run_ring_pair(const RingPairOptions& options) {
  std::string why;
  const auto eal = Eal::start({.hugepages_mb = 0}, why);
  EthdevPort::Pair ports;
  if (eal != nullptr) ports = EthdevPort::open_ring_pair({.device = "demo"}, why);
  if (ports.first == nullptr) {
    std::fprintf(stderr, "pinion_demo: %s\n", why.c_str());
    return 1;
  }
  InlineStack echo_stack(std::move(ports.first), kEchoIp, false);
  InlineStack ping_stack(std::move(ports.second), kPingIp, false);
  rio_address local;
  must_rio(rio_parse_address("10.77.0.2", kPort, &local), "address");
  RioEcho echo(echo_stack.session(), local);
  Ping ping(ping_stack);
  std::jthread echoes([&](const std::stop_token& stop) {
    run_on(options.echo_cpu);
    while (!stop.stop_requested()) {
      echo_stack.poll();
      echo.turn();
    }
  });
  run_on(options.ping_cpu);
  std::vector<uint64_t> round_trips;
  const uint64_t end = now_ns() + static_cast<uint64_t>(options.seconds * 1e9);
  ping.once(0, options.bytes);  // it asks for the neighbour's address, and is not counted
  for (uint64_t i = 1; now_ns() < end; ++i) round_trips.push_back(ping.once(i, options.bytes));
  echoes.request_stop();
  echoes.join();
  append_samples(options.samples, round_trips);
  echo.print_cost();
  return 0;
}

}  // namespace pinion::demo
