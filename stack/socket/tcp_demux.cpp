#include "socket/tcp_demux.h"

#include <bit>
#include <cerrno>

#include "base/check.h"
#include "base/rng.h"
#include "base/siphash.h"

namespace pinion {
namespace {

// Of a binding, or of all of a port: may one more socket be bound there?
template <class Use>
bool shareable(const Use& use, bool listens, bool reuse) {
  if (listens) return false;
  return reuse ? use.exclusive == 0 : use.holders == 0 && use.connections == 0;
}

}  // namespace

TcpDemux::TcpDemux(const TcpDemuxConfig& config) : config_(config) {
  STACK_CHECK(config.bound_max > 0 && config.connections_max > 0);
  STACK_CHECK(0 < config.ephemeral_first && config.ephemeral_first <= config.ephemeral_last);
  const size_t ends = size_t{config.bound_max} + config.connections_max;
  const size_t buckets = std::bit_ceil(ends);
  mask_ = static_cast<uint32_t>(buckets - 1);
  bindings_.resize(ends);
  for (uint32_t i = 0; i < ends; ++i) bindings_[i].next = i + 1 < ends ? i + 1 : kNone;
  binding_buckets_.assign(buckets, kNone);
  connection_buckets_.assign(buckets, nullptr);
  ports_ = std::make_unique<PortUse[]>(kPortPlaces);  // zeros
}

int TcpDemux::bind(Socket& sk, Endpoint local, bool reuse) {
  if (sk.bound) return -EINVAL;
  if (bound_ >= config_.bound_max) return -ENOBUFS;
  if (local.port == 0) {
    const uint32_t range = uint32_t{config_.ephemeral_last} - config_.ephemeral_first + 1;
    const uint32_t first = first_of_range(local.address, {});
    for (uint32_t i = 0; i < range && local.port == 0; ++i) {
      const auto port = static_cast<uint16_t>(config_.ephemeral_first + (first + i) % range);
      const Endpoint one{local.address, port};
      if (may_choose(one, {}) && available(one, false)) local.port = port;
    }
    if (local.port == 0) return -EADDRINUSE;
  } else if (!available(local, reuse)) {
    return -EADDRINUSE;
  }
  if (!claim(local, sk.user)) return -EADDRINUSE;
  const uint32_t index = take_binding(local);
  if (index == kNone) {
    give_up(local);
    return -ENOBUFS;
  }
  Binding& b = bindings_[index];
  PortUse& port = ports_[port_place(local)];
  ++b.holders, ++port.holders, ++bound_;
  if (!reuse) ++b.exclusive, ++port.exclusive;
  sk.shares_port = reuse;
  sk.local = local;
  sk.bound_to = local;
  sk.bound = true;
  tell(local);
  return 0;
}

void TcpDemux::unbind(Socket& sk) {
  if (!sk.bound) return;
  const uint32_t index = find_binding(sk.bound_to);
  STACK_CHECK(index != kNone);
  unlisten(sk);
  Binding& b = bindings_[index];
  PortUse& port = ports_[port_place(sk.bound_to)];
  --b.holders, --port.holders, --bound_;
  if (!sk.shares_port) --b.exclusive, --port.exclusive;
  tell(sk.bound_to);
  give_up(sk.bound_to);
  sk.bound = false;
  sk.bound_to = {};
  give_binding(index);
}

int TcpDemux::listen(Socket& sk) {
  if (!sk.bound) return -EINVAL;
  Binding& b = bindings_[find_binding(sk.bound_to)];
  if (b.listener == &sk) return 0;
  if (b.listener != nullptr) return -EADDRINUSE;
  b.listener = &sk;
  ++ports_[port_place(sk.bound_to)].listeners;
  return 0;
}

void TcpDemux::unlisten(Socket& sk) {
  if (!sk.bound) return;
  Binding& b = bindings_[find_binding(sk.bound_to)];
  if (b.listener != &sk) return;
  b.listener = nullptr;
  --ports_[port_place(sk.bound_to)].listeners;
}

uint16_t TcpDemux::port_for(Ip local, const Endpoint& remote, const HomePorts& home) {
  const uint32_t range = uint32_t{config_.ephemeral_last} - config_.ephemeral_first + 1;
  const uint32_t first = first_of_range(local, remote);
  for (uint32_t i = 0; i < range; ++i) {
    const auto port = static_cast<uint16_t>(config_.ephemeral_first + (first + i) % range);
    if (!may_choose({local, port}, home)) continue;
    if (ports_[port_place({local, port})].holders == 0 && find({local, port}, remote) == nullptr)
      return port;
  }
  return 0;
}

int TcpDemux::insert(Connection& c) {
  if (find(c.local, c.remote) != nullptr) return -EADDRINUSE;
  c.binding = take_binding(c.local);
  if (c.binding == kNone) return -ENOBUFS;
  ++bindings_[c.binding].connections, ++ports_[port_place(c.local)].connections, ++connections_;
  tell(c.local);
  Connection*& bucket = connection_buckets_[bucket_of(c.local, c.remote)];
  c.demux_next = bucket;
  bucket = &c;
  return 0;
}

void TcpDemux::remove(Connection& c) {
  if (last_found_ == &c) last_found_ = nullptr;
  Connection** link = &connection_buckets_[bucket_of(c.local, c.remote)];
  while (*link != &c) link = &(*link)->demux_next;
  *link = c.demux_next;
  c.demux_next = nullptr;
  --connections_;
  free_port(c);
}

void TcpDemux::free_port(Connection& c) {
  if (c.binding == kNone) return;
  --bindings_[c.binding].connections, --ports_[port_place(c.local)].connections;
  tell(c.local);
  give_binding(c.binding);
  c.binding = kNone;
}

Connection* TcpDemux::find(const Endpoint& local, const Endpoint& remote) const {
  const auto is = [&](const Connection* c) { return c->local == local && c->remote == remote; };
  if (last_found_ != nullptr && is(last_found_)) return last_found_;
  Connection* c = connection_buckets_[bucket_of(local, remote)];
  while (c && !is(c)) c = c->demux_next;
  if (c) last_found_ = c;
  return c;
}

Socket* TcpDemux::find_listener(const Endpoint& local) const {
  if (ports_[port_place(local)].listeners == 0) return nullptr;
  const uint32_t exact = find_binding(local);
  if (exact != kNone && bindings_[exact].listener) return bindings_[exact].listener;
  const uint32_t any = find_binding({any_of(local.address), local.port});
  return any == kNone ? nullptr : bindings_[any].listener;
}

uint32_t TcpDemux::bucket_of(const Endpoint& local) const {
  return static_cast<uint32_t>(mix64(endpoint_key(local, config_.secret))) & mask_;
}

uint32_t TcpDemux::bucket_of(const Endpoint& local, const Endpoint& remote) const {
  const uint64_t first = mix64(endpoint_key(local, config_.secret));
  return static_cast<uint32_t>(mix64(first + endpoint_key(remote, config_.secret))) & mask_;
}

uint32_t TcpDemux::find_binding(const Endpoint& local) const {
  uint32_t i = binding_buckets_[bucket_of(local)];
  while (i != kNone && bindings_[i].local != local) i = bindings_[i].next;
  return i;
}

// The binding of that endpoint, which may be new and then is held by nobody yet; kNone: no memory.
uint32_t TcpDemux::take_binding(const Endpoint& local) {
  uint32_t index = find_binding(local);
  if (index != kNone) return index;
  index = free_binding_;
  if (index == kNone) return kNone;
  Binding& fresh = bindings_[index];
  free_binding_ = fresh.next;
  uint32_t& bucket = binding_buckets_[bucket_of(local)];
  fresh = {.local = local, .next = bucket};
  bucket = index;
  return index;
}

// Frees a binding that nobody holds any more.
void TcpDemux::give_binding(uint32_t index) {
  Binding& b = bindings_[index];
  if (b.holders != 0 || b.connections != 0) return;
  STACK_DCHECK(b.listener == nullptr && b.exclusive == 0);
  uint32_t* place = &binding_buckets_[bucket_of(b.local)];
  while (*place != index) place = &bindings_[*place].next;
  *place = b.next;
  b.next = free_binding_;
  free_binding_ = index;
}

// The wildcard overlaps every address of its port; an address overlaps itself and the wildcard.
bool TcpDemux::available(const Endpoint& local, bool reuse) const {
  const PortUse& port = ports_[port_place(local)];
  if (local.address.is_any()) return shareable(port, port.listeners != 0, reuse);
  for (const Ip address : {local.address, any_of(local.address)}) {
    const uint32_t i = find_binding({address, local.port});
    if (i == kNone) continue;
    if (!shareable(bindings_[i], bindings_[i].listener != nullptr, reuse)) return false;
  }
  return true;
}

// As far as the other cores are concerned.
bool TcpDemux::claim(const Endpoint& local, uint32_t user) {
  PortDirectory* d = config_.directory;
  return d == nullptr ||
         d->claim(PortDirectory::place_of(PortDirectory::Protocol::tcp, local), user);
}

void TcpDemux::give_up(const Endpoint& local) {
  if (config_.directory == nullptr || ports_[port_place(local)].holders != 0) return;
  config_.directory->give_up(PortDirectory::place_of(PortDirectory::Protocol::tcp, local));
}

// Connections of several cores may have one port, if their answers part; a bound socket's is its
// own.
bool TcpDemux::may_choose(const Endpoint& local, const HomePorts& home) const {
  const PortDirectory* d = config_.directory;
  if (!home.has(local.port)) return false;
  if (d == nullptr) return true;
  if (home.all() && !d->is_our_share(local.port)) return false;
  return !d->bound_elsewhere(PortDirectory::place_of(PortDirectory::Protocol::tcp, local));
}

void TcpDemux::tell(const Endpoint& local) {
  if (config_.directory == nullptr) return;
  const PortUse& port = ports_[port_place(local)];
  config_.directory->set_own({.place = PortDirectory::place_of(PortDirectory::Protocol::tcp, local),
                              .used = port.holders + port.connections != 0});
}

// RFC 6056 3.3.3, and a counter, as UdpDemux does it: where in the range the search begins.
uint32_t TcpDemux::first_of_range(Ip address, const Endpoint& towards) {
  const uint64_t input[6] = {address.hi,         address.lo,   towards.address.hi,
                             towards.address.lo, towards.port, ephemeral_counter_++};
  const uint64_t hash =
      siphash({config_.secret[0], ~config_.secret[1]}, std::as_bytes(std::span{input}));
  return static_cast<uint32_t>(hash %
                               (uint32_t{config_.ephemeral_last} - config_.ephemeral_first + 1));
}

}  // namespace pinion
