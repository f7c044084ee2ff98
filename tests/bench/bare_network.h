// A Network over bare frames of a device: the peer of a stack that is measured, with no stack of
// its own in the way. TCP as two ends speak it that lose nothing: no timers, no windows, no
// options; what goes wrong ends the process. UDP to groups.
#pragma once
#include <string>
#include <vector>

#include "base/types.h"
#include "bench/plain_network.h"
#include "gateway/net/socket_table.h"
#include "port/port.h"
#include "wire/tcp.h"

namespace pinion::bench {

class BareNetwork final : public PlainNetwork {
 public:
  struct Link {
    Port& port;  // its frames are passed on by reference: they have to be a port's own
    Mac theirs;
    Ipv4 our_ip, their_ip;
  };
  explicit BareNetwork(const Link& link);

  int listen(const gateway::Endpoint& at, gateway::StreamHandler& handler) override;
  int connect(const gateway::Endpoint& to, gateway::StreamHandler& handler,
              gateway::SocketId& out) override;
  bool send(gateway::SocketId stream, std::string_view bytes) override;
  size_t room(gateway::SocketId) const override { return kSegmentMax; }
  void close(gateway::SocketId stream) override;
  int open_datagram(const gateway::Endpoint& at, gateway::DatagramHandler& handler,
                    gateway::SocketId& out) override;
  bool send_to(gateway::SocketId socket, const gateway::Endpoint& to,
               std::string_view bytes) override;
  int join_group(gateway::SocketId, const gateway::Group&) override { return -ENOTSUP; }
  int poll() override;
  std::string error() const override { return "bare frames"; }

 private:
  static constexpr size_t kSlots = 8, kSegmentMax = 1400;
  static constexpr uint32_t kReceiveBytes = 64u << 10;
  enum class Kind : uint8_t { listener, connecting, stream, datagram };
  struct Slot {
    bool used = false;
    uint32_t generation = 0;
    Kind kind = Kind::stream;
    uint16_t our_port = 0, their_port = 0;
    Seq next, expected;  // of what we send, of what comes
    gateway::StreamHandler* handler = nullptr;
    std::vector<char> memory;
    gateway::ReceiveSpace received;
  };

  Slot& open(Kind kind, uint16_t our_port, gateway::SocketId& out);
  void send_frame(Bytes frame);
  void transmit(Slot& slot, uint8_t flags, std::string_view payload);
  void on_frame(Bytes frame);
  void on_segment(const TcpSegment& segment);
  void on_syn(const TcpSegment& segment);
  void on_payload(Slot& slot, Bytes payload);
  Slot* find(const TcpSegment& segment);

  Link link_;
  gateway::SocketTable<Slot> slots_;
};

}  // namespace pinion::bench
