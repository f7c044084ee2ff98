// Which connection or listener gets a segment, and who may have which port (RFC 9293 3.9.1). A
// connection is found by its 4-tuple; it outlives its socket (TIME-WAIT), so it stands for itself
// here. Constant time at any number of connections; all memory is reserved at construction.
#pragma once
#include <memory>
#include <vector>

#include "socket/home_ports.h"
#include "socket/port_directory.h"
#include "socket/socket.h"

namespace pinion {

// One connection, as the demux knows it: the base of a Tcb.
struct Connection {
  Endpoint local, remote;
  Connection* demux_next = nullptr;
  uint32_t binding = 0;  // of local, while it is in the demux
};

struct TcpDemuxConfig {
  uint32_t bound_max = 4096;
  uint32_t connections_max = 4096;
  uint16_t ephemeral_first = 32768, ephemeral_last = 60999;
  uint64_t secret[2] = {0, 0};
  PortDirectory* directory = nullptr;  // of a Mesh: what the other cores have
};

class TcpDemux {
 public:
  explicit TcpDemux(const TcpDemuxConfig& config);

  // As UdpDemux::bind. A listener, or a connection (TIME-WAIT too) whose port is asked for without
  // `reuse`, is -EADDRINUSE.
  int bind(Socket& sk, Endpoint local, bool reuse);
  void unbind(Socket& sk);
  // The socket, which is bound, gets the SYNs to its endpoint. -EADDRINUSE: another does.
  int listen(Socket& sk);
  void unlisten(Socket& sk);

  // A port for a connection of a socket that is not bound (RFC 6056): no socket has it, its 4-tuple
  // is free, and it is `home`: any other is for the core to which it brings the answer, which may
  // be choosing it now. 0: there is none.
  uint16_t port_for(Ip local, const Endpoint& remote, const HomePorts& home = {});
  // connection.local and .remote are set. -EADDRINUSE: the 4-tuple is taken; -ENOBUFS.
  int insert(Connection& connection);
  void remove(Connection& connection);
  // It is found as before, but its port counts as nobody's.
  void free_port(Connection& connection);

  Connection* find(const Endpoint& local, const Endpoint& remote) const;
  // The listener for a SYN to that endpoint: of the address, then of the wildcard.
  Socket* find_listener(const Endpoint& local) const;

  size_t connections() const { return connections_; }
  size_t bound() const { return bound_; }

 private:
  // One local endpoint in use.
  static constexpr uint32_t kNone = UINT32_MAX;  // no binding
  struct Binding {
    Endpoint local;
    uint32_t next = 0;         // chain of its bucket, or of the free ones
    uint32_t holders = 0;      // sockets bound here
    uint32_t exclusive = 0;    // of these, without reuse
    uint32_t connections = 0;  // whose local endpoint it is
    Socket* listener = nullptr;
  };
  struct PortUse {
    uint32_t holders, exclusive, connections, listeners;
  };

  uint32_t bucket_of(const Endpoint& local) const;
  uint32_t bucket_of(const Endpoint& local, const Endpoint& remote) const;
  uint32_t find_binding(const Endpoint& local) const;
  uint32_t take_binding(const Endpoint& local);
  void give_binding(uint32_t index);
  bool available(const Endpoint& local, bool reuse) const;
  uint32_t first_of_range(Ip address, const Endpoint& towards);
  bool claim(const Endpoint& local, uint32_t user);
  void give_up(const Endpoint& local);
  bool may_choose(const Endpoint& local, const HomePorts& home) const;
  void tell(const Endpoint& local);

  TcpDemuxConfig config_;
  uint32_t mask_ = 0;
  size_t bound_ = 0, connections_ = 0;
  uint64_t ephemeral_counter_ = 0;
  uint32_t free_binding_ = 0;
  std::vector<Binding> bindings_;
  std::vector<uint32_t> binding_buckets_;
  std::vector<Connection*> connection_buckets_;
  // Many segments belong where the one before did.
  mutable Connection* last_found_ = nullptr;
  std::unique_ptr<PortUse[]> ports_;  // by port_place
};

}  // namespace pinion
