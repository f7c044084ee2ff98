// Cold calls about streams: connect, listen, accept, shutdown, and their options.
#include <algorithm>
#include <cerrno>

#include "net/net.h"
#include "rio/control_message.h"
#include "rio/server.h"

namespace pinion {

namespace {

using Life = Stream::Life;

constexpr uint64_t kDelayedAckUsEnd = 500'000;  // RFC 9293 3.8.6.3: below 0.5 s
constexpr uint64_t kMaxsegMin = 64;

// A time as an application sets and sees it: 0 is the configuration's.
uint64_t in_units(Nanos value, Nanos unset, Nanos unit) {
  return static_cast<uint64_t>((value == 0 ? unset : value) / unit);
}

}  // namespace

int Server::stream_call(Session& s, KernelMessage& m, Nanos now) {
  SocketQueue* sq = find_socket(s, m.app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  if (sq->socket.type != SocketType::stream)
    return refuse(m, -EOPNOTSUPP, "only a socket of RIO_TYPE_STREAM does this");
  if (m.app.opcode == RIO_CTL_LISTEN) return listen(*sq, m, now);
  if (m.app.opcode == RIO_CTL_ACCEPT) return accept_connection(*sq, m);
  if (m.app.opcode == RIO_CTL_SHUTDOWN) return shutdown(*sq, m, now);
  switch (sq->stream.life) {
    case Life::open: return 0;
    case Life::connecting: return -EINPROGRESS;
    case Life::failed: return refuse(m, sq->stream.error, "the connection failed");
    case Life::idle:
    case Life::listening: break;
  }
  return refuse(m, -ENOTCONN, "the socket was never connected");
}

// Whatever the others have, a session finds its share of connections.
bool Server::count_connection(SocketQueue& sq) {
  Session& s = *sq.session;
  if (s.connections >= connection_share_) {
    const uint32_t all = connection_share_ * config_.sessions_max;
    if (connections_shared_ >= connections_owned_ - all) return false;
    ++connections_shared_;
  }
  ++s.connections;
  return sq.stream.counted = true;
}

void Server::uncount_connection(SocketQueue& sq) {
  if (!sq.stream.counted) return;
  sq.stream.counted = false;
  if (--sq.session->connections >= connection_share_) --connections_shared_;
}

int Server::connect_stream(SocketQueue& sq, KernelMessage& m, Endpoint remote, Nanos now) {
  Stream& st = sq.stream;
  if (st.life == Life::connecting) return refuse(m, -EALREADY, "it is connecting already");
  if (st.life == Life::open) return refuse(m, -EISCONN, "it is connected already");
  if (st.life != Life::idle)
    return refuse(m, -EINVAL, "it listens or has failed: make a new socket");
  if (net_.is_broadcast(remote.address) || remote.address.is_multicast())
    return refuse(m, -EACCES, "a stream has one peer: no broadcast or multicast address");
  if (!count_connection(sq))
    return refuse(m, -ENOBUFS, "the session's share of tcp.connections_max is reached");
  st.life = Life::connecting;
  const int status = net_.tcp().connect(sq.socket, remote, now);
  if (status != -EINPROGRESS) {
    st.life = Life::idle;
    uncount_connection(sq);
    if (status == -ENETUNREACH) return refuse(m, status, "no route to this peer");
    if (status == -ENOBUFS) return refuse(m, status, "tcp.connections_max is reached");
    return refuse(m, status, "no ephemeral port is free, or the 4-tuple is in use");
  }
  m.app.address = address_of(sq.socket.local);
  return refuse(m, status, "connecting: ask rio_connect_wait, or just post requests");
}

// Again: a new backlog. A number that is too large, or 0, is taken for the nearest that is not.
int Server::listen(SocketQueue& sq, KernelMessage& m, Nanos now) {
  Stream& st = sq.stream;
  if (sq.queue != nullptr)
    return refuse(m, -EINVAL, "a listening socket has no requests: its connections have");
  if (st.life != Life::idle && st.life != Life::listening)
    return refuse(m, -EINVAL, "the socket has a connection");
  if (!sq.socket.bound) return refuse(m, -EINVAL, "bind it first");
  const uint32_t backlog = std::clamp(m.app.a, 1u, config_.listen_backlog_max);
  const int status = net_.tcp().listen(sq.socket, backlog, now);
  if (status != 0) return refuse(m, status, "another socket listens there, or too many listen");
  st.life = Life::listening;
  st.pending_max = backlog;
  return 0;
}

int Server::accept_connection(SocketQueue& listener, KernelMessage& m) {
  Stream& st = listener.stream;
  if (st.life != Life::listening) return refuse(m, -EINVAL, "the socket does not listen");
  SocketQueue* sq = st.pending.pop();
  if (sq == nullptr) return refuse(m, -EAGAIN, "no connection waits");
  --st.pending_count;
  sq->state = SocketQueue::State::open;
  m.app.handle2 = handle_of(sq->socket.index, sq->generation);
  m.app.address = address_of(sq->socket.remote);
  m.app.c = config_.core;
  return 0;
}

// FIN behind what was posted, of which a part may still be in the ring.
int Server::shutdown(SocketQueue& sq, KernelMessage& m, Nanos now) {
  Stream& st = sq.stream;
  if (st.life != Life::open && st.life != Life::connecting)
    return refuse(m, -ENOTCONN, "there is no connection");
  if (st.shutdown_asked) return 0;
  st.shutdown_asked = true;
  if (sq.queue == nullptr) {
    end_sending(sq, now);
    return 0;
  }
  hold(*sq.queue, false, now);
  leave(*sq.queue);
  return 0;
}

int Server::set_stream_option(SocketQueue& sq, KernelMessage& m, Nanos now) {
  Socket& sk = sq.socket;
  const uint64_t value = m.app.size;
  switch (m.app.a) {
    case RIO_SO_REUSEADDR:
    case RIO_SO_LINGER_0:
    case RIO_SO_NODELAY: {
      if (value > 1) return refuse(m, -EINVAL, "0 or 1");
      bool& flag = m.app.a == RIO_SO_REUSEADDR  ? sk.reuse_address
                   : m.app.a == RIO_SO_LINGER_0 ? sq.stream.linger_0
                                                : sk.stream.nodelay;
      flag = value != 0;
      break;
    }
    case RIO_SO_TTL:
      if (value < 1 || value > 255) return refuse(m, -EINVAL, "1 to 255");
      sk.ttl = static_cast<uint8_t>(value);
      break;
    case RIO_SO_DSCP:
      if (value > 63) return refuse(m, -EINVAL, "0 to 63");
      sk.tos = static_cast<uint8_t>(value << 2);
      break;
    default:
      if (const int status = set_stream_number(sq, m); status != 0) return status;
  }
  net_.tcp().options_changed(sk, now);
  return 0;
}

int Server::set_stream_number(SocketQueue& sq, KernelMessage& m) {
  StreamOptions& o = sq.socket.stream;
  const uint64_t value = m.app.size;
  const auto number = static_cast<uint32_t>(value);
  const uint64_t buffer_max = sq.session->quota.waiting_bytes_max;
  if (value > UINT32_MAX / 2) return refuse(m, -EINVAL, "too large");
  switch (m.app.a) {
    case RIO_SO_KEEPALIVE_S: o.keepalive_idle = value == 0 ? kNever : number * kSecond; return 0;
    case RIO_SO_KEEPALIVE_INTERVAL_S: o.keepalive_interval = number * kSecond; return 0;
    case RIO_SO_KEEPALIVE_COUNT: o.keepalive_count = number; return 0;
    case RIO_SO_USER_TIMEOUT_MS: o.user_timeout = number * kMilli; return 0;
    case RIO_SO_CONNECT_TIMEOUT_MS: o.connect_timeout = number * kMilli; return 0;
    case RIO_SO_FIN_WAIT_2_S: o.fin_wait_2 = number * kSecond; return 0;
    case RIO_SO_DELAYED_ACK_US:
      if (value >= kDelayedAckUsEnd) return refuse(m, -EINVAL, "0 to 499999");
      o.delayed_ack = number * kMicro;
      return 0;
    case RIO_SO_RECEIVE_BUFFER:
      if (value < 1 || value > buffer_max)
        return refuse(m, -EINVAL, "1 to the session's share of memory for waiting data");
      sq.waiting_max = o.receive_bytes = number;
      sq.stream.room_grew = true;
      if (sq.queue != nullptr) again(*sq.queue);
      return 0;
    case RIO_SO_MAXSEG:
      if (value != 0 && (value < kMaxsegMin || value > UINT16_MAX))
        return refuse(m, -EINVAL, "0, or 64 to 65535");
      o.maxseg = static_cast<uint16_t>(value);
      return 0;
    case RIO_SO_CONGESTION:
      if (value > RIO_CONGESTION_CUBIC) return refuse(m, -EINVAL, "no such algorithm");
      o.congestion = static_cast<uint8_t>(value);
      return 0;
    default: return refuse(m, -ENOPROTOOPT, "no option of a stream, or it can only be read");
  }
}

int Server::get_stream_option(SocketQueue& sq, KernelMessage& m) {
  Socket& sk = sq.socket;
  const StreamOptions& o = sk.stream;
  const TcpConfig& c = tcp_config_;
  uint64_t& out = m.app.size;
  switch (m.app.a) {
    case RIO_SO_REUSEADDR: out = sk.reuse_address; return 0;
    case RIO_SO_TTL: out = sk.ttl; return 0;
    case RIO_SO_DSCP: out = sk.tos >> 2; return 0;
    case RIO_SO_ERROR:
      out = static_cast<uint64_t>(static_cast<int64_t>(sk.pending_error));
      sk.pending_error = 0;
      return 0;
    case RIO_SO_NODELAY: out = o.nodelay; return 0;
    case RIO_SO_LINGER_0: out = sq.stream.linger_0; return 0;
    case RIO_SO_KEEPALIVE_S:
      out = o.keepalive_idle == kNever ? 0 : in_units(o.keepalive_idle, c.keepalive_idle, kSecond);
      return 0;
    case RIO_SO_KEEPALIVE_INTERVAL_S:
      out = in_units(o.keepalive_interval, c.keepalive_interval, kSecond);
      return 0;
    case RIO_SO_KEEPALIVE_COUNT:
      out = o.keepalive_count == 0 ? c.keepalive_count : o.keepalive_count;
      return 0;
    case RIO_SO_USER_TIMEOUT_MS: out = in_units(o.user_timeout, c.user_timeout, kMilli); return 0;
    case RIO_SO_CONNECT_TIMEOUT_MS:
      out = in_units(o.connect_timeout, c.connect_timeout, kMilli);
      return 0;
    case RIO_SO_FIN_WAIT_2_S: out = in_units(o.fin_wait_2, c.fin_wait_2, kSecond); return 0;
    case RIO_SO_DELAYED_ACK_US:
      out = static_cast<uint64_t>((o.delayed_ack < 0 ? c.delayed_ack : o.delayed_ack) / kMicro);
      return 0;
    case RIO_SO_RECEIVE_BUFFER: out = sq.waiting_max; return 0;
    case RIO_SO_MAXSEG: {  // once connected, what both ends and the path made of it
      const uint32_t mss = net_.tcp().info(sk).mss;
      out = mss != 0 ? mss : o.maxseg;
      return 0;
    }
    case RIO_SO_CONGESTION:
      out = o.congestion == 0 ? static_cast<uint64_t>(c.congestion) : o.congestion;
      return 0;
    case RIO_SO_STATE: out = static_cast<uint64_t>(net_.tcp().info(sk).state); return 0;
    default: return refuse(m, -ENOPROTOOPT, "no option of a stream");
  }
}

}  // namespace pinion
