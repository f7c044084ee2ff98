// Bare rte_eth loops: what a row over a device is measured against, and the peer of both sides. The
// one file beside pmd-glue that knows DPDK; a device is opened as an EthdevPort and named by its
// id.
#pragma once
#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "base/types.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion::bench {

inline constexpr size_t kFrameRoundTrips = 10'000;  // a window

// Two devices of this process that are connected to each other. The process starts EAL for the
// first one. Both throw Unavailable where the machine lacks something.
struct PortPair {
  std::unique_ptr<EthdevPort> near, far;
};
PortPair open_net_ring();
PortPair open_memif();
// EAL, on a few hugepages of its own if there are any.
void start_eal();
// Waits until the port's link is up.
void await_link(EthdevPort& port);

// Sends each frame that arrives back to where it came from: Ethernet, IP and UDP addresses
// swapped. One burst; returns how many frames came. What the device does not take is lost.
size_t reflect_burst(uint16_t port);
void reflect(uint16_t port, const std::atomic<bool>& stop);
// One burst with another answer, made in place; false: the frame is dropped.
size_t answer_burst(uint16_t port, bool (*answer)(std::byte* frame));

// Sends `frames` frames back as they are, in bursts, as testpmd does (--forward-mode=io).
void forward(uint16_t port, size_t frames);

// A client without a stack: it fills in a frame, sends it, and waits for one.
class RawClient {
 public:
  RawClient(uint16_t port, Bytes frame);
  void round_trip();
  // Puts `count` frames on their way, as soon as the device takes them.
  void send(size_t count);

 private:
  size_t send_burst(size_t wanted);
  bool is_reflection(const rte_mbuf* answer) const;

  uint16_t port_;
  std::vector<std::byte> frame_;
  MempoolPtr pool_;
};

// A source that puts one after the other of these frames on the device, as fast as it takes them;
// what comes in is thrown away. A stack receives them by reference, so they are the port's own.
class RawFeed {
 public:
  RawFeed(Port& port, std::vector<std::vector<std::byte>> frames)
      : port_(port), frames_(std::move(frames)) {}
  void serve(const std::atomic<bool>& stop);

 private:
  void burst();

  Port& port_;
  std::vector<std::vector<std::byte>> frames_;
  size_t next_ = 0;
};

}  // namespace pinion::bench
