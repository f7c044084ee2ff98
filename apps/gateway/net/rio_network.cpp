// See rio_network.h.
#include "gateway/net/rio_network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pinion::gateway {

namespace {

constexpr uint32_t kSendsMax = 256;  // outstanding, of each socket
constexpr uint32_t kBacklog = 64;
constexpr uint32_t kResultsMax = 64;
constexpr uint64_t kControlEvery = 200'000;    // ns
constexpr uint64_t kDrainFor = 2'000'000'000;  // ns, for the peer's FIN after ours

bool address_of(const Endpoint& endpoint, rio_address& out) {
  return rio_parse_address(endpoint.ip.empty() ? "0.0.0.0" : endpoint.ip.c_str(), endpoint.port,
                           &out) == 0;
}

bool is_group(const rio_address& address) { return address.bytes[0] >> 4 == 0xe; }

}  // namespace

RioNetwork::RioNetwork(const NetworkConfig& config, rio_session* session, uint32_t core)
    : config_(config),
      receive_bytes_(std::max(config.receive_bytes, config.datagrams_max * config.datagram_bytes)),
      session_(session),
      core_(core),
      slots_(config.streams_max) {}

RioNetwork::~RioNetwork() {
  for (Slot& slot : slots_)
    if (slot.used && slot.socket != nullptr) rio_close_socket(slot.socket);
}

int RioNetwork::fail(int status, const char* what) {
  error_ = std::string(what) + ": " + strerror(-status) + " (" + rio_last_error() + ")";
  return status;
}

int RioNetwork::open() {
  const size_t bytes = size_t{config_.streams_max} * (receive_bytes_ + config_.send_bytes);
  void* memory = nullptr;
  if (const int s = rio_map_memory(session_, bytes, &memory); s != 0) return fail(s, "memory");
  memory_ = static_cast<char*>(memory);
  if (const int s = rio_register_buffer(session_, memory, bytes, &buffer_); s != 0)
    return fail(s, "buffer");
  const uint32_t entries = config_.streams_max * (kSendsMax + config_.datagrams_max + 1);
  if (const int s = rio_create_completion_queue(session_, entries, core_, RIO_NOTIFY_NONE, &cq_);
      s != 0)
    return fail(s, "completion queue");
  return 0;
}

uint32_t RioNetwork::receive_offset(const Slot& slot) const {
  return slots_.index(slot) * (receive_bytes_ + config_.send_bytes);
}

void RioNetwork::init(Slot& slot, rio_socket_t socket, Kind kind) {
  slot.kind = kind;
  slot.socket = socket;
  slot.rq = nullptr;
  slot.handler = nullptr;
  slot.datagrams = nullptr;
  slot.received.reset(memory_ + receive_offset(slot), config_.receive_bytes);
  slot.receives = slot.sends = 0;
  slot.send_at = slot.send_used = slot.unposted = 0;
  slot.shut = false;
}

int RioNetwork::open_socket(uint32_t type, Kind kind, Slot*& out) {
  rio_socket_t socket;
  if (const int s = rio_socket(session_, RIO_FAMILY_IPV4, type, core_, &socket); s != 0)
    return fail(s, "socket");
  Slot* slot = slots_.take();
  if (slot == nullptr) {
    rio_close_socket(socket);
    return fail(-ENOBUFS, "all sockets are in use");
  }
  init(*slot, socket, kind);
  out = slot;
  return 0;
}

// Completions name the slot and its generation, and come for closed sockets too.
int RioNetwork::make_queue(Slot& slot, uint32_t receives) {
  const uint64_t context = uint64_t{slot.generation} << 32 | slots_.index(slot);
  const uint32_t flags = slot.kind == Kind::datagram ? 0 : RIO_RQ_COPIED;
  const int s = rio_create_request_queue(slot.socket, receives, kSendsMax, cq_, cq_, context, flags,
                                         &slot.rq);
  return s == 0 ? 0 : fail(s, "request queue");
}

// The slot and its memory are the core's until the last completion has come.
void RioNetwork::destroy(Slot& slot) {
  rio_close_socket(slot.socket);
  slot.socket = nullptr;
  slot.kind = Kind::closing;
  release_if_quiet(slot);
}

void RioNetwork::release_if_quiet(Slot& slot) {
  if (slot.kind == Kind::closing && slot.receives == 0 && slot.sends == 0) slot.used = false;
}

