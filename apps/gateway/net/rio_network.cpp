// See rio_network.h.
#include "gateway/net/rio_network.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace pinion::gateway {

namespace {

constexpr uint32_t kSendsMax = 256;  // outstanding, of each socket
constexpr uint32_t kResultsMax = 64;
constexpr uint64_t kControlEvery = 200'000;  // ns

bool address_of(const Endpoint& endpoint, rio_address& out) {
  return rio_parse_address(endpoint.ip.empty() ? "0.0.0.0" : endpoint.ip.c_str(), endpoint.port,
                           &out) == 0;
}

Endpoint endpoint_of(const rio_address& address) {
  if (address.family != RIO_FAMILY_IPV4) return {};
  std::string ip = std::to_string(address.bytes[0]);
  for (int i = 1; i < 4; ++i) ip.append(".").append(std::to_string(address.bytes[i]));
  return {ip, address.port};
}

bool is_group(const rio_address& address) { return address.bytes[0] >> 4 == 0xe; }

}  // namespace

RioNetwork::RioNetwork(const NetworkConfig& config, rio_session* session, uint32_t core,
                       ControlCalls calls)
    : config_(config),
      calls_(calls),
      session_(session),
      core_(core),
      slots_(config.streams_max),
      control_({.slots = config.streams_max, .core = core, .sends = kSendsMax}, session) {}

RioNetwork::~RioNetwork() {
  for (Slot& slot : slots_)
    if (slot.used && slot.kind != Kind::closing) ask(ControlRequest::What::close, slot);
}

int RioNetwork::fail(int status, const char* what) {
  error_ = std::string(what) + ": " + strerror(-status) + " (" + rio_last_error() + ")";
  return status;
}

// What librio has never heard of: its last error is about something else.
int RioNetwork::fail_here(int status, const char* what) {
  error_ = std::string(what) + ": " + strerror(-status);
  return status;
}

int RioNetwork::open() {
  const size_t bytes = size_t{config_.streams_max} * stream_bytes() +
                       size_t{config_.datagram_sockets_max} * datagram_space_bytes();
  void* memory = nullptr;
  if (const int s = rio_map_memory(session_, bytes, &memory); s != 0) return fail(s, "memory");
  memory_ = static_cast<char*>(memory);
  if (const int s = rio_register_buffer(session_, memory, bytes, &buffer_); s != 0)
    return fail(s, "buffer");
  // Twice: a slot may be used again while the core still holds the last one's connection.
  const uint32_t entries = 2 * (config_.streams_max * (kSendsMax + 1) +
                                config_.datagram_sockets_max * config_.datagrams_max);
  if (const int s = rio_create_completion_queue(session_, entries, core_, RIO_NOTIFY_NONE, &cq_);
      s != 0)
    return fail(s, "completion queue");
  control_.set_queue(cq_);
  if (calls_ == ControlCalls::own_thread) control_.start();
  return 0;
}

bool RioNetwork::take_datagram_space(Slot& slot) {
  for (uint32_t i = 0; i < config_.datagram_sockets_max; ++i) {
    if (std::ranges::any_of(
            slots_, [&](const Slot& other) { return other.used && other.datagram_space == i; }))
      continue;
    slot.datagram_space = i;
    return true;
  }
  return false;
}

uint32_t RioNetwork::datagram_offset(const Slot& slot, uint32_t index) const {
  return config_.streams_max * stream_bytes() + slot.datagram_space * datagram_space_bytes() +
         index * config_.datagram_bytes;
}

void RioNetwork::init(Slot& slot, rio_socket_t socket, Kind kind) {
  slot.kind = kind;
  slot.socket = socket;
  slot.rq = nullptr;
  slot.handler = nullptr;
  slot.datagrams = nullptr;
  slot.datagram_space = kNoSpace;
  slot.received.reset(memory_ + receive_offset(slot), config_.receive_bytes);
  slot.receives = slot.sends = 0;
  slot.send_at = slot.send_used = slot.unposted = 0;
  slot.shut = slot.peer_ended = slot.gone = slot.accepted = slot.has_sent = false;
  slot.peer = slot.local = {};
}

