#include "bench/memory_network.h"

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace pinion::bench {

using gateway::Endpoint;
using gateway::SocketId;

MemoryNetwork::Slot& MemoryNetwork::open(Kind kind, uint16_t port, SocketId& out) {
  Slot* slot = slots_.take();
  if (slot == nullptr) throw std::runtime_error("MemoryNetwork: all sockets are in use");
  slot->kind = kind, slot->port = port, slot->fresh = false;
  slot->memory.resize(kBytes);
  slot->received.reset(slot->memory.data(), kBytes);
  out = slots_.id(*slot);
  return *slot;
}

MemoryNetwork::Slot* MemoryNetwork::find(Kind kind, uint16_t port) {
  for (Slot& slot : slots_)
    if (slot.used && slot.kind == kind && slot.port == port) return &slot;
  return nullptr;
}

int MemoryNetwork::listen(const Endpoint& at, gateway::StreamHandler& handler) {
  SocketId id;
  open(Kind::listener, at.port, id).handler = &handler;
  return 0;
}

int MemoryNetwork::connect(const Endpoint& to, gateway::StreamHandler& handler, SocketId& out) {
  open(Kind::connecting, to.port, out).handler = &handler;
  return 0;
}

void MemoryNetwork::finish_connect(Slot& slot) {
  const Slot* listener = other_->find(Kind::listener, slot.port);
  if (listener == nullptr) return;
  Slot& far = other_->open(Kind::stream, 0, slot.peer);
  far.peer = slots_.id(slot);
  slot.kind = Kind::stream;
  far.handler = listener->handler->on_accepted(slot.peer);
  slot.handler->on_connected(far.peer);
}

size_t MemoryNetwork::room(SocketId stream) const {
  const Slot* slot = slots_.find(stream);
  if (slot == nullptr || slot->kind != Kind::stream) return 0;
  const Slot* far = other_->slots_.find(slot->peer);
  return far == nullptr ? 0 : far->received.room();
}

bool MemoryNetwork::send(SocketId stream, std::string_view bytes) {
  if (bytes.empty() || room(stream) < bytes.size()) return false;
  Slot* far = other_->slots_.find(slots_.find(stream)->peer);
  std::memcpy(far->received.at_back(), bytes.data(), bytes.size());
  far->received.added(static_cast<uint32_t>(bytes.size()));
  far->fresh = true;
  return true;
}

void MemoryNetwork::close(SocketId stream) {
  if (Slot* slot = slots_.find(stream)) slot->used = false;
}

int MemoryNetwork::open_datagram(const Endpoint& at, gateway::DatagramHandler& handler,
                                 SocketId& out) {
  open(Kind::datagram, at.port, out).datagrams = &handler;
  return 0;
}

bool MemoryNetwork::send_to(SocketId, const Endpoint& to, std::string_view bytes) {
  Slot* far = other_->find(Kind::datagram, to.port);
  if (far == nullptr || far->fresh || far->received.room() < bytes.size()) return false;
  std::memcpy(far->received.at_back(), bytes.data(), bytes.size());
  far->received.added(static_cast<uint32_t>(bytes.size()));
  far->fresh = true;
  return true;
}

int MemoryNetwork::poll() {
  int events = 0;
  for (Slot& slot : slots_)
    if (slot.used) events += turn(slot);
  return events;
}

int MemoryNetwork::turn(Slot& slot) {
  if (slot.kind == Kind::connecting) finish_connect(slot);
  if (!slot.fresh) return 0;
  slot.fresh = false;
  const SocketId id = slots_.id(slot);
  const std::string_view unread = slot.received.unread();
  size_t used = unread.size();
  if (slot.kind == Kind::datagram) slot.datagrams->on_datagram(id, unread, 0);
  else used = slot.handler->on_received(id, unread);
  if (slots_.find(id) != nullptr) slot.received.consumed(used);
  return 1;
}

}  // namespace pinion::bench
