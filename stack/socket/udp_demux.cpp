#include "socket/udp_demux.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "base/check.h"
#include "base/rng.h"
#include "base/siphash.h"

namespace pinion {
namespace {

bool shareable(uint32_t holders, uint32_t exclusive, bool reuse) {
  return holders == 0 || (reuse && exclusive == 0);
}

}  // namespace

UdpDemux::UdpDemux(const UdpDemuxConfig& config) : config_(config) {
  STACK_CHECK(config.sockets_max > 0);
  STACK_CHECK(0 < config.ephemeral_first && config.ephemeral_first <= config.ephemeral_last);
  const size_t buckets = std::bit_ceil(size_t{config.sockets_max});
  mask_ = static_cast<uint32_t>(buckets - 1);
  bindings_.resize(config.sockets_max);
  for (uint32_t i = 0; i < bindings_.size(); ++i)
    bindings_[i].next = i + 1 < bindings_.size() ? i + 1 : kNone;
  binding_buckets_.assign(buckets, kNone);
  connected_buckets_.assign(buckets, nullptr);
  ports_ = std::make_unique<PortUse[]>(kPortPlaces);  // zeros
}

int UdpDemux::bind(Socket& sk, Endpoint local, bool reuse, Endpoint towards,
                   const HomePorts& home) {
  if (sk.bound) return -EINVAL;
  if (sockets_ >= config_.sockets_max) return -ENOBUFS;
  if (local.port == 0) {
    local.port = ephemeral_port(local.address, towards, home);
    if (local.port == 0 && !home.all()) local.port = ephemeral_port(local.address, towards, {});
    if (local.port == 0) return -EADDRINUSE;
  } else if (!available(local, reuse)) {
    return -EADDRINUSE;
  }
  if (!claim(local, sk.user)) return -EADDRINUSE;
  sk.shares_port = reuse;
  if (const int status = hold(sk, local); status != 0) {
    give_up(local);
    return status;
  }
  sk.bound = true;
  sk.connected = false;
  ++sockets_;
  return 0;
}

int UdpDemux::connect(Socket& sk, Ip local_address, Endpoint remote) {
  if (!sk.bound || local_address.is_any() || remote.port == 0) return -EINVAL;
  if (!sk.local.address.is_any() && sk.local.address != local_address) return -EINVAL;
  const Endpoint local{local_address, sk.local.port};
  const Socket* other = find_connected(local, remote);
  if (other == &sk) return 0;
  if (other) return -EADDRINUSE;

  const Endpoint before = sk.local;
  const bool was_connected = sk.connected;
  if (was_connected) unlink_connected(sk);
  release(sk);
  if (!available(local, sk.shares_port)) {
    STACK_CHECK(hold(sk, before) == 0);  // it was this socket's a moment ago
    return -EADDRINUSE;
  }
  STACK_DCHECK(!was_connected || before == local);
  STACK_CHECK(hold(sk, local) == 0);
  // From here on the socket is found by its 4-tuple alone.
  Binding& b = bindings_[find_binding(local)];
  b.unconnected = sk.demux_next;
  sk.remote = remote;
  sk.connected = true;
  Socket*& bucket = connected_buckets_[bucket_of(local, remote)];
  sk.demux_next = bucket;
  bucket = &sk;
  ++connected_;
  return 0;
}

void UdpDemux::unbind(Socket& sk) {
  if (!sk.bound) return;
  if (sk.connected) unlink_connected(sk);
  release(sk);
  give_up(sk.local);
  sk.bound = false;
  sk.local = sk.remote = {};
  --sockets_;
}

Socket* UdpDemux::lookup(const Endpoint& dst, const Endpoint& src) const {
  if (connected_ != 0)
    if (Socket* sk = find_connected(dst, src)) return sk;
  if (ports_[port_place(dst)].holders == 0) return nullptr;
  const uint32_t exact = find_binding(dst);
  if (exact != kNone && bindings_[exact].unconnected) return bindings_[exact].unconnected;
  const uint32_t any = find_binding({any_of(dst.address), dst.port});
  return any == kNone ? nullptr : bindings_[any].unconnected;
}

uint32_t UdpDemux::bucket_of(const Endpoint& local) const {
  return static_cast<uint32_t>(mix64(endpoint_key(local, config_.secret))) & mask_;
}

uint32_t UdpDemux::bucket_of(const Endpoint& local, const Endpoint& remote) const {
  const uint64_t first = mix64(endpoint_key(local, config_.secret));
  return static_cast<uint32_t>(mix64(first + endpoint_key(remote, config_.secret))) & mask_;
}

uint32_t UdpDemux::find_binding(const Endpoint& local) const {
  uint32_t i = binding_buckets_[bucket_of(local)];
  while (i != kNone && bindings_[i].local != local) i = bindings_[i].next;
  return i;
}

Socket* UdpDemux::find_connected(const Endpoint& local, const Endpoint& remote) const {
  const auto is = [&](const Socket* sk) { return sk->local == local && sk->remote == remote; };
  if (last_found_ != nullptr && is(last_found_)) return last_found_;
  Socket* sk = connected_buckets_[bucket_of(local, remote)];
  while (sk && !is(sk)) sk = sk->demux_next;
  if (sk) last_found_ = sk;
  return sk;
}

// The wildcard overlaps every address of its port; an address overlaps itself and the wildcard.
bool UdpDemux::available(const Endpoint& local, bool reuse) const {
  const PortUse& port = ports_[port_place(local)];
  if (port.holders == 0) return true;
  if (local.address.is_any()) return shareable(port.holders, port.exclusive, reuse);
  for (const Ip address : {local.address, any_of(local.address)}) {
    const uint32_t i = find_binding({address, local.port});
    if (i == kNone) continue;
    if (!shareable(bindings_[i].holders, bindings_[i].exclusive, reuse)) return false;
  }
  return true;
}

// As far as the other cores are concerned.
bool UdpDemux::claim(const Endpoint& local, uint32_t user) {
  PortDirectory* d = config_.directory;
  return d == nullptr ||
         d->claim(PortDirectory::place_of(PortDirectory::Protocol::udp, local), user);
}

void UdpDemux::give_up(const Endpoint& local) {
  if (config_.directory == nullptr || ports_[port_place(local)].holders != 0) return;
  config_.directory->give_up(PortDirectory::place_of(PortDirectory::Protocol::udp, local));
}

bool UdpDemux::may_choose(const Endpoint& local) const {
  const PortDirectory* d = config_.directory;
  return d == nullptr ||
         (d->is_our_share(local.port) &&
          !d->bound_elsewhere(PortDirectory::place_of(PortDirectory::Protocol::udp, local)));
}

void UdpDemux::tell(const Endpoint& local) {
  if (config_.directory == nullptr) return;
  config_.directory->set_own({.place = PortDirectory::place_of(PortDirectory::Protocol::udp, local),
                              .used = ports_[port_place(local)].holders != 0});
}

// RFC 6056: a random place in the range, then the next free port. The place is a keyed hash of the
// flow (3.3.3) and of a counter, so that nobody who saw one port can tell the next (3.3.1).
uint16_t UdpDemux::ephemeral_port(Ip address, const Endpoint& towards, const HomePorts& home) {
  const uint64_t input[6] = {address.hi,         address.lo,   towards.address.hi,
                             towards.address.lo, towards.port, ephemeral_counter_++};
  const uint64_t hash =
      siphash({config_.secret[0], config_.secret[1]}, std::as_bytes(std::span{input}));
  const uint32_t range = uint32_t{config_.ephemeral_last} - config_.ephemeral_first + 1;
  const auto offset = static_cast<uint32_t>(hash % range);
  for (uint32_t i = 0; i < range; ++i) {
    const auto port = static_cast<uint16_t>(config_.ephemeral_first + (offset + i) % range);
    if (home.has(port) && available({address, port}, false) && may_choose({address, port}))
      return port;
  }
  return 0;
}

// Counts the socket in at `local` and puts it among its unconnected sockets, the latest first.
int UdpDemux::hold(Socket& sk, const Endpoint& local) {
  uint32_t index = find_binding(local);
  if (index == kNone) {
    index = free_binding_;
    if (index == kNone) return -ENOBUFS;
    Binding& fresh = bindings_[index];
    free_binding_ = fresh.next;
    uint32_t& bucket = binding_buckets_[bucket_of(local)];
    fresh = {.local = local, .next = bucket};
    bucket = index;
  }
  Binding& b = bindings_[index];
  PortUse& port = ports_[port_place(local)];
  ++b.holders, ++port.holders;
  if (!sk.shares_port) ++b.exclusive, ++port.exclusive;
  sk.local = local;
  sk.demux_next = b.unconnected;
  b.unconnected = &sk;
  tell(local);
  return 0;
}

// The mirror of hold, for a socket that is in no chain of connected ones.
void UdpDemux::release(Socket& sk) {
  const uint32_t index = find_binding(sk.local);
  STACK_CHECK(index != kNone);
  Binding& b = bindings_[index];
  PortUse& port = ports_[port_place(sk.local)];
  Socket** link = &b.unconnected;
  while (*link && *link != &sk) link = &(*link)->demux_next;
  if (*link) *link = sk.demux_next;
  sk.demux_next = nullptr;
  --b.holders, --port.holders;
  if (!sk.shares_port) --b.exclusive, --port.exclusive;
  tell(sk.local);
  if (b.holders != 0) return;
  STACK_DCHECK(b.unconnected == nullptr && b.exclusive == 0);
  uint32_t* place = &binding_buckets_[bucket_of(b.local)];
  while (*place != index) place = &bindings_[*place].next;
  *place = b.next;
  b.next = free_binding_;
  free_binding_ = index;
}

void UdpDemux::unlink_connected(Socket& sk) {
  if (last_found_ == &sk) last_found_ = nullptr;
  Socket** link = &connected_buckets_[bucket_of(sk.local, sk.remote)];
  while (*link != &sk) link = &(*link)->demux_next;
  *link = sk.demux_next;
  sk.demux_next = nullptr;
  sk.connected = false;
  --connected_;
}

}  // namespace pinion
