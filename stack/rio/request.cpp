// One request: accepted from a slot's copy, started, completed. Completions of one direction of one
// queue come in the order of the requests.
#include <cerrno>

#include "net/net.h"
#include "rio/server.h"
#include "rio/slot_address.h"

namespace pinion {

namespace {

bool no_data(const rio_abi_request& slot) {
  return slot.buffer_id == RIO_INVALID_BUFFER && slot.offset == 0 && slot.length == 0;
}

static_assert(RIO_FAMILY_NONE == 0);
bool no_peer(const rio_abi_request& slot) {
  const uint64_t words = load<uint64_t>(slot.peer) | load<uint64_t>(slot.peer + 8);
  return (words | slot.family | slot.port | slot.scope) == 0;
}

int check_peer(const rio_abi_request& slot) {
  if (slot.family == RIO_FAMILY_NONE) return no_peer(slot) ? 0 : -EINVAL;
  if (slot.family == RIO_FAMILY_IPV6) return slot.scope == 0 && slot.port != 0 ? 0 : -EINVAL;
  if (slot.family != RIO_FAMILY_IPV4) return -EAFNOSUPPORT;
  const uint64_t rest = load<uint32_t>(slot.peer + 4) | load<uint64_t>(slot.peer + 8);
  return slot.scope == 0 && rest == 0 && slot.port != 0 ? 0 : -EINVAL;
}

uint32_t completion_flags(uint8_t opcode, uint16_t request_flags, int32_t status) {
  return outcome_flags(opcode, request_flags, opcode == RIO_OP_SEND && status != 0);
}

}  // namespace

// 0, or the status with which this entry fails; nothing of the slot is read again elsewhere.
template <uint16_t kFlags>
int Server::check(const RequestQueue& rq, const rio_abi_request& slot, BufferTable::Located& data) {
  if (slot.reserved0 != 0 || slot.reserved1 != 0 || slot.reserved2 != 0) return -EINVAL;
  if (slot.opcode > RIO_OP_CLOSE) return -EINVAL;
  if (slot.opcode > RIO_OP_RECEIVE) return -EOPNOTSUPP;
  if ((slot.flags & ~kFlags) != 0) return -EINVAL;
  if (slot.opcode == RIO_OP_NOP) return no_data(slot) && no_peer(slot) ? 0 : -EINVAL;
  if (slot.opcode == RIO_OP_RECEIVE && !no_peer(slot)) return -EINVAL;
  if (slot.opcode == RIO_OP_SEND) {
    if (const int status = check_peer(slot); status != 0) return status;
  }
  if (no_data(slot)) return 0;
  data = rq.session->buffers.locate({slot.buffer_id, slot.offset, slot.length});
  return data.ok ? 0 : -EINVAL;
}
template int Server::check<Server::kStreamFlags>(const RequestQueue&, const rio_abi_request&,
                                                 BufferTable::Located&);

// Every popped slot gets exactly one completion: now, or through the Request made here.
void Server::accept(RequestQueue& rq, const rio_abi_request& slot, Nanos now) {
  const bool receive = slot.opcode == RIO_OP_RECEIVE;
  CompletionQueue& cq = receive ? *rq.receive_cq : *rq.send_cq;
  ++cq.in_flight;
  BufferTable::Located data;
  int status = check<kRequestFlags>(rq, slot, data);
  if (status == 0 && receive && rq.closing) status = -ECANCELED;
  const uint32_t outstanding = receive ? rq.receive_count : rq.send_count;
  const bool over_quota = outstanding >= (receive ? rq.receives_max : rq.sends_max);
  const bool at_once =
      over_quota || (outstanding == 0 && (status != 0 || slot.opcode == RIO_OP_NOP));
  if (at_once) {
    if (over_quota) status = -ENOBUFS;
    complete(rq, cq,
             {.status = status,
              .flags = completion_flags(slot.opcode, slot.flags, status),
              .context = slot.request_context});
  } else {
    append(rq, slot, data.bytes.data(), status);
  }
  if ((slot.flags & RIO_DEFER) == 0) hold(rq, false, now);
  else if (!receive) hold(rq, true, now);
  if (receive && !at_once && rq.socket->waiting_count != 0) advance_receives(rq);
}

void Server::append(RequestQueue& rq, const rio_abi_request& slot, std::byte* base, int status) {
  Request* r = requests_.take();
  STACK_CHECK(r != nullptr);  // creating the queue reserved it
  r->queue = &rq;
  r->base = base;
  r->context = slot.request_context;
  r->length = base == nullptr ? 0 : slot.length;
  r->buffer_id = base == nullptr ? RIO_INVALID_BUFFER : slot.buffer_id;
  r->status = status;
  r->position = 0;
  r->flags = slot.flags;
  r->opcode = slot.opcode;
  r->family = static_cast<uint8_t>(slot.family);
  r->peer_port = slot.port;
  r->peer_address = load_address(slot.peer, slot.family);
  const bool to_start = status == 0 && slot.opcode != RIO_OP_NOP;
  r->state = to_start ? Request::State::queued : Request::State::done;
  if (r->buffer_id != RIO_INVALID_BUFFER) rq.session->buffers.use(r->buffer_id);
  if (slot.opcode == RIO_OP_RECEIVE) {
    rq.receives.push(r);
    ++rq.receive_count;
    return;
  }
  rq.sends.push(r);
  ++rq.send_count;
  if (to_start && rq.first_queued_send == nullptr) rq.first_queued_send = r;
}

void Server::hold(RequestQueue& rq, bool on, Nanos now) {
  if (rq.hold == on) return;
  rq.hold = on;
  if (on) rq.hold_since = now, rq.session->held.push_back(&rq);
  else rq.session->held.remove(&rq);
}

// Starts queued sends in order, as far as the port takes them and the session's budget goes; what
// was taken in this visit has `paid` for itself.
void Server::output(RequestQueue& rq, uint32_t paid, Nanos now) {
  while (Request* r = rq.first_queued_send) {
    const bool free = paid != 0;
    if (free) --paid;
    else if (!spend(*rq.session)) return leave(rq);
    if (r->state == Request::State::queued) {
      r->state = Request::State::in_flight;
      const int status = sends_left_ == 0 ? -EAGAIN : start_send(rq, *r, now);
      if (status == -EAGAIN) {
        r->state = Request::State::queued;
        if (sends_left_ != 0) full_until_ = pass_ + 1;
        if (!free) ++vain_;  // a core that only waits for the port is not busy
        ++refused_;
        return leave(rq);
      }
      --sends_left_, ++started_;
      for (uint32_t n = net_.more_work(); n > 0 && spend(*rq.session); --n) {
      }
      if (status != 0) r->state = Request::State::done, r->status = status;
    }
    rq.first_queued_send = r->next;
  }
  drain_sends(rq);
}

int Server::start_send(RequestQueue& rq, Request& r, Nanos now) {
  Socket& sk = rq.socket->socket;
  Endpoint to{r.peer_address, r.peer_port};
  if (r.family == RIO_FAMILY_NONE) {
    if (!sk.connected) return -EDESTADDRREQ;
    to = sk.remote;
  }
  // ::ffff:a.b.c.d is IPv4 by another name: a socket of IPv6 has none of it.
  if (to.address.is_v4() == sk.ipv6) return -EAFNOSUPPORT;
  if (!sk.bound) {
    if (const int status = net_.udp().bind(sk, {any_of(to.address), 0}, false, to); status != 0)
      return status;
  }
  UdpSend send{};
  send.source = sk.local;
  send.destination = to;
  send.ttl = sk.ttl;
  if (to.address.is_multicast()) send.ttl = sk.multicast_ttl, send.loop = sk.multicast_loop;
  if (sk.local.address.is_multicast()) send.source.address = {};  // nobody sends from a group
  send.tos = sk.tos;
  send.broadcast_ok = sk.broadcast;
  send.fragment = sk.fragment;
  record_(Door::payload, {r.base, r.length});
  send.payload = {r.base, r.length};
  if (r.length > config_.copy_bytes) send.may_attach = rq.session->buffers.reach(r.buffer_id);
  send.flow = &sk.flow, send.path_mtu = &sk.path_mtu;
  send.owner = sk.owner;
  send.token = uint64_t{requests_.index(&r)} + 1;
  return net_.udp_send(send, now);
}

// The oldest send has its outcome.
void Server::complete_send(RequestQueue& rq) {
  Request* r = rq.sends.pop();
  --rq.send_count;
  if (rq.first_queued_send == r) rq.first_queued_send = r->next;  // a nop, or it failed at once
  complete(rq, *rq.send_cq,
           {.status = r->status,
            .bytes = r->status == 0 ? r->length : 0,
            .flags = completion_flags(r->opcode, r->flags, r->status),
            .context = r->context});
  release(rq, *r);
}

// Completes finished sends from the front: an earlier one that is not finished holds them back.
void Server::drain_sends(RequestQueue& rq) {
  while (Request* r = rq.sends.front()) {
    if (r->state != Request::State::done) return;
    if (!spend(*rq.session)) return leave(rq);
    complete_send(rq);
  }
}

// The oldest posted receive has its outcome.
void Server::finish_receive(RequestQueue& rq, int status, uint32_t bytes, const Arrival* arrival) {
  Request* r = rq.receives.pop();
  --rq.receive_count;
  complete(rq, *rq.receive_cq,
           {.status = status,
            .bytes = bytes,
            .flags = completion_flags(r->opcode, r->flags, status),
            .context = r->context,
            .arrival = arrival});
  release(rq, *r);
}

// Failed and cancelled receives complete when every earlier one has; waiting datagrams meet the
// receives that were posted since.
void Server::advance_receives(RequestQueue& rq) {
  while (Request* r = rq.receives.front()) {
    const bool failed = r->state == Request::State::done;
    if (!failed && !rq.closing && rq.socket->waiting_count == 0) return;
    if (!spend(*rq.session)) return leave(rq);
    if (failed) finish_receive(rq, r->status, 0, nullptr);
    else if (rq.closing) finish_receive(rq, -ECANCELED, 0, nullptr);
    else deliver_waiting(*rq.socket);
  }
}

void Server::release(RequestQueue& rq, Request& r) {
  if (r.buffer_id != RIO_INVALID_BUFFER) rq.session->buffers.unuse(r.buffer_id);
  requests_.give(&r);
}

}  // namespace pinion