void RioNetwork::lost(Slot& slot, int status) {
  const SocketId id = slots_.id(slot);
  StreamHandler* handler = slot.handler;
  destroy(slot);
  if (handler != nullptr) handler->on_closed(id, status);
}

int RioNetwork::listen(const Endpoint& at, StreamHandler& handler) {
  rio_address address;
  if (!address_of(at, address)) return fail(-EINVAL, "address");
  Slot* slot;
  if (const int s = open_socket(RIO_TYPE_STREAM, Kind::listener, slot); s != 0) return s;
  slot->handler = &handler;
  int s = rio_set_option(slot->socket, RIO_SO_REUSEADDR, 1);
  if (s == 0) s = rio_bind(slot->socket, &address);
  if (s == 0) s = rio_listen(slot->socket, kBacklog);
  if (s != 0) {
    fail(s, "listen");
    destroy(*slot);
  }
  return s;
}

int RioNetwork::connect(const Endpoint& to, StreamHandler& handler, SocketId& out) {
  rio_address address;
  if (!address_of(to, address)) return fail(-EINVAL, "address");
  Slot* slot;
  if (const int s = open_socket(RIO_TYPE_STREAM, Kind::connecting, slot); s != 0) return s;
  slot->handler = &handler;
  const int s = rio_connect(slot->socket, &address);
  if (s != -EINPROGRESS) {
    fail(s, "connect");
    destroy(*slot);
    return s;
  }
  out = slots_.id(*slot);
  return 0;
}

int RioNetwork::open_datagram(const Endpoint& at, DatagramHandler& handler, SocketId& out) {
  rio_address address;
  if (!address_of(at, address)) return fail(-EINVAL, "address");
  Slot* slot;
  if (const int s = open_socket(RIO_TYPE_DATAGRAM, Kind::datagram, slot); s != 0) return s;
  slot->datagrams = &handler;
  int s = is_group(address) ? rio_set_option(slot->socket, RIO_SO_REUSEADDR, 1) : 0;
  if (s == 0) s = rio_bind(slot->socket, &address);
  if (s != 0) fail(s, "bind");
  else s = make_queue(*slot, config_.datagrams_max);
  if (s != 0) {
    destroy(*slot);
    return s;
  }
  for (uint32_t i = 0; i < config_.datagrams_max; ++i) post_datagram_receive(*slot, i);
  out = slots_.id(*slot);
  return 0;
}

int RioNetwork::join_group(SocketId socket, const Group& group) {
  const Slot* slot = slots_.find(socket);
  rio_address to, source;
  if (slot == nullptr || slot->kind != Kind::datagram || !address_of({group.ip}, to) ||
      !address_of({group.source}, source))
    return fail(-EINVAL, "join_group");
  const int s = rio_join_group(slot->socket, &to, group.source.empty() ? nullptr : &source,
                               group.nic.empty() ? nullptr : group.nic.c_str());
  return s == 0 ? 0 : fail(s, "join_group");
}

Endpoint RioNetwork::local_address(SocketId socket) const {
  const Slot* slot = slots_.find(socket);
  rio_address at;
  if (slot == nullptr || slot->socket == nullptr || rio_local_address(slot->socket, &at) != 0)
    return {};
  std::string ip = std::to_string(at.bytes[0]);
  for (int i = 1; i < 4; ++i) ip.append(".").append(std::to_string(at.bytes[i]));
  return {ip, at.port};
}

size_t RioNetwork::room(SocketId stream) const {
  const Slot* slot = slots_.find(stream);
  if (slot == nullptr || (slot->kind != Kind::stream && slot->kind != Kind::datagram)) return 0;
  return config_.send_bytes - slot->send_used;
}

void RioNetwork::copy_in(Slot& slot, std::string_view bytes) {
  char* ring = memory_ + send_offset(slot);
  const size_t behind = std::min<size_t>(bytes.size(), config_.send_bytes - slot.send_at);
  std::memcpy(ring + slot.send_at, bytes.data(), behind);
  std::memcpy(ring, bytes.data() + behind, bytes.size() - behind);
  const auto n = static_cast<uint32_t>(bytes.size());
  slot.send_at = (slot.send_at + n) % config_.send_bytes;
  slot.send_used += n;
  slot.unposted += n;
}

