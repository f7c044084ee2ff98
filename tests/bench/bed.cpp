// The core under test is configured as a daemon configures it, but for silence: between the windows
// nobody polls it.
#include "bench/bed.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>

#include "rio/slot_address.h"

namespace pinion::bench {

namespace {

constexpr uint32_t kCqsMax = 8;
constexpr uint64_t kHugepagesWanted = 16;  // a few regions, rounded up

std::unique_ptr<TscClock> make_clock() {
  std::string error;
  auto clock = TscClock::create(TscClock::Require::any_tsc, error);
  if (clock) return clock;
  std::fprintf(stderr, "bench: %s\n", error.c_str());
  std::exit(2);
}

uint32_t sockets_max(const BedOptions& options) {
  return options.sockets_max != 0 ? options.sockets_max : options.queues_max;
}

Clock clock_of(TscClock& tsc) {
  return {&tsc, [](void* self) { return static_cast<TscClock*>(self)->now(); }, nullptr};
}

EmbeddedConfig host_config(TscClock& clock, const BedOptions& options, bool hugepages) {
  EmbeddedConfig c;
  c.clock = clock_of(clock);
  c.threaded = options.threaded;
  c.policy.quota.queues_max = options.queues_max;
  c.policy.quota.sockets_max = sockets_max(options);
  c.policy.quota.cqs_max = kCqsMax;
  c.policy.quota.joins_max = options.net.igmp_joins_max;
  c.sessions.sessions_max = 1;
  c.sessions.features = RIO_FEATURE_EMBEDDED;
  c.sessions.region.hugepages = hugepages;
  return c;
}

KernelConfig kernel_config(const BedOptions& options, const Hooks& hooks) {
  KernelConfig c;
  c.net = options.net;
  c.server.features = RIO_FEATURE_EMBEDDED;
  c.server.core_silent_ms = 0;
  c.server.sessions_max = 1;
  c.server.sockets_max = sockets_max(options);
  c.hooks = hooks;
  return c;
}

}  // namespace

uint64_t hugepages_free() {
  uint64_t pages = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> pages;
  return pages;
}

rio_address address_of(Ip address, uint16_t port) {
  rio_address out{};
  out.family = store_address(address, out.bytes);
  out.port = port;
  return out;
}

void must(int status, const char* what) {
  if (status >= 0) return;
  std::fprintf(stderr, "bench: %s: %s (%s)\n", what, rio_last_error(), std::strerror(-status));
  std::exit(2);
}

Bed::Bed(const BedOptions& options)
    : threaded_(options.threaded),
      note_(hugepages_free() >= kHugepagesWanted ? "" : "rings on 4 KiB pages"),
      clock_(make_clock()),
      host_(host_config(*clock_, options, note_.empty())),
      kernel_(kernel_config(options, host_.hooks())) {
  host_.attach_kernel(kernel_);
  std::string error;
  rehearsal_ = Rehearsal::create(kernel_, clock_of(*clock_), error);
  if (rehearsal_ == nullptr) must(-ENOMEM, error.c_str());
  rio_abi_clock words{};
  clock_->fill(words);
  kernel_.publish_clock(words);
  const rio_transport transport = host_.transport();
  cold([&] { must(rio_open_transport(&transport, &session_), "open"); });
}

Bed::~Bed() {
  cold([this] { rio_close(session_); });
  while (host_.sessions() != 0) poll();
}

void Bed::cold(const std::function<void()>& calls) {
  if (!threaded_) return calls();
  std::atomic<bool> stop{false};
  std::thread core([&] { serve(stop); });
  calls();
  stop = true;
  core.join();
}

rio_cq* Bed::create_cq(uint32_t entries, uint32_t notification) {
  rio_cq* cq;
  must(rio_create_completion_queue(session_, entries, 0, notification, &cq), "completion queue");
  return cq;
}

rio_socket_t Bed::create_socket(uint32_t type, uint32_t family) {
  rio_socket_t socket;
  must(rio_socket(session_, family, type, 0, &socket), "socket");
  return socket;
}

rio_rq* Bed::create_rq(rio_socket_t socket, uint32_t receives, uint32_t sends, rio_cq* cq) {
  rio_rq* rq;
  must(rio_create_request_queue(socket, receives, sends, cq, cq, 0, 0, &rq), "request queue");
  return rq;
}

Bed::Memory Bed::create_memory(size_t bytes) {
  void* memory;
  rio_buffer_id id;
  must(rio_map_memory(session_, bytes, &memory), "map memory");
  must(rio_register_buffer(session_, memory, bytes, &id), "register buffer");
  return {static_cast<std::byte*>(memory), id};
}

NopQueue create_nop_queue(Bed& bed, uint32_t depth, uint32_t notification) {
  NopQueue q;
  q.cq = bed.create_cq(depth, notification);
  q.rq = bed.create_rq(bed.create_socket(), 0, depth, q.cq);
  return q;
}

}  // namespace pinion::bench
