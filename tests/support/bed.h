// A kernel without a port, and applications beside it: the bed for tests of the queue interface.
#pragma once
#include <vector>

#include "support/raw_app.h"

namespace pinion::testing {

struct QueueBed {
  std::vector<int> signals;        // descriptors signalled, in order
  std::vector<int> released;       // descriptors given back
  std::vector<uint32_t> barriers;  // membarriers asked for and not answered
  std::vector<uint32_t> broken;    // sessions
  Nanos now = kSecond;
  Kernel kernel;

  explicit QueueBed(ServerConfig server = {}, NetConfig net = {})
      : kernel(config(std::move(net), server)) {}

  void poll(int passes = 1) {
    for (; passes > 0; --passes) kernel.poll(now += kMicro);
  }
  void answer_barrier() {
    KernelMessage m;
    m.op = KernelMessage::Op::barrier_done;
    m.value = barriers.back();
    barriers.pop_back();
    kernel.control(m, now);
  }

 private:
  KernelConfig config(NetConfig net, ServerConfig server) {
    KernelConfig c;
    c.net = std::move(net), c.server = server;
    c.hooks.self = this;
    c.hooks.signal = [](void* self, uint32_t, int fd) { of(self).signals.push_back(fd); };
    c.hooks.release_fd = [](void* self, int fd) { of(self).released.push_back(fd); };
    c.hooks.barrier = [](void* self, uint32_t v) { of(self).barriers.push_back(v); };
    c.hooks.session_broken = [](void* self, uint32_t s, int) { of(self).broken.push_back(s); };
    return c;
  }
  static QueueBed& of(void* self) { return *static_cast<QueueBed*>(self); }
};

// One application with one socket and both its queues on one completion queue.
struct OneQueue {
  RawApp app;
  RawCq cq;
  uint32_t socket;
  RawRq rq;

  explicit OneQueue(QueueBed& bed, uint32_t id = 0, RqOptions options = {}, SessionQuota quota = {})
      : app(bed.kernel, id, bed.now, quota),
        cq(app.create_cq(options.receives + options.sends, options.start)),
        socket(app.socket()),
        rq(app.create_rq(socket, cq, cq, options)) {}
};

}  // namespace pinion::testing
