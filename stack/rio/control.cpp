// Cold calls of an application, one function each: completion queues, sockets, request queues. The
// message is our copy; what it names in shared memory (a queue's header) is copied once and
// checked.
#include <algorithm>
#include <bit>
#include <cerrno>

#include "net/net.h"
#include "rio/control_message.h"
#include "rio/server.h"

namespace pinion {

namespace {

// The first line of both queue headers.
struct RingConstants {
  uint32_t slot_bytes, capacity, start, features;
  uint8_t rest[48];
};
static_assert(sizeof(RingConstants) == RIO_SLOT_BYTES);

// Header and slots of a queue inside a registered buffer; the constants of its header, copied once.
template <class Header, class Slot>
struct RingMemory {
  Header* header = nullptr;
  Slot* slots = nullptr;
  uint32_t capacity = 0, start = 0;
};

template <class Header, class Slot>
int open_ring(const Session& s, const rio_control& app, const Recorder& record,
              RingMemory<Header, Slot>& out) {
  if (app.offset > UINT32_MAX || app.size > UINT32_MAX) return -EINVAL;
  const auto data = s.buffers.locate(
      {app.handle2, static_cast<uint32_t>(app.offset), static_cast<uint32_t>(app.size)});
  if (!data.ok || data.bytes.size() < sizeof(Header) + sizeof(Slot)) return -EINVAL;
  if (reinterpret_cast<uintptr_t>(data.bytes.data()) % alignof(Header) != 0) return -EINVAL;
  out.header = reinterpret_cast<Header*>(data.bytes.data());
  out.slots = reinterpret_cast<Slot*>(data.bytes.data() + sizeof(Header));
  RingConstants constants;
  rio_slot_copy(&constants, out.header);
  record(Door::slot, std::as_writable_bytes(std::span{&constants, 1}));
  if (constants.slot_bytes != RIO_SLOT_BYTES || constants.features != 0) return -EINVAL;
  if (!std::has_single_bit(constants.capacity)) return -EINVAL;
  if (constants.capacity > (data.bytes.size() - sizeof(Header)) / sizeof(Slot)) return -EINVAL;
  out.capacity = constants.capacity, out.start = constants.start;
  return 0;
}

constexpr const char* kOtherFamily = "not an address of the socket's family, without a scope";

// ::ffff:a.b.c.d is IPv4 by another name: a socket of IPv6 has none of it.
bool is_of_family(const Socket& sk, const rio_address& a) {
  const uint16_t family = sk.ipv6 ? RIO_FAMILY_IPV6 : RIO_FAMILY_IPV4;
  if (sk.ipv6 && a.scope != 0) return false;
  return a.family == family && load_address(a.bytes, a.family).is_v4() != sk.ipv6;
}

bool may_bind(const SessionQuota& quota, const Endpoint& local) {
  if (quota.bind_anything || local.port == 0) return true;
  for (uint32_t i = 0; i < quota.grants; ++i) {
    const BindGrant& g = quota.grant[i];
    const bool port = local.port >= g.first && local.port <= g.last;
    if (port && (g.any_address || g.address == local.address)) return true;
  }
  return false;
}

}  // namespace

int Server::application(Session& s, KernelMessage& m, Nanos now) {
  const rio_control& app = m.app;
  switch (app.opcode) {
    case RIO_CTL_BUFFER_REGISTER: {
      uint32_t id = RIO_INVALID_BUFFER;
      const int status = s.buffers.register_buffer(app.handle, app.offset, app.size, id);
      m.app.handle = id;
      return status;
    }
    case RIO_CTL_BUFFER_DEREGISTER: return s.buffers.deregister_buffer(app.handle);
    case RIO_CTL_CQ_CREATE: return create_cq(s, m);
    case RIO_CTL_CQ_RESIZE: return resize_cq(s, m);
    case RIO_CTL_CQ_CLOSE: return close_cq(s, m);
    case RIO_CTL_SOCKET: return create_socket(s, m);
    case RIO_CTL_SOCKET_CLOSE: return close_socket(s, app.handle, now);
    case RIO_CTL_BIND: return bind(s, m);
    case RIO_CTL_CONNECT: return connect(s, m, now);
    case RIO_CTL_SETSOCKOPT: return set_option(s, m, now);
    case RIO_CTL_GETSOCKOPT: return get_option(s, m);
    case RIO_CTL_GETSOCKNAME: return get_name(s, m, false);
    case RIO_CTL_GETPEERNAME: return get_name(s, m, true);
    case RIO_CTL_RQ_CREATE: return create_rq(s, m);
    case RIO_CTL_RQ_RESIZE: return resize_rq(s, m, now);
    case RIO_CTL_LISTEN:
    case RIO_CTL_ACCEPT:
    case RIO_CTL_SHUTDOWN:
    case RIO_CTL_CONNECT_STATUS: return stream_call(s, m, now);
    case RIO_CTL_JOIN:
    case RIO_CTL_LEAVE: return membership(s, m, now);
    default:
      return refuse(m, -EOPNOTSUPP, "unknown control opcode: librio is newer than the daemon");
  }
}

SocketQueue* Server::find_socket(Session& s, uint32_t handle) {
  const uint32_t index = handle & kHandleMask;
  if (index >= sockets_.capacity()) return nullptr;
  SocketQueue& sq = sockets_[index];
  const bool named = sq.state == SocketQueue::State::open && sq.session == &s &&
                     handle == handle_of(index, sq.generation);
  return named ? &sq : nullptr;
}

CompletionQueue* Server::find_cq(Session& s, uint32_t handle) {
  const uint32_t index = handle & kHandleMask;
  if (index >= s.quota.cqs_max) return nullptr;
  CompletionQueue& cq = s.cqs[index];
  return cq.live && handle == handle_of(index, cq.generation) ? &cq : nullptr;
}

int Server::create_cq(Session& s, KernelMessage& m) {
  const rio_control& app = m.app;
  if (app.a == 0 || app.a > RIO_CQ_ENTRIES_MAX)
    return refuse(m, -EINVAL, "a completion queue has 1 to 134217728 entries");
  if (app.b != config_.core) return refuse(m, -ENXIO, "no such core");
  uint32_t index = 0;
  while (index < s.quota.cqs_max && s.cqs[index].live) ++index;
  if (index == s.quota.cqs_max)
    return refuse(m, -ENOSPC, "the session's completion queues are all in use");
  RingMemory<rio_abi_cq, rio_abi_completion> ring;
  if (const int status = open_ring(s, app, record_, ring); status != 0)
    return refuse(m, status, "completion queue: not a ring inside a registered buffer");
  if (ring.capacity / 2 < app.a)
    return refuse(m, -EINVAL, "a completion queue's ring has at least twice the entries asked");
  if (record_(Door::word, rio_word_load(&ring.header->consumed)) != ring.start)
    return refuse(m, -EINVAL, "a new completion queue's consumed position is its start");
  CompletionQueue& cq = s.cqs[index];
  const uint32_t generation = cq.generation;
  cq = {};
  cq.generation = generation;
  cq.slots = ring.slots, cq.header = ring.header, cq.mask = ring.capacity - 1;
  cq.posted = cq.consumed = cq.notifiable_to = ring.start;
  cq.entries = app.a;
  cq.buffer_id = app.handle2;
  cq.signal_fd = m.signal_fd;
  cq.session = &s;
  cq.live = true;
  s.buffers.use(cq.buffer_id);
  ++s.cqs_used;
  rio_word_store(&cq.header->core, config_.core);
  m.app.handle = handle_of(index, generation);
  m.app.e = s.quota.queues_max + index;
  return 0;
}

int Server::resize_cq(Session& s, KernelMessage& m) {
  const rio_control& app = m.app;
  CompletionQueue* cq = find_cq(s, app.handle);
  if (cq == nullptr) return refuse(m, -EBADF, "no such completion queue");
  if (app.a == 0 || app.a > RIO_CQ_ENTRIES_MAX || app.a < cq->reserved)
    return refuse(m, -EINVAL, "fewer entries than its request queues have reserved");
  RingMemory<rio_abi_cq, rio_abi_completion> ring;
  if (const int status = open_ring(s, app, record_, ring); status != 0)
    return refuse(m, status, "completion queue: not a ring inside a registered buffer");
  if (ring.capacity / 2 < app.a)
    return refuse(m, -EINVAL, "a completion queue's ring has at least twice the entries asked");
  // The reader finishes the old ring up to P = posted. The new one needs no start of its own: with
  // two slots or more no initial value of a slot is a later position + 1. It cannot overflow:
  // in_flight <= reserved <= capacity / 2, and no more is popped until the reader has caught up.
  s.buffers.use(app.handle2);
  s.buffers.unuse(cq->buffer_id);
  cq->buffer_id = app.handle2;
  cq->slots = ring.slots, cq->header = ring.header, cq->mask = ring.capacity - 1;
  rio_word_store(&cq->header->core, config_.core);
  cq->entries = app.a;
  m.app.a = cq->posted;
  return 0;
}

int Server::close_cq(Session& s, KernelMessage& m) {
  CompletionQueue* cq = find_cq(s, m.app.handle);
  if (cq == nullptr) return refuse(m, -EBADF, "no such completion queue");
  if (cq->users != 0) return refuse(m, -EBUSY, "a request queue still completes into it");
  close_cq_slot(*cq);
  return 0;
}

int Server::create_socket(Session& s, KernelMessage& m) {
  const rio_control& app = m.app;
  if (app.a != RIO_FAMILY_IPV4 && app.a != RIO_FAMILY_IPV6)
    return refuse(m, -EAFNOSUPPORT, "neither RIO_FAMILY_IPV4 nor RIO_FAMILY_IPV6");
  if (app.b != RIO_TYPE_DATAGRAM && app.b != RIO_TYPE_STREAM)
    return refuse(m, -EPROTONOSUPPORT, "neither RIO_TYPE_DATAGRAM nor RIO_TYPE_STREAM");
  if (app.c != config_.core) return refuse(m, -ENXIO, "no such core");
  if (s.sockets_used >= s.quota.sockets_max)
    return refuse(m, -ENOSPC, "the session's sockets_max is reached");
  const bool stream = app.b == RIO_TYPE_STREAM;
  SocketQueue* sq =
      new_socket(s, stream ? SocketType::stream : SocketType::datagram, app.a == RIO_FAMILY_IPV6);
  if (sq == nullptr) return refuse(m, -ENOSPC, "all sockets of this core are in use");
  m.app.handle = handle_of(sq->socket.index, sq->generation);
  m.app.c = config_.core;
  return 0;
}

SocketQueue* Server::new_socket(Session& s, SocketType type, bool ipv6) {
  SocketQueue* sq = sockets_.take();
  if (sq == nullptr) return nullptr;
  const uint32_t generation = sq->generation;
  *sq = {};
  sq->generation = generation;
  sq->server = this, sq->session = &s;
  const bool stream = type == SocketType::stream;
  sq->waiting_max = stream ? tcp_config_.receive_bytes : config_.udp_backlog_max;
  sq->state = SocketQueue::State::open;
  sq->socket.type = type;
  sq->socket.ipv6 = ipv6;
  if (ipv6) sq->socket.local.address = sq->socket.remote.address = kAnyIpv6;
  streams_ += stream;
  sq->socket.stream.nodelay = !tcp_config_.nagle;
  sq->socket.stream.receive_bytes = tcp_config_.receive_bytes;
  sq->socket.index = sockets_.index(sq);
  sq->socket.queue = sq;
  sq->socket.owner = s.id + 1;
  sq->socket.user = s.user;
  ++s.sockets_used;
  s.sockets.push_back(sq);
  return sq;
}

int Server::bind(Session& s, KernelMessage& m) {
  const rio_address& a = m.app.address;
  SocketQueue* sq = find_socket(s, m.app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  if (!is_of_family(sq->socket, a)) return refuse(m, -EAFNOSUPPORT, kOtherFamily);
  const Endpoint local = endpoint_of(a);
  const bool group = local.address.is_multicast() && sq->socket.type == SocketType::datagram;
  // One that is being claimed will be ours in a moment, or never.
  if (!local.address.is_any() && !group && !net_.is_local(local.address) &&
      !net_.is_claimed(local.address))
    return refuse(m, -EADDRNOTAVAIL, "not an address of any NIC of this core");
  if (!may_bind(s.quota, local))
    return refuse(m, -EPERM, "the configuration grants this user no such address and port");
  Socket& sk = sq->socket;
  const int status = sk.type == SocketType::stream ? net_.tcp().bind(sk, local, sk.reuse_address)
                                                   : net_.udp().bind(sk, local, sk.reuse_address);
  if (status == -EADDRINUSE) return refuse(m, status, "address and port are in use");
  if (status == -ENOBUFS) return refuse(m, status, "the core's sockets are all bound");
  if (status != 0) return refuse(m, status, "the socket is bound already");
  m.app.address = address_of(sk.local);
  return 0;
}

int Server::connect(Session& s, KernelMessage& m, Nanos now) {
  const rio_address& a = m.app.address;
  SocketQueue* sq = find_socket(s, m.app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  if (!is_of_family(sq->socket, a)) return refuse(m, -EAFNOSUPPORT, kOtherFamily);
  const Endpoint remote = endpoint_of(a);
  if (remote.port == 0 || remote.address.is_any())
    return refuse(m, -EINVAL, "a peer has an address and a port");
  Socket& sk = sq->socket;
  if (sk.type == SocketType::stream) return connect_stream(*sq, m, remote, now);
  if (net_.is_broadcast(remote.address) && !sk.broadcast)
    return refuse(m, -EACCES, "broadcast: set RIO_SO_BROADCAST first");
  const Ip source =
      sk.bound && !sk.local.address.is_any() ? sk.local.address : net_.source_for(remote.address);
  if (source.is_any()) return refuse(m, -ENETUNREACH, "no route to this peer");
  if (!sk.bound) {
    const int status = net_.udp().bind(sk, {source, 0}, false, remote,
                                       net_.home_ports(kProtocolUdp, source, remote));
    if (status != 0) return refuse(m, status, "no ephemeral port is free");
  }
  const int status = net_.udp().connect(sk, source, remote);
  if (status != 0) return refuse(m, status, "this pair of addresses and ports is in use");
  m.app.address = address_of(sk.local);
  return 0;
}

int Server::set_option(Session& s, KernelMessage& m, Nanos now) {
  SocketQueue* sq = find_socket(s, m.app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  const uint64_t value = m.app.size;
  Socket& sk = sq->socket;
  if (sk.type == SocketType::stream) return set_stream_option(*sq, m, now);
  switch (m.app.a) {
    case RIO_SO_BROADCAST:
    case RIO_SO_MULTICAST_LOOP:
    case RIO_SO_FRAGMENT:
    case RIO_SO_REUSEADDR: {
      if (value > 1) return refuse(m, -EINVAL, "0 or 1");
      bool& flag = m.app.a == RIO_SO_BROADCAST        ? sk.broadcast
                   : m.app.a == RIO_SO_MULTICAST_LOOP ? sk.multicast_loop
                   : m.app.a == RIO_SO_FRAGMENT       ? sk.fragment
                                                      : sk.reuse_address;
      flag = value != 0;
      return 0;
    }
    case RIO_SO_TTL:
      if (value < 1 || value > 255) return refuse(m, -EINVAL, "1 to 255");
      sk.ttl = static_cast<uint8_t>(value);
      return 0;
    case RIO_SO_MULTICAST_TTL:
      if (value < 1 || value > 255) return refuse(m, -EINVAL, "1 to 255");
      sk.multicast_ttl = static_cast<uint8_t>(value);
      return 0;
    case RIO_SO_DSCP:
      if (value > 63) return refuse(m, -EINVAL, "0 to 63");
      sk.tos = static_cast<uint8_t>(value << 2);
      return 0;
    case RIO_SO_RECEIVE_BACKLOG:
      if (value > config_.udp_backlog_max)
        return refuse(m, -EINVAL, "more than udp.receive_backlog_max");
      sq->waiting_max = static_cast<uint32_t>(value);
      return 0;
    default: return refuse(m, -ENOPROTOOPT, "no such option, or it can only be read");
  }
}

int Server::get_option(Session& s, KernelMessage& m) {
  SocketQueue* sq = find_socket(s, m.app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  Socket& sk = sq->socket;
  if (sk.type == SocketType::stream) return get_stream_option(*sq, m);
  switch (m.app.a) {
    case RIO_SO_BROADCAST: m.app.size = sk.broadcast; return 0;
    case RIO_SO_REUSEADDR: m.app.size = sk.reuse_address; return 0;
    case RIO_SO_TTL: m.app.size = sk.ttl; return 0;
    case RIO_SO_MULTICAST_TTL: m.app.size = sk.multicast_ttl; return 0;
    case RIO_SO_MULTICAST_LOOP: m.app.size = sk.multicast_loop; return 0;
    case RIO_SO_FRAGMENT: m.app.size = sk.fragment; return 0;
    case RIO_SO_DSCP: m.app.size = sk.tos >> 2; return 0;
    case RIO_SO_RECEIVE_BACKLOG: m.app.size = sq->waiting_max; return 0;
    case RIO_SO_DROPPED: m.app.size = sk.dropped; return 0;
    case RIO_SO_ERROR:
      m.app.size = static_cast<uint64_t>(static_cast<int64_t>(sk.pending_error));
      sk.pending_error = 0;
      return 0;
    default: return refuse(m, -ENOPROTOOPT, "no such option");
  }
}

int Server::get_name(Session& s, KernelMessage& m, bool peer) {
  SocketQueue* sq = find_socket(s, m.app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  if (peer && !sq->socket.connected) return refuse(m, -ENOTCONN, "the socket has no peer");
  m.app.address = address_of(peer ? sq->socket.remote : sq->socket.local);
  return 0;
}

int Server::create_rq(Session& s, KernelMessage& m) {
  const rio_control& app = m.app;
  SocketQueue* sq = find_socket(s, app.handle);
  if (sq == nullptr) return refuse(m, -EBADF, "no such socket");
  if (sq->queue != nullptr) return refuse(m, -EALREADY, "the socket has its request queue");
  if (sq->stream.life == Stream::Life::listening)
    return refuse(m, -EINVAL, "a listening socket has no requests: its connections have");
  CompletionQueue* rcq = find_cq(s, app.c);
  CompletionQueue* scq = find_cq(s, app.d);
  if (rcq == nullptr || scq == nullptr) return refuse(m, -EBADF, "no such completion queue");
  if (const int status = reserve(s, m, *rcq, *scq); status != 0) return status;
  RingMemory<rio_abi_rq, rio_abi_request> ring;
  if (const int status = open_ring(s, app, record_, ring); status != 0)
    return refuse(m, status, "request queue: not a ring inside a registered buffer");
  if (ring.capacity < app.a + app.b)
    return refuse(m, -EINVAL, "a request queue's ring covers both its quotas");
  uint32_t index = s.next_queue;
  STACK_DCHECK(index < s.quota.queues_max);
  for (uint32_t i = 0; i < s.quota.queues_max && s.queues[index] != nullptr; ++i)
    index = index + 1 == s.quota.queues_max ? 0 : index + 1;
  RequestQueue* rq = s.queues[index] != nullptr ? nullptr : queues_.take();
  if (rq == nullptr) return refuse(m, -ENOSPC, "all request queues are in use");
  s.next_queue = index + 1 == s.quota.queues_max ? 0 : index + 1;
  queues_ever_ = std::max(queues_ever_, queues_.index(rq) + 1);
  *rq = {};
  rq->slots = ring.slots, rq->header = ring.header, rq->mask = ring.capacity - 1;
  rq->position = ring.start;
  rq->commits = record_(Door::word, rio_word_load(&ring.header->commits));
  rq->receive_cq = rcq, rq->send_cq = scq;
  rq->receives_max = app.a, rq->sends_max = app.b;
  rq->session = &s, rq->socket = sq;
  rq->socket_context = app.context;
  rq->buffer_id = app.handle2;
  rq->index = index;
  rq->pinned = (app.f & RIO_RQ_HOT) != 0;
  rq->stream = sq->socket.type == SocketType::stream;
  rq->copied = rq->stream && (app.f & RIO_RQ_COPIED) != 0;
  rq->live = true;
  s.queues[index] = rq, sq->queue = rq, ++s.queues_used;
  s.buffers.use(rq->buffer_id);
  rcq->reserved += app.a, scq->reserved += app.b, ++rcq->users, ++scq->users;
  requests_reserved_ += app.a + app.b, s.requests_reserved += app.a + app.b;
  rio_word_store(&rq->header->state, RIO_RQ_STATE_COLD);
  rio_word_store(&rq->header->core, config_.core);
  if (rq->pinned) ++pinned_count_, promote(*rq);
  m.app.handle = m.app.e = index;
  return 0;
}

// Is there room for a new queue's completions and requests? Nothing is taken yet.
int Server::reserve(Session& s, KernelMessage& m, const CompletionQueue& rcq,
                    const CompletionQueue& scq) {
  const uint32_t receives = m.app.a, sends = m.app.b;
  if (receives == 0 && sends == 0) return refuse(m, -EINVAL, "both quotas are 0");
  if ((m.app.f & ~(RIO_RQ_HOT | RIO_RQ_COPIED)) != 0) return refuse(m, -EINVAL, "unknown flag");
  const uint64_t both = uint64_t{receives} + sends;
  const bool fits =
      &rcq == &scq ? both <= rcq.entries - rcq.reserved
                   : receives <= rcq.entries - rcq.reserved && sends <= scq.entries - scq.reserved;
  if (!fits) return refuse(m, -ENOSPC, "a completion queue has no room for these quotas");
  if (both > s.quota.requests_max - s.requests_reserved)
    return refuse(m, -ENOSPC, "the session's share of requests is reached");
  if (both > requests_.capacity() - requests_reserved_)
    return refuse(m, -ENOSPC, "the core's requests_max is reached");
  if (s.queues_used >= s.quota.queues_max)
    return refuse(m, -ENOSPC, "the session's request_queues_max is reached");
  if ((m.app.f & RIO_RQ_HOT) != 0 && pinned_count_ >= pinned_max())
    return refuse(m, -ENOSPC, "too many request queues are RIO_RQ_HOT already");
  return 0;
}

// What was posted before P is taken from the old ring first: the caller may give that memory back
// when it has the reply. -EAGAIN: there was more than a budget of it, ask again.
int Server::resize_rq(Session& s, KernelMessage& m, Nanos now) {
  const rio_control& app = m.app;
  RequestQueue* rq = app.handle < s.quota.queues_max ? s.queues[app.handle] : nullptr;
  if (rq == nullptr || rq->closing) return refuse(m, -EBADF, "no such request queue");
  CompletionQueue& rcq = *rq->receive_cq;
  CompletionQueue& scq = *rq->send_cq;
  RingMemory<rio_abi_rq, rio_abi_request> ring;
  if (const int status = open_ring(s, app, record_, ring); status != 0)
    return refuse(m, status, "request queue: not a ring inside a registered buffer");
  if (ring.start != app.c || ring.capacity < uint64_t{app.a} + app.b)
    return refuse(m, -EINVAL, "a request queue's ring starts at P and covers both its quotas");
  if (app.c - rq->position > rq->mask + 1)
    return refuse(m, -EINVAL, "P is not a position of this request queue");
  uint32_t units = s.quota.requests_per_pass;
  for (; units > 0 && rq->position != app.c && rq->ready(record_) && room(*rq); --units) {
    if (rq->stream) accept_stream(*rq, rq->pop(record_), now);
    else accept(*rq, rq->pop(record_), now);
  }
  if (s.state != Session::State::live) return -EBADMSG;
  poll_if_hot(*rq);
  again(*rq);
  if (rq->position != app.c && units == 0) return -EAGAIN;
  if (rq->position != app.c)
    return refuse(m, -EBUSY, "requests before P could not be taken: dequeue completions, retry");
  if (app.a < rq->receive_count || app.b < rq->send_count || app.a + app.b == 0)
    return refuse(m, -EINVAL, "fewer than are outstanding");
  rcq.reserved -= rq->receives_max, scq.reserved -= rq->sends_max;
  const uint32_t before = rq->receives_max + rq->sends_max;
  requests_reserved_ -= before, s.requests_reserved -= before;
  --s.queues_used;
  const int status = reserve(s, m, rcq, scq);
  const uint32_t receives = status == 0 ? app.a : rq->receives_max;
  const uint32_t sends = status == 0 ? app.b : rq->sends_max;
  ++s.queues_used;
  rcq.reserved += receives, scq.reserved += sends;
  requests_reserved_ += receives + sends, s.requests_reserved += receives + sends;
  if (status != 0) return status;
  rq->receives_max = receives, rq->sends_max = sends;
  s.buffers.use(app.handle2);
  s.buffers.unuse(rq->buffer_id);
  rq->buffer_id = app.handle2;
  rio_word_store(&ring.header->state,
                 rq->heat == RequestQueue::Heat::hot ? RIO_RQ_STATE_HOT : RIO_RQ_STATE_COLD);
  rio_word_store(&ring.header->core, config_.core);
  // A commit counted in the old header is not seen again.
  const uint32_t commits = record_(Door::word, rio_word_load(&rq->header->commits));
  if (commits != rq->commits) hold(*rq, false, now);
  rq->slots = ring.slots, rq->header = ring.header, rq->mask = ring.capacity - 1;
  rq->commits = record_(Door::word, rio_word_load(&ring.header->commits));
  poll_if_hot(*rq);
  return 0;
}

}  // namespace pinion