int RioNetwork::open_socket(uint32_t type, Kind kind, Slot*& out) {
  rio_socket_t socket;
  if (const int s = rio_socket(session_, RIO_FAMILY_IPV4, type, core_, &socket); s != 0)
    return fail(s, "socket");
  Slot* slot = slots_.take();
  if (slot == nullptr) {
    rio_close_socket(socket);
    return fail_here(-ENOBUFS, "all sockets are in use");
  }
  init(*slot, socket, kind);
  out = slot;
  return 0;
}

// Completions name the slot and its generation, and come for closed sockets too.
uint64_t RioNetwork::context_of(const Slot& slot) const {
  return uint64_t{slot.generation} << 32 | slots_.index(slot);
}

int RioNetwork::make_datagram_queue(Slot& slot) {
  const int s = rio_create_request_queue(slot.socket, config_.datagrams_max, kSendsMax, cq_, cq_,
                                         context_of(slot), 0, &slot.rq);
  return s == 0 ? 0 : fail(s, "request queue");
}

// There is always room: RioControl::RioControl.
void RioNetwork::ask(ControlRequest::What what, const Slot& slot, const rio_address* address) {
  ControlRequest request{
      .what = what, .slot = slots_.index(slot), .context = context_of(slot), .socket = slot.socket};
  if (address != nullptr) request.address = *address;
  STACK_CHECK(control_.requests.push(request));
}

// The slot and its memory are the core's until the last completion has come.
void RioNetwork::destroy(Slot& slot, ControlRequest::What how) {
  ask(how, slot);
  slot.socket = nullptr;
  slot.kind = Kind::closing;
}

void RioNetwork::release_if_quiet(Slot& slot) {
  if (slot.kind == Kind::closing && slot.gone && slot.receives == 0 && slot.sends == 0)
    slot.used = false;
}

// After the peer's FIN it still gets what was sent to it.
void RioNetwork::lost(Slot& slot, int status) {
  const SocketId id = slots_.id(slot);
  StreamHandler* handler = slot.handler;
  if (status != 0) {
    destroy(slot, ControlRequest::What::abort);
  } else if (slot.sends == 0 && slot.unposted == 0) {
    destroy(slot);
  } else {
    slot.peer_ended = true;
    flush_out(slot);
  }
  if (handler != nullptr) handler->on_closed(id, status);
}

int RioNetwork::listen(const Endpoint& at, StreamHandler& handler) {
  rio_address address;
  if (!address_of(at, address)) return fail_here(-EINVAL, "address");
  Slot* slot;
  if (const int s = open_socket(RIO_TYPE_STREAM, Kind::listener, slot); s != 0) return s;
  slot->handler = &handler;
  int s = rio_set_option(slot->socket, RIO_SO_REUSEADDR, 1);
  if (s == 0) s = rio_bind(slot->socket, &address);
  if (s == 0) s = rio_listen(slot->socket, kBacklog);
  if (s != 0) {
    fail(s, "listen");
    destroy(*slot);
    return s;
  }
  ask(ControlRequest::What::watch, *slot);
  return 0;
}

int RioNetwork::connect(const Endpoint& to, StreamHandler& handler, SocketId& out) {
  rio_address address;
  if (!address_of(to, address)) return fail_here(-EINVAL, "address");
  Slot* slot = slots_.take();
  if (slot == nullptr) return fail_here(-ENOBUFS, "all sockets are in use");
  init(*slot, nullptr, Kind::connecting);
  slot->handler = &handler;
  ask(ControlRequest::What::connect, *slot, &address);
  out = slots_.id(*slot);
  return 0;
}

