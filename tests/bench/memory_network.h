// Two ends of a Network in the memory of one thread: what one sends is the other's with its next
// poll(). For what a gateway costs without any transport.
#pragma once
#include <string>
#include <vector>

#include "bench/plain_network.h"
#include "gateway/net/socket_table.h"

namespace pinion::bench {

class MemoryNetwork final : public PlainNetwork {
 public:
  MemoryNetwork() : slots_(kSlots) {}
  static void join(MemoryNetwork& a, MemoryNetwork& b) { a.other_ = &b, b.other_ = &a; }

  int listen(const gateway::Endpoint& at, gateway::StreamHandler& handler) override;
  int connect(const gateway::Endpoint& to, gateway::StreamHandler& handler,
              gateway::SocketId& out) override;
  bool send(gateway::SocketId stream, std::string_view bytes) override;
  size_t room(gateway::SocketId stream) const override;
  void close(gateway::SocketId stream) override;
  int open_datagram(const gateway::Endpoint& at, gateway::DatagramHandler& handler,
                    gateway::SocketId& out) override;
  bool send_to(gateway::SocketId socket, const gateway::Endpoint& to,
               std::string_view bytes) override;
  int join_group(gateway::SocketId, const gateway::Group&) override { return 0; }
  int poll() override;
  std::string error() const override { return "no such place in memory"; }

 private:
  static constexpr size_t kSlots = 8, kBytes = 64u << 10;
  enum class Kind : uint8_t { listener, connecting, stream, datagram };
  struct Slot {
    bool used = false;
    uint32_t generation = 0;
    Kind kind = Kind::stream;
    uint16_t port = 0;
    gateway::SocketId peer;
    gateway::StreamHandler* handler = nullptr;
    gateway::DatagramHandler* datagrams = nullptr;
    std::vector<char> memory;
    gateway::ReceiveSpace received;
    bool fresh = false;  // something has come since its handler looked
  };

  Slot& open(Kind kind, uint16_t port, gateway::SocketId& out);
  Slot* find(Kind kind, uint16_t port);
  void finish_connect(Slot& slot);
  int turn(Slot& slot);

  MemoryNetwork* other_ = nullptr;
  gateway::SocketTable<Slot> slots_;
};

}  // namespace pinion::bench
