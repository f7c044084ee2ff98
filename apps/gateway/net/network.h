// Byte streams and datagrams as the gateway uses them, polled by one thread: over Pinion's rings
// (rio_network.h), or over the kernel's sockets for comparison (kernel_network.h), chosen at start.
// Everything that a stream needs exists from the start; nothing is allocated while it is in use.
//
// Received bytes are read in place: the handler sees them in the memory into which they were
// received, says how many it is done with, and finds the rest in front of what comes next.
//
// A handler may make any call but poll(), also close() and abort() of the stream that it hears of.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace pinion::gateway {

inline constexpr int kBacklog = 64;  // connections that wait to be accepted

// Of a stream or a datagram socket. One that is closed is never taken for a later one.
struct SocketId {
  uint32_t index = UINT32_MAX;
  uint32_t generation = 0;
  bool operator==(const SocketId&) const = default;
};

struct Endpoint {
  std::string ip = {};  // dotted; empty: any
  uint16_t port = 0;
  bool operator==(const Endpoint&) const = default;
};

// A multicast group as a socket joins it, and where: over Pinion the NIC's name in its
// configuration, over the kernel the interface's address. Empty: they choose by their routes.
struct Group {
  std::string ip = {};
  std::string source = {};  // RFC 4607: from this one alone; empty: from all
  std::string nic = {}, address = {};
};

class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  // Somebody connected to this handler's listener. Who shall hear of the stream; null: nobody, and
  // it is closed.
  virtual StreamHandler* on_accepted(SocketId) { return nullptr; }
  // A connect() has succeeded.
  virtual void on_connected(SocketId) {}
  // What came and was not consumed. Returns how many bytes it is done with.
  virtual size_t on_received(SocketId, std::string_view bytes) = 0;
  // The peer has closed (0) or the connection has failed (a negative errno). The id is dead. Not
  // called for what close() was called for.
  virtual void on_closed(SocketId, int status) = 0;
};

class DatagramHandler {
 public:
  virtual ~DatagramHandler() = default;
  // The time at which it came, by the network's clock (now_ns()); 0: not known.
  virtual void on_datagram(SocketId, std::string_view bytes, uint64_t receive_time_ns) = 0;
};

struct NetworkConfig {
  uint32_t streams_max = 16;           // at a time, with listeners and datagram sockets
  uint32_t accepted_max = UINT32_MAX;  // of these: whoever connects must leave room for the others
  uint32_t receive_bytes = 64u << 10;  // of each stream; what a handler leaves must be less
  uint32_t send_bytes = 256u << 10;    // of each stream, that are not on their way yet
  uint32_t datagram_sockets_max = 8;   // of the streams_max: they have receive memory of their own
  uint32_t datagrams_max = 64;         // that wait for poll(), of each datagram socket
  uint32_t datagram_bytes = 2048;      // longer ones are dropped
  uint32_t close_ms = 2000;            // that a peer has to take what was sent before close()
};

class Network {
 public:
  virtual ~Network() = default;

  // 0, or a negative errno; error() then says more. A call of the start: it may block.
  virtual int listen(const Endpoint& at, StreamHandler& handler) = 0;
  // Begins to connect; on_connected() or on_closed() follow in a poll().
  virtual int connect(const Endpoint& to, StreamHandler& handler, SocketId& out) = 0;
  // Takes all the bytes (they are copied), or none: false.
  virtual bool send(SocketId stream, std::string_view bytes) = 0;
  virtual size_t room(SocketId stream) const = 0;  // bytes that send() takes now
  // What was sent still goes, then the end of the stream; what comes until the peer's own end is
  // thrown away. After close_ms the connection is reset, and what the peer has not taken is lost.
  // The id is dead.
  virtual void close(SocketId stream) = 0;
  // A reset at once: what was sent may be lost. The id is dead.
  virtual void abort(SocketId stream) = 0;
  // Who is at the other end. Port 0: nobody (yet), or the id is dead.
  virtual Endpoint peer_address(SocketId stream) const = 0;

  // A socket for datagrams at this address and port. At a group's address it gets what is sent to
  // that group alone, and other sockets, of other programs too, may be there beside it. A call of
  // the start, as join_group(): it may block.
  virtual int open_datagram(const Endpoint& at, DatagramHandler& handler, SocketId& out) = 0;
  virtual bool send_to(SocketId socket, const Endpoint& to, std::string_view bytes) = 0;
  // What is sent to the group comes to this datagram socket from now on, until it is closed. The
  // socket is bound to the group's port, at every address or at the group's. 0, or a negative
  // errno; error() then says more.
  virtual int join_group(SocketId socket, const Group& group) = 0;
  // Where a socket is bound: tells the port that open_datagram() chose for port 0. Port 0: no such
  // socket.
  virtual Endpoint local_address(SocketId socket) const = 0;

  // One turn: what has come, to the handlers. How many events there were; a negative errno: there
  // is no network any more (the daemon has gone).
  virtual int poll() = 0;
  // The clock of receive times, in nanoseconds: differences count, not what it shows.
  virtual uint64_t now_ns() const = 0;
  virtual std::string error() const = 0;
};

}  // namespace pinion::gateway