// Requests are fewer than messages may be: what finds no room leaves with a later completion, all
// in one piece then. A completion's context gives its bytes back; sends complete in their order.
void RioNetwork::post_sends(Slot& slot) {
  while (slot.unposted != 0 && slot.sends < kSendsMax) {
    const uint32_t at = (slot.send_at + config_.send_bytes - slot.unposted) % config_.send_bytes;
    const uint32_t length = std::min(slot.unposted, config_.send_bytes - at);
    const rio_slice slice{buffer_, send_offset(slot) + at, length};
    const bool more = length < slot.unposted && slot.sends + 1 < kSendsMax;
    if (rio_send(slot.rq, &slice, more ? RIO_DEFER : 0, length) != 0) return;
    slot.unposted -= length;
    ++slot.sends;
  }
}

bool RioNetwork::send(SocketId stream, std::string_view bytes) {
  Slot* slot = slots_.find(stream);
  if (bytes.empty() || room(stream) < bytes.size() || slot->kind != Kind::stream) return false;
  copy_in(*slot, bytes);
  post_sends(*slot);
  return true;
}

// A datagram is one piece: what is left at the end of the ring is left out, and given back with it.
bool RioNetwork::send_to(SocketId socket, const Endpoint& to, std::string_view bytes) {
  Slot* slot = slots_.find(socket);
  rio_address peer;
  if (slot == nullptr || slot->kind != Kind::datagram || !address_of(to, peer)) return false;
  const uint32_t behind = config_.send_bytes - slot->send_at;
  const uint32_t skip = bytes.size() <= behind ? 0 : behind;
  if (bytes.empty() || slot->sends == kSendsMax) return false;
  if (room(socket) < skip + bytes.size()) return false;
  const uint32_t at = (slot->send_at + skip) % config_.send_bytes;
  const rio_slice slice{buffer_, send_offset(*slot) + at, static_cast<uint32_t>(bytes.size())};
  std::memcpy(memory_ + slice.offset, bytes.data(), bytes.size());
  if (rio_send_ex(slot->rq, &slice, &peer, 0, skip + bytes.size()) != 0) return false;
  slot->send_at = (at + slice.length) % config_.send_bytes;
  slot->send_used += skip + slice.length;
  ++slot->sends;
  return true;
}

void RioNetwork::close(SocketId stream) {
  Slot* slot = slots_.find(stream);
  if (slot == nullptr || slot->kind == Kind::closing || slot->kind == Kind::flushing) return;
  if (slot->kind != Kind::stream) return destroy(*slot);
  slot->kind = Kind::flushing;
  slot->close_by = rio_now_ns(session_) + kDrainFor;
  shut_if_flushed(*slot);
}

void RioNetwork::shut_if_flushed(Slot& slot) {
  if (slot.unposted != 0 || slot.shut) return;
  slot.shut = true;
  rio_shutdown(slot.socket);
}

// Not within a handler, which may still look at the bytes that a receive would overwrite.
void RioNetwork::drain(Slot& slot, uint64_t now) {
  if (now >= slot.close_by) return destroy(slot);
  if (slot.receives != 0) return;
  slot.received.consumed(slot.received.unread().size());
  post_receive(slot);
}

void RioNetwork::post_receive(Slot& slot) {
  const rio_slice slice{buffer_, receive_offset(slot) + slot.received.back(), slot.received.room()};
  if (rio_receive(slot.rq, &slice, 0, 0) == 0) ++slot.receives;
}

void RioNetwork::post_datagram_receive(Slot& slot, uint32_t index) {
  const rio_slice slice{buffer_, receive_offset(slot) + index * config_.datagram_bytes,
                        config_.datagram_bytes};
  if (rio_receive(slot.rq, &slice, 0, index) == 0) ++slot.receives;
}

int RioNetwork::poll() {
  rio_result results[kResultsMax];
  const int n = rio_dequeue(cq_, results, kResultsMax);
  if (n < 0) return fail(n, "the core");
  for (int i = 0; i < n; ++i) complete(results[i]);
  const uint64_t now = rio_now_ns(session_);
  if (now < next_control_) return n;
  next_control_ = now + kControlEvery;
  const int more = control_turn();
  return more < 0 ? more : n + more;
}

