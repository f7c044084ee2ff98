// Ethernet and 802.1Q: bursts from and to the ports, and the way of a frame to its interface.
#include "wire/eth.h"

#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "wire/vlan.h"

namespace pinion {
namespace {
constexpr Nanos kLinkInterval = kMilli;           // between two looks at a link that is up
constexpr Nanos kAnnounceInterval = 2 * kSecond;  // RFC 5227 1.1
constexpr uint64_t kAttachedToken = UINT64_MAX;   // no socket has it
}  // namespace

size_t Net::rx_port(uint32_t port, Nanos now) {
  Frame* frames[kBurstMax];
  const size_t n = ports_[port].port->rx_burst({frames, rx_burst_});
  size_t taken = 0;
  // What another core had said before the peer sent this is known when it is looked at.
  if (mesh_ != nullptr) [[unlikely]]
    taken = take_handed_over(now);
  if (n == 0) return taken;
  const Nanos found = ports_[port].port->burst_time();
  rx_time_ = found != 0 ? found : now;
  for (size_t i = 0; i < n; ++i) {
    if (i + 1 < n) __builtin_prefetch(frames[i + 1]->data);
    ++counters_.rx_frames;
    counters_.rx_bytes += frames[i]->length;
    if (const Drop why = eth_input(port, *frames[i], now); why != Drop::none) counters_.drop(why);
  }
  ports_[port].port->free({frames, n});
  return n + taken;
}

Drop Net::eth_input(uint32_t port, const Frame& frame, Nanos now) {
  EthPacket eth;
  if (const Drop why = eth_parse(frame.bytes(), eth); why != Drop::none) return why;
  uint16_t vlan_id = frame.vlan_stripped ? frame.vlan_tci & kVlanIdMask : 0;
  if (eth.type == kEthTypeVlan && !frame.vlan_stripped) {
    VlanTag tag;
    if (const Drop why = vlan_parse(eth.payload, tag); why != Drop::none) return why;
    vlan_id = tag.id;
    eth.type = tag.type;
    eth.payload = tag.payload;
  }
  // A priority tag (VLAN 0) is no VLAN: the frame counts as untagged.
  Interface* interface = interface_of(port, vlan_id);
  if (!interface) return Drop::vlan_unknown;
  ++interface->rx_frames;
  interface->rx_bytes += frame.length;
  if (eth.src.is_group() || eth.src == interface->mac) return Drop::eth_source;
  const bool group = eth.dst.is_group();
  if (!group && eth.dst != interface->mac) return Drop::eth_not_ours;
  switch (eth.type) {
    case kEthTypeIpv4: return ipv4_input(*interface, frame, eth.payload, group, now);
    case kEthTypeIpv6:
      if (!interface->ipv6) break;
      return ipv6_input(*interface, frame, eth.payload, group, now);
    case kEthTypeArp:
      if (group && eth.dst != kBroadcastMac) return Drop::eth_not_ours;
      return arp_input(*interface, eth.payload, now);
  }
  return Drop::eth_type;
}

Net::Interface* Net::interface_of(uint32_t port, uint16_t vlan_id) {
  for (Interface& i : interfaces_)
    if (i.port == port && i.vlan_id == vlan_id) return &i;
  return nullptr;
}

void Net::eth_emit(const Interface& interface, Frame& frame, Mac dst, uint16_t type) const {
  frame.l2_length = sizeof(EthHdr);
  if (interface.vlan_id != 0) {
    frame.push(sizeof(VlanHdr));
    vlan_emit({.id = interface.vlan_id, .type = type, .payload = {}}, frame.bytes());
    type = kEthTypeVlan;
    frame.l2_length += sizeof(VlanHdr);
  }
  frame.push(sizeof(EthHdr));
  pinion::eth_emit({dst, interface.mac, type, {}}, frame.bytes());
  pad(frame);
}

// Zeros behind what is too short: a pad of ours carries nothing that was in the buffer before
// (RFC 894, RFC 1042).
void Net::pad(Frame& frame) {
  if (frame.total_length() >= kEthFrameMin) return;
  STACK_DCHECK(frame.behind_length == 0);
  const uint32_t length = kEthFrameMin - frame.length;
  std::memset(frame.append(length), 0, length);
}

void Net::enqueue(Interface& interface, Frame* frame) {
  PortState& p = ports_[interface.port];
  frame->next = nullptr;
  (p.tail ? p.tail->next : p.head) = frame;
  p.tail = frame;
  p.queued += frame->buffers();
  p.queued_attached += frame->has_attached();
  ++interface.tx_frames;
  interface.tx_bytes += frame->total_length();
}

void Net::tx_port(PortState& p, Nanos now) {
  if (now - p.link_looked_at >= kLinkInterval) look_at_link(p, now);
  if (p.queued == 0) return;
  if (!p.link_up) {
    drop_queued(p, now);
    return;
  }
  // What the port takes is the port's: all that is needed later is copied out before.
  Frame* frames[kBurstMax];
  uint64_t tokens[kBurstMax];
  uint32_t lengths[kBurstMax];
  uint8_t buffers[kBurstMax];
  size_t n = 0;
  Frame* rest = p.head;
  for (; rest && n < tx_burst_; rest = rest->next, ++n) {
    frames[n] = rest;
    // Sent when the port has taken it; with attached bytes, when it has let go of them.
    tokens[n] = rest->has_attached() ? kAttachedToken : rest->token;
    lengths[n] = rest->total_length();
    buffers[n] = static_cast<uint8_t>(rest->buffers());
  }
  const size_t taken = p.port->tx_burst({frames, n});
  STACK_DCHECK(taken <= n);
  p.head = taken < n ? frames[taken] : rest;
  if (!p.head) p.tail = nullptr;
  for (size_t i = 0; i < taken; ++i) {
    p.queued -= buffers[i];
    ++counters_.tx_frames;
    counters_.tx_bytes += lengths[i];
    if (tokens[i] == kAttachedToken)
      ++p.attached, ++p.attached_ever, ++attached_, --p.queued_attached;
    else if (tokens[i] != 0) socket_sent(tokens[i], 0, now, upcall_context_);
  }
  if (p.queued_attached != 0) copy_attached(p);
}

// What the port did not take waits as a copy, so that only ports ever refer to memory of an
// application between two passes, and its session can end without waiting for a full port.
void Net::copy_attached(PortState& p) {
  for (Frame* f = p.head; f; f = f->next)
    if (f->has_attached()) f->copy_attached();
  p.queued_attached = 0;
}

void Net::collect_released(PortState& p, Nanos now) {
  uint64_t tokens[kBurstMax];
  size_t n = kBurstMax;
  while (p.attached != 0 && n == kBurstMax) {
    n = p.port->released(tokens);
    STACK_CHECK(n <= p.attached);
    p.attached -= static_cast<uint32_t>(n), attached_ -= static_cast<uint32_t>(n);
    for (size_t i = 0; i < n; ++i) socket_sent(tokens[i], 0, now, upcall_context_);
  }
}

Net::AttachMark Net::attach_mark() const {
  AttachMark mark{};
  for (size_t i = 0; i < ports_.size(); ++i) mark[i] = ports_[i].attached_ever;
  return mark;
}

bool Net::let_go(const AttachMark& mark) const {
  for (size_t i = 0; i < ports_.size(); ++i)
    if (ports_[i].attached_ever - ports_[i].attached < mark[i]) return false;
  return true;
}

void Net::look_at_link(PortState& p, Nanos now) {
  const bool was_up = p.link_up;
  p.link_up = p.port->link_up();
  p.link_looked_at = now;
  if (!p.link_up) return;
  const uint32_t moves = p.port->moves();
  const bool moved = moves != p.moves;
  p.moves = moves;
  if (was_up && !moved) return;
  say_where_we_are(p, now);
  if (!moved) return;
  // Switches took us to be elsewhere, and may not have been ready yet: once more (RFC 5227 2.3).
  p.announce_at = now + kAnnounceInterval;
  announce_deadline_ = std::min(announce_deadline_, p.announce_at);
}

// Whoever is at the other end may be another switch than before: it learns where we are and what we
// have joined.
void Net::say_where_we_are(const PortState& p, Nanos now) {
  announce_addresses(p);
  for (Interface& i : interfaces_) {
    if (&ports_[i.port] != &p) continue;
    for (const bool ipv4 : {true, false}) groups_.announce(i.index, ipv4, now);
  }
}

void Net::announce_addresses(const PortState& p) {
  for (Interface& i : interfaces_) {
    if (&ports_[i.port] != &p || !i.speaks) continue;
    for (const InterfaceAddress& a : i.addresses) {
      if (a.address.is_v4()) arp_announce(i, a.address.v4());
      else nd_announce(i, a.address);
    }
  }
}

void Net::announce_again(Nanos now) {
  announce_deadline_ = kNever;
  for (PortState& p : ports_) {
    if (p.announce_at <= now) {
      p.announce_at = kNever;
      if (p.link_up) announce_addresses(p);
    }
    announce_deadline_ = std::min(announce_deadline_, p.announce_at);
  }
}

void Net::drop_queued(PortState& p, Nanos now) {
  Frame* f = p.head;
  p.head = p.tail = nullptr;
  p.queued = p.queued_attached = 0;
  while (f) {
    Frame* next = f->next;
    const uint64_t token = f->token;
    free_buffers(*p.port, f);
    counters_.drop(Drop::tx_link_down);
    if (token != 0) socket_sent(token, -ENETDOWN, now, upcall_context_);
    f = next;
  }
}

Frame* Net::frame_alloc(const Interface& interface) {
  Frame* frame = nullptr;
  if (ports_[interface.port].port->alloc({&frame, 1}) == 0) return nullptr;
  frame->next = nullptr;
  frame->token = 0;
  frame->behind_length = 0;
  frame->segment_bytes = 0;
  frame->tx_offload = kTxNone;
  frame->l2_length = frame->l3_length = 0;
  return frame;
}

// With room for so many bytes behind the headers of link and IP, in further buffers where one has
// not enough: only of a frame that its port cuts (Port::kTsoBuffersMax). All of them or nullptr.
Frame* Net::frame_alloc(const Interface& interface, size_t bytes) {
  Frame* frame = frame_alloc(interface);
  if (frame == nullptr) return nullptr;
  frame->more = nullptr;
  if (bytes <= frame->tailroom) return frame;
  Port& port = *ports_[interface.port].port;
  const size_t wanted = (bytes - 1) / frame->tailroom;
  STACK_CHECK(wanted < Port::kTsoBuffersMax);
  Frame* more[Port::kTsoBuffersMax];
  if (const size_t got = port.alloc({more, wanted}); got < wanted) {
    port.free({more, got});
    port.free({&frame, 1});
    return nullptr;
  }
  for (size_t i = 0; i < wanted; ++i) more[i]->next = i + 1 < wanted ? more[i + 1] : nullptr;
  frame->more = more[0];
  return frame;
}

void Net::frame_free(const Interface& interface, Frame* frame) {
  ports_[interface.port].port->free({&frame, 1});
}

// A frame that waited for its port.
void Net::free_buffers(Port& port, Frame* frame) {
  for (Frame* f = frame->second(); f != nullptr;) {
    Frame* next = f->next;
    port.free({&f, 1});
    f = next;
  }
  port.free({&frame, 1});
}

}  // namespace pinion
