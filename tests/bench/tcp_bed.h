// An application with TCP connections, on a bed whose only interface is a given port: one end of a
// conversation. Application and stack share the calling thread.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <span>

#include "bench/bed.h"
#include "bench/raw_ethdev.h"
#include "bench/udp_bed.h"

namespace pinion::bench {

struct TcpEndOptions {
  Ipv4 local = ipv4(10, 78, 0, 1);
  Ipv4 peer = ipv4(10, 78, 0, 2);
  Mac peer_mac{{2, 0, 0, 0, 0, 2}};
  uint32_t connections_max = 64;
  // How long an ACK waits for data to ride on; 0: it leaves at once.
  int64_t delayed_ack_us = 0;
  uint32_t slots = 8;  // buffers, each of them posted as a receive or on its way as a send
  uint32_t slot_bytes = 2048;
};

class TcpEnd {
 public:
  static constexpr uint16_t kPort = 777;
  // Longer than an answer takes: answers and requests carry the ACKs, as the kernel's do.
  static constexpr int64_t kAckRidesUs = 1000;

  TcpEnd(Port& port, const TcpEndOptions& options);

  void poll() { bed_.poll(); }
  Ipv4 address() const { return options_.local; }
  void listen(uint32_t backlog);
  rio_socket_t begin_connect(Ipv4 peer);
  static bool is_connected(rio_socket_t socket);  // false: not yet
  // Polls until it is, and lets the peer do its part.
  void await_connected(rio_socket_t socket, const std::function<void()>& peer);
  std::optional<rio_socket_t> accept();
  // From now on requests go over this connection. answer_bytes: what each receive waits for; 0:
  // what comes.
  void use(rio_socket_t socket, uint32_t answer_bytes);

  // 64 bytes there and 64 back. Returns the ticks from before the send until the answer was
  // dequeued and its buffer posted again. `other` is polled and echoes in between, if given.
  uint64_t round_trip(TcpEnd* other = nullptr);
  // One pass of a server: what came is sent back out of the buffer that it came in.
  void echo_once();
  void echo(const std::atomic<bool>& stop);
  // Sends so many slots full of bytes, until the peer has acknowledged the last one. `other` takes
  // them in between, if given.
  void send_slots(size_t count, TcpEnd* other = nullptr);
  // Takes what comes, slot by slot; drain_once: in one pass.
  void drain_once();
  void drain(const std::atomic<bool>& stop);

 private:
  void post_receive(uint64_t slot);
  rio_slice slice(uint64_t slot, uint32_t length) const;
  std::span<const rio_result> dequeue();

  TcpEndOptions options_;
  Bed bed_;
  Bed::Memory memory_{};
  rio_cq* cq_ = nullptr;
  rio_rq* rq_ = nullptr;
  rio_socket_t listener_ = nullptr;
  uint32_t answer_bytes_ = 0;
  std::array<rio_result, 32> results_{};
};

// Two ends that are connected over a pair of devices: `far` is the one that echoes.
struct TcpPair {
  PortPair ports;
  TcpEnd near, far;

  TcpPair(PortPair devices, TcpEndOptions options);
  void poll() {
    near.poll();
    far.poll();
  }
  // Establishes so many connections, and uses the last one for requests.
  void connect(uint32_t count, uint32_t near_receives = kPayloadBytes, uint32_t far_receives = 0);
  // One more, as its two sockets.
  struct Sockets {
    rio_socket_t near, far;
  };
  Sockets open();
  void open_and_close();
};

}  // namespace pinion::bench