int RioNetwork::open_datagram(const Endpoint& at, DatagramHandler& handler, SocketId& out) {
  rio_address address;
  if (!address_of(at, address)) return fail_here(-EINVAL, "address");
  Slot* slot;
  if (const int s = open_socket(RIO_TYPE_DATAGRAM, Kind::datagram, slot); s != 0) return s;
  slot->datagrams = &handler;
  if (!take_datagram_space(*slot)) {
    destroy(*slot);
    return fail_here(-ENOBUFS, "all datagram sockets are in use");
  }
  int s = is_group(address) ? rio_set_option(slot->socket, RIO_SO_REUSEADDR, 1) : 0;
  if (s == 0) s = rio_bind(slot->socket, &address);
  if (s != 0) fail(s, "bind");
  else s = make_datagram_queue(*slot);
  if (s != 0) {
    destroy(*slot);
    return s;
  }
  rio_local_address(slot->socket, &slot->local);
  for (uint32_t i = 0; i < config_.datagrams_max; ++i) post_datagram_receive(*slot, i);
  out = slots_.id(*slot);
  return 0;
}

int RioNetwork::join_group(SocketId socket, const Group& group) {
  const Slot* slot = slots_.find(socket);
  rio_address to, source;
  if (slot == nullptr || slot->kind != Kind::datagram || !address_of({group.ip}, to) ||
      !address_of({group.source}, source))
    return fail_here(-EINVAL, "join_group");
  const int s = rio_join_group(slot->socket, &to, group.source.empty() ? nullptr : &source,
                               group.nic.empty() ? nullptr : group.nic.c_str());
  return s == 0 ? 0 : fail(s, "join_group");
}

// As they were when the socket was opened, accepted or connected: asking takes a control call.
Endpoint RioNetwork::local_address(SocketId socket) const {
  const Slot* slot = slots_.find(socket);
  if (slot == nullptr || slot->kind == Kind::flushing || slot->kind == Kind::closing) return {};
  return endpoint_of(slot->local);
}
Endpoint RioNetwork::peer_address(SocketId stream) const {
  const Slot* slot = slots_.find(stream);
  return slot == nullptr || slot->kind != Kind::stream ? Endpoint{} : endpoint_of(slot->peer);
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
  slot->has_sent = true;
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
  if (slot->kind == Kind::stream) flush_out(*slot);
  else destroy(*slot);
}

void RioNetwork::abort(SocketId stream) {
  Slot* slot = slots_.find(stream);
  if (slot == nullptr || slot->kind == Kind::closing || slot->kind == Kind::flushing) return;
  destroy(*slot, ControlRequest::What::abort);
}

void RioNetwork::flush_out(Slot& slot) {
  slot.kind = Kind::flushing;
  slot.close_by = rio_now_ns(session_) + config_.close_ms * uint64_t{1'000'000};
  const bool accepted = slot.accepted;
  end_if_flushed(slot);
  if (!accepted) return;
  Slot* early = slots_.to_give_way(Kind::flushing, config_.accepted_max);
  if (early != nullptr) destroy(*early, ControlRequest::What::abort);
}

void RioNetwork::end_if_flushed(Slot& slot) {
  if (slot.unposted != 0) return;
  if (!slot.shut) {
    slot.shut = true;
    ask(ControlRequest::What::shutdown, slot);
  }
  if (slot.peer_ended && slot.sends == 0) destroy(slot);
}

// Not within a handler, which may still look at the bytes that a receive would overwrite.
void RioNetwork::drain(Slot& slot, uint64_t now) {
  if (now >= slot.close_by) return destroy(slot, ControlRequest::What::abort);
  if (slot.receives != 0 || slot.peer_ended) return;
  slot.received.consumed(slot.received.unread().size());
  post_receive(slot);
}

void RioNetwork::post_receive(Slot& slot) {
  const rio_slice slice{buffer_, receive_offset(slot) + slot.received.back(), slot.received.room()};
  if (rio_receive(slot.rq, &slice, 0, 0) == 0) ++slot.receives;
}

void RioNetwork::post_datagram_receive(Slot& slot, uint32_t index) {
  const rio_slice slice{buffer_, datagram_offset(slot, index), config_.datagram_bytes};
  if (rio_receive(slot.rq, &slice, 0, index) == 0) ++slot.receives;
}

