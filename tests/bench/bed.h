// A core and an application beside it in this process: the embedded host, over which rows make the
// inline calls of librio.
#pragma once
#include <rio/rio.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "bench/windows.h"
#include "host/embedded.h"
#include "host/rehearsal.h"
#include "kernel/kernel.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion::bench {

rio_address address_of(Ip address, uint16_t port);

struct BedOptions {
  // True: serve() runs on the other processor. False: the client calls poll() between its calls.
  bool threaded = true;
  uint32_t queues_max = 64;  // request queues
  uint32_t sockets_max = 0;  // 0: as many
  NetConfig net = {};
};

class Bed {
 public:
  explicit Bed(const BedOptions& options);
  ~Bed();
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;

  void poll() {
    const Nanos now = clock_->now();
    host_.poll(now);
    rehearsal_->after_pass(now);
  }
  void serve(const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) poll();
  }
  // Makes cold calls, with the core polled meanwhile when it is a threaded one.
  void cold(const std::function<void()>& calls);

  // Cold calls. They end the process when they fail: nothing here can be missing on a machine.
  rio_cq* create_cq(uint32_t entries, uint32_t notification = RIO_NOTIFY_NONE);
  rio_socket_t create_socket(uint32_t type = RIO_TYPE_DATAGRAM, uint32_t family = RIO_FAMILY_IPV4);
  rio_rq* create_rq(rio_socket_t socket, uint32_t receives, uint32_t sends, rio_cq* cq);
  // Registered memory from rio_map_memory.
  struct Memory {
    std::byte* bytes;
    rio_buffer_id id;
  };
  Memory create_memory(size_t bytes);

  rio_session* session() const { return session_; }
  const Kernel& kernel() const { return kernel_; }
  // What about this bed should stand beside its figures; "" for nothing.
  const std::string& note() const { return note_; }

 private:
  bool threaded_;
  std::string note_;
  std::unique_ptr<TscClock> clock_;
  EmbeddedHost host_;
  Kernel kernel_;
  std::unique_ptr<Rehearsal> rehearsal_;
  rio_session* session_ = nullptr;
};

// Free hugepages of 2 MiB; where there are too few, ordinary pages do.
uint64_t hugepages_free();

// Ends the process with the call's own sentence unless status is 0 or a count.
void must(int status, const char* what);

// Dequeues exactly one completion of status 0 that is there or comes; ends the process otherwise.
inline void dequeue_one(rio_cq* cq, uint64_t request_context) {
  rio_result result{};
  int n;
  while ((n = rio_dequeue(cq, &result, 1)) == 0) {
  }
  if (n != 1 || result.status != 0 || result.request_context != request_context)
    must(n < 0 ? n : -EPROTO, "completion");
}

// A socket with its request queue and its completion queue, for requests that do nothing.
struct NopQueue {
  rio_cq* cq = nullptr;
  rio_rq* rq = nullptr;

  uint64_t round_trip(uint64_t context) {
    const uint64_t start = tsc();
    must(rio_nop(rq, 0, context), "nop");
    dequeue_one(cq, context);
    return tsc() - start;
  }
};
NopQueue create_nop_queue(Bed& bed, uint32_t depth, uint32_t notification = RIO_NOTIFY_NONE);

// A request that does nothing, through a core on the other processor (rows_nop.cpp).
Load nop_round_trips();

}  // namespace pinion::bench
