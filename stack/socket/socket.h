// Socket: what net, udp and rio know of one socket, and the three upcalls by which a protocol tells
// its owner what happened. rio/ implements the upcalls; nothing here knows rio.
#pragma once
#include "base/drop.h"
#include "base/types.h"
#include "socket/endpoint.h"
#include "socket/flow.h"

namespace pinion {

struct SocketQueue;  // rio's side of a socket, opaque here
struct Tcb;          // tcp's, of a connection
struct Listener;     // tcp's, of a listening socket
struct GroupMember;  // net's, one join

enum class SocketType : uint8_t { datagram, stream };

// What an application may set of a stream. tcp copies them when a connection begins, and looks at
// them again in Tcp::options_changed.
struct StreamOptions {
  bool nodelay = true;           // false: Nagle's algorithm (RFC 9293 3.7.4)
  uint8_t congestion = 0;        // a CongestionControl; 0: the configuration's
  uint16_t maxseg = 0;           // no segment carries more; 0: no such limit
  uint32_t keepalive_count = 0;  // 0 in this and what follows: the configuration's
  Nanos keepalive_idle = 0;      // kNever: off, whatever the configuration says
  Nanos keepalive_interval = 0;
  Nanos user_timeout = 0;
  Nanos connect_timeout = 0;
  Nanos delayed_ack = -1;  // 0: at once; below 0: the configuration's
  Nanos fin_wait_2 = 0;
  uint32_t receive_bytes = 0;  // sizes the window scale; stream_room is what counts
};

struct Socket {
  uint32_t index = 0;
  uint32_t user = 0;   // whose session it is: what the cores may share a port for
  uint32_t owner = 1;  // whose share of waiting frames it uses: its session, counted from 1
  SocketType type = SocketType::datagram;
  bool ipv6 = false;   // the family: a socket has one
  bool bound = false;  // the demux (or Tcp) writes bound, connected, local and remote
  bool connected = false;
  bool broadcast = false;  // may send to broadcast addresses
  bool reuse_address = false;
  bool shares_port = false;  // UdpDemux: reuse, as it was asked for at bind
  uint8_t ttl = 64;
  uint8_t tos = 0;
  uint8_t multicast_ttl = 1;
  bool multicast_loop = false;    // what is sent to a group reaches members on this core as well
  bool fragment = false;          // datagrams over the MTU leave in fragments
  GroupMember* groups = nullptr;  // GroupTable's list of its joins
  Endpoint local, remote;
  Endpoint bound_to;  // TcpDemux: what was bound; local may have become a connection's
  SocketQueue* queue = nullptr;
  Socket* demux_next = nullptr;  // the demux's chain: bound, or connected sockets
  int pending_error = 0;
  Flow flow;             // of the last datagram
  PathMtu path_mtu;      // of datagrams; a connection has its own
  uint64_t dropped = 0;  // datagrams that found the backlog full
  StreamOptions stream;
  Tcb* tcb = nullptr;            // from connect or stream_accepted to the end of the connection
  Listener* listener = nullptr;  // from listen to close
};

// One received datagram. The payload is the frame's: whoever wants it copies it.
struct Arrival {
  Bytes payload;
  Endpoint from, to;
  Nanos time = 0;
  bool time_is_hardware = false;
};

// Copies the datagram to the socket's owner, or says why not. The caller frees the frame.
Drop socket_deliver(Socket& sk, const Arrival& arrival, Nanos now);

// Exactly once per accepted send with a token: 0, the port took the copied frame; or a negative
// errno and the datagram never left. context is the one that Net was constructed with.
void socket_sent(uint64_t token, int status, Nanos now, void* context);

// An ICMP error quotes a datagram of this socket; error is the negative errno it stands for.
void socket_error(Socket& sk, int error, Nanos now);

}  // namespace pinion
