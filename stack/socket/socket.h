// Socket: what net, udp and rio know of one socket, and the three upcalls by which a protocol tells
// its owner what happened. rio/ implements the upcalls; nothing here knows rio.
#pragma once
#include "base/drop.h"
#include "base/types.h"
#include "socket/endpoint.h"
#include "socket/flow.h"

namespace pinion {

struct SocketQueue;  // rio's side of a socket, opaque here

enum class SocketType : uint8_t { datagram, stream };

struct Socket {
  uint32_t index = 0;
  SocketType type = SocketType::datagram;
  bool bound = false;  // UdpDemux writes bound, connected, local and remote
  bool connected = false;
  bool broadcast = false;  // may send to broadcast addresses
  bool reuse_address = false;
  bool shares_port = false;  // UdpDemux: reuse, as it was asked for at bind
  uint8_t ttl = 64;
  uint8_t tos = 0;
  Endpoint local, remote;
  SocketQueue* queue = nullptr;
  Socket* demux_next = nullptr;  // the demux's chain: bound, or connected sockets
  int pending_error = 0;
  Flow flow;  // of the last datagram
  uint64_t dropped = 0;  // datagrams that found the backlog full
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