int RioNetwork::poll() {
  rio_result results[kResultsMax];
  int n = rio_dequeue(cq_, results, kResultsMax);
  if (n < 0) return fail(n, "the core");
  for (int i = 0; i < n; ++i) complete(results[i]);
  ControlAnswer answer;
  while (control_.requests.room() > 2 * config_.streams_max && control_.answers.pop(answer)) {
    if (const int s = on_answer(answer); s < 0) return s;
    ++n;
  }
  const uint64_t now = rio_now_ns(session_);
  if (now < next_control_) return n;
  next_control_ = now + kControlEvery;
  if (calls_ == ControlCalls::inline_host) control_.turn();
  for (Slot& slot : slots_)
    if (slot.used && slot.kind == Kind::flushing) drain(slot, now);
  return n;
}

int RioNetwork::on_answer(const ControlAnswer& answer) {
  switch (answer.what) {
    case ControlAnswer::What::network: error_ = answer.why; return answer.status;
    case ControlAnswer::What::accepted: on_accepted(answer); return 0;
    case ControlAnswer::What::ready: on_ready(slots_.at(answer.slot), answer); return 0;
    case ControlAnswer::What::closed:
      slots_.at(answer.slot).gone = true;
      release_if_quiet(slots_.at(answer.slot));
      return 0;
  }
  return 0;
}

void RioNetwork::on_accepted(const ControlAnswer& answer) {
  const auto accepted = std::ranges::count_if(slots_, [](const Slot& slot) {
    return slot.used && slot.accepted && slot.kind != Kind::closing;  // that is ours to end
  });
  Slot* slot = accepted < config_.accepted_max ? slots_.take() : nullptr;
  if (slot == nullptr) {
    STACK_CHECK(control_.requests.push({.socket = answer.socket}));
    return;
  }
  init(*slot, answer.socket, Kind::accepted);
  slot->accepted = true;
  slot->handler = slots_.at(answer.slot).handler;
  ask(ControlRequest::What::queue, *slot);
}

// A connection has its queue, or could not be made.
void RioNetwork::on_ready(Slot& slot, const ControlAnswer& answer) {
  if (slot.kind == Kind::closing) return;  // its handler did not wait for it
  const SocketId id = slots_.id(slot);
  const bool accepted = slot.kind == Kind::accepted;
  if (!accepted) slot.socket = answer.socket;
  if (answer.status != 0) {
    error_ = answer.why;
    if (accepted) slot.handler = nullptr;  // nobody has heard of it
    return lost(slot, answer.status);
  }
  slot.kind = Kind::stream;
  slot.rq = answer.rq;
  slot.peer = answer.peer, slot.local = answer.local;
  if (accepted) {
    StreamHandler* handler = slot.handler->on_accepted(id);
    if (slots_.find(id) == nullptr || slot.kind != Kind::stream) return;  // it was closed there
    slot.handler = handler;
    if (handler == nullptr) return destroy(slot);
  } else {
    slot.handler->on_connected(id);
  }
  if (slots_.find(id) != nullptr && slot.kind == Kind::stream) post_receive(slot);
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
      if (result.status != 0) return destroy(*slot, ControlRequest::What::abort);
      if (result.bytes != 0) return post_receive(*slot);  // over the same bytes: nobody reads them
      slot->peer_ended = true;
      return end_if_flushed(*slot);
    }
  } else {
    --slot->sends;
    slot->send_used -= static_cast<uint32_t>(result.request_context);
    if (slot->kind == Kind::stream && result.status != 0) return lost(*slot, result.status);
    if (slot->kind == Kind::flushing && result.status != 0)
      return destroy(*slot, ControlRequest::What::abort);
    if (slot->kind == Kind::stream || slot->kind == Kind::flushing) post_sends(*slot);
    if (slot->kind == Kind::flushing) end_if_flushed(*slot);
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
    slot.datagrams->on_datagram(id, {memory_ + datagram_offset(slot, index), result.bytes},
                                result.time_ns);
  Slot* still = slots_.find(id);
  if (still != nullptr && still->kind == Kind::datagram && result.status != -ECANCELED)
    post_datagram_receive(*still, index);
}

}  // namespace pinion::gateway