int RioNetwork::control_turn() {
  int events = 0;
  for (Slot& slot : slots_) {
    if (!slot.used) continue;
    int s = 0;
    if (slot.kind == Kind::listener) s = accept_all(slot);
    else if (slot.kind == Kind::connecting) s = finish_connect(slot);
    else if (slot.kind == Kind::flushing) drain(slot, next_control_);
    if (s < 0) return s;
    events += s;
  }
  return events;
}

int RioNetwork::accept_all(Slot& listener) {
  int accepted = 0;
  StreamHandler* owner = listener.handler;
  while (true) {
    rio_socket_t socket;
    const int s = rio_accept(listener.socket, &socket);
    if (s == -EAGAIN) return accepted;
    if (s != 0) return fail(s, "accept");
    Slot* slot = slots_.take();
    if (slot == nullptr) {
      rio_close_socket(socket);
      continue;
    }
    ++accepted;
    init(*slot, socket, Kind::stream);
    if (make_queue(*slot, 1) != 0) {
      destroy(*slot);
      continue;
    }
    slot->handler = owner->on_accepted(slots_.id(*slot));
    if (slot->handler == nullptr) destroy(*slot);
    else if (slot->kind == Kind::stream) post_receive(*slot);
  }
}

// 1: its handler was told how it ended.
int RioNetwork::finish_connect(Slot& slot) {
  int s = rio_connect_wait(slot.socket, 0);
  if (s == -EHOSTDOWN || s == -EBADMSG) return fail(s, "connect");
  if (s == -ETIMEDOUT) {
    int64_t state = RIO_STATE_CLOSED;
    rio_get_option(slot.socket, RIO_SO_STATE, &state);
    if (state != RIO_STATE_CLOSED) return 0;
    s = rio_connect_wait(slot.socket, 0);  // it may have been refused in between
  }
  if (s != 0) return lost(slot, s), 1;
  slot.kind = Kind::stream;
  if (const int made = make_queue(slot, 1); made != 0) return lost(slot, made), 1;
  const SocketId id = slots_.id(slot);
  slot.handler->on_connected(id);
  if (Slot* still = slots_.find(id); still != nullptr && still->kind == Kind::stream)
    post_receive(*still);
  return 1;
}

void RioNetwork::complete(const rio_result& result) {
  Slot* slot = slots_.find({static_cast<uint32_t>(result.socket_context),
                            static_cast<uint32_t>(result.socket_context >> 32)});
  if (slot == nullptr) return;
  if (result.opcode == RIO_OP_RECEIVE) {
    --slot->receives;
    if (slot->kind == Kind::datagram) return on_datagram(*slot, result);
    if (slot->kind == Kind::stream) return on_receive(*slot, result);
    if (slot->kind == Kind::flushing) {
      if (result.status != 0 || result.bytes == 0) return destroy(*slot);
      return post_receive(*slot);  // over the same bytes: nobody reads them
    }
  } else {
    --slot->sends;
    slot->send_used -= static_cast<uint32_t>(result.request_context);
    if (slot->kind == Kind::stream && result.status != 0) return lost(*slot, result.status);
    if (slot->kind == Kind::stream || slot->kind == Kind::flushing) post_sends(*slot);
    if (slot->kind == Kind::flushing && result.status != 0) return destroy(*slot);
    if (slot->kind == Kind::flushing) shut_if_flushed(*slot);
  }
  release_if_quiet(*slot);
}

void RioNetwork::on_receive(Slot& slot, const rio_result& result) {
  if (result.status != 0 || result.bytes == 0) return lost(slot, result.status);
  const SocketId id = slots_.id(slot);
  slot.received.added(result.bytes);
  const size_t used = slot.handler->on_received(id, slot.received.unread());
  Slot* still = slots_.find(id);
  if (still == nullptr || still->kind != Kind::stream) return;
  still->received.consumed(used);
  if (still->received.room() == 0) lost(*still, -EMSGSIZE);  // its handler takes nothing
  else post_receive(*still);
}

void RioNetwork::on_datagram(Slot& slot, const rio_result& result) {
  const SocketId id = slots_.id(slot);
  const auto index = static_cast<uint32_t>(result.request_context);
  if (result.status == 0)
    slot.datagrams->on_datagram(
        id, {memory_ + receive_offset(slot) + index * config_.datagram_bytes, result.bytes},
        result.time_ns);
  Slot* still = slots_.find(id);
  if (still != nullptr && still->kind == Kind::datagram && result.status != -ECANCELED)
    post_datagram_receive(*still, index);
}

}  // namespace pinion::gateway
