// Which socket gets a datagram, and who may have which port: the most specific match wins, that is
// a connected 4-tuple, then a bound address, then the wildcard. Constant time at any number of
// sockets; all memory is reserved at construction. Called by rio (bind) and udp (lookup).
#pragma once
#include <memory>
#include <vector>

#include "socket/home_ports.h"
#include "socket/port_directory.h"
#include "socket/socket.h"

namespace pinion {

struct UdpDemuxConfig {
  uint32_t sockets_max = 65536;
  uint16_t ephemeral_first = 32768, ephemeral_last = 60999;
  uint64_t secret[2] = {0, 0};
  PortDirectory* directory = nullptr;  // of a Mesh: what the other cores have
};

class UdpDemux {
 public:
  explicit UdpDemux(const UdpDemuxConfig& config);

  // Gives the socket a local endpoint. Address 0 is the wildcard; port 0 asks for an ephemeral port
  // (RFC 6056), chosen apart from `towards` when the peer is known, and of those that are `home` as
  // long as there are any. That the address is ours is for the caller to check (Net::is_local). 0;
  // -EINVAL: bound already; -EADDRINUSE; -ENOBUFS.
  int bind(Socket& sk, Endpoint local, bool reuse, Endpoint towards = {},
           const HomePorts& home = {});
  // Sets the peer of a bound socket; it then receives from that peer only. The address must be a
  // host's own: it replaces a wildcard. 0; -EINVAL: not bound, or no local address; -EADDRINUSE:
  // the 4-tuple is another socket's, or the address's port is.
  int connect(Socket& sk, Ip local_address, Endpoint remote);
  void unbind(Socket& sk);

  // The socket to which a datagram from src to dst belongs, or nullptr.
  Socket* lookup(const Endpoint& dst, const Endpoint& src) const;
  size_t size() const { return sockets_; }

 private:
  // One local endpoint in use: its unconnected sockets, and how many sockets hold it at all.
  static constexpr uint32_t kNone = UINT32_MAX;  // no binding
  struct Binding {
    Endpoint local;
    uint32_t next = 0;       // chain of its bucket, or of the free ones
    uint32_t holders = 0;    // bound here, connected ones too
    uint32_t exclusive = 0;  // of these, without reuse
    Socket* unconnected = nullptr;
  };
  struct PortUse {
    uint32_t holders, exclusive;
  };

  uint32_t bucket_of(const Endpoint& local) const;
  uint32_t bucket_of(const Endpoint& local, const Endpoint& remote) const;
  uint32_t find_binding(const Endpoint& local) const;
  Socket* find_connected(const Endpoint& local, const Endpoint& remote) const;
  bool available(const Endpoint& local, bool reuse) const;
  bool claim(const Endpoint& local, uint32_t user);
  void give_up(const Endpoint& local);
  bool may_choose(const Endpoint& local) const;
  uint16_t ephemeral_port(Ip address, const Endpoint& towards, const HomePorts& home);
  void tell(const Endpoint& local);
  int hold(Socket& sk, const Endpoint& local);
  void release(Socket& sk);
  void unlink_connected(Socket& sk);

  UdpDemuxConfig config_;
  uint32_t mask_ = 0;
  size_t sockets_ = 0, connected_ = 0;
  uint64_t ephemeral_counter_ = 0;
  uint32_t free_binding_ = 0;
  std::vector<Binding> bindings_;
  std::vector<uint32_t> binding_buckets_;
  std::vector<Socket*> connected_buckets_;
  // Of those: many datagrams belong where the one before did.
  mutable Socket* last_found_ = nullptr;
  std::unique_ptr<PortUse[]> ports_;  // by port_place
};

}  // namespace pinion
