// An application with one UDP socket, connected or a member of groups, on a bed whose only
// interface is a given port. The peer is whatever reflects or sends frames behind that port.
#pragma once
#include <optional>

#include "bench/bed.h"
#include "support/packets.h"

namespace pinion::bench {

inline constexpr uint32_t kPayloadBytes = 64;

struct UdpBedOptions {
  bool threaded = false;  // serve() runs on the other processor
  Ip local = ipv4(10, 78, 0, 1);
  Ip peer = ipv4(10, 78, 0, 2);
  Mac peer_mac{{2, 0, 0, 0, 0, 2}};
  uint32_t slots = 8;  // buffers, each of them posted as a receive or on its way as a send
  // The port that a reflector of this bed's own thread serves between the passes of the core.
  std::optional<uint16_t> reflected = {};
  uint32_t groups = 0;  // joined; 0: the socket is connected to the peer
};

class UdpBed {
 public:
  static constexpr uint16_t kLocalPort = 5555, kPeerPort = 7777;

  UdpBed(Port& port, const UdpBedOptions& options);

  // One datagram of 64 bytes there and one back, received. Returns the ticks from before the send
  // until the answer was dequeued and its buffer posted again.
  uint64_t round_trip();
  // Sends every datagram that comes back to the peer, out of the buffer that it came in, until
  // that many sends have completed.
  void echo(size_t datagrams);
  // Receives so many datagrams that come by themselves.
  void take(size_t datagrams);

  // The core and, if there is one, the reflector.
  void pass();
  void serve(const std::atomic<bool>& stop) {
    while (!stop.load(std::memory_order_relaxed)) pass();
  }
  // The frame that round_trip sends, and the one that answers it.
  testing::Packet request() const;
  testing::Packet answer() const;
  // What the peer sends to the i-th group.
  testing::Packet of_group(uint32_t i) const;

 private:
  void create();
  void join_groups(rio_socket_t socket) const;
  static Ipv4 group(uint32_t i) { return {ipv4(239, 1, 0, 0).v + i}; }
  rio_slice slice(uint64_t slot, uint32_t length) const;
  void post_receive(uint64_t slot);
  size_t echo_next(const rio_result& r);

  UdpBedOptions options_;
  Mac mac_;
  Bed bed_;
  Bed::Memory memory_{};
  rio_cq* cq_ = nullptr;
  rio_rq* rq_ = nullptr;
};

}  // namespace pinion::bench
