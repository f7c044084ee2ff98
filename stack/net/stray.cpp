// What came to this core and is another one's, or others' too. RSS brings a connection home where
// the port can say how it hashes; all else that goes astray is handed over here:
//
//   unicast to a port that only others have      on, from core to core, until one wants it
//   TCP without a connection here                so, too; but a SYN is its own listener's
//   ICMP errors about what others sent           so, too
//   groups and broadcasts                        a copy to each core that has joined, or the port
//   ARP, ND, IGMP and MLD                        a copy to every core; only the first answers
//
// A packet knows which cores it has been to, so it comes to none twice, and the last one says that
// nobody wants it. A copy goes nowhere else.
#include <bit>

#include "net/hand_over_record.h"
#include "net/mesh_state.h"
#include "net/net.h"
#include "port/hand_over.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

namespace pinion {
namespace {

using Protocol = PortDirectory::Protocol;

constexpr RssTuples hashed_as(uint8_t protocol, bool ipv4) {
  if (protocol == kProtocolTcp) return ipv4 ? kRssTcp4 : kRssTcp6;
  return ipv4 ? kRssUdp4 : kRssUdp6;
}

// A datagram that came in fragments has the header of the first: from here on it is whole.
void make_whole(MutableBytes packet) {
  Ipv4Hdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  h.total_length = be16::of(static_cast<uint16_t>(packet.size()));
  h.flags_fragment = be16{};
  std::memcpy(packet.data(), &h, sizeof h);
}

}  // namespace

HomePorts Net::home_ports(uint8_t protocol, Ip local, const Endpoint& remote) {
  Path path;
  if (mesh_ == nullptr || find_path(local, remote.address, path) != 0) return {};
  const Interface& i = *path.interface;
  const bool known = i.rss != nullptr && i.rss->knows(hashed_as(protocol, local.is_v4()));
  return known ? HomePorts(*i.rss, i.queue, local, remote) : HomePorts();
}

bool Net::is_taken() const { return mesh_ != nullptr && mesh_->taken; }

bool Net::wanted_elsewhere(const Interface& interface, Ip group) const {
  return mesh_ != nullptr && mesh_->groups.others(interface.index, group) != 0;
}

bool Net::pass_on_udp(const IpInput& in, const Endpoint& to, Drop& why) {
  const uint32_t cores = mesh_->ports.others(PortDirectory::place_of(Protocol::udp, to));
  if (!in.group) return pass_on(in, cores, Stray::udp, why);
  if (!copy(in, cores, Stray::broadcast)) return false;
  ++counters_.handed_over[static_cast<size_t>(Stray::broadcast)];
  return true;
}

bool Net::pass_on_tcp(const IpInput& in, const TcpSegment& seg, const FourTuple& flow, Drop& why,
                      Nanos now) {
  const uint32_t cores = mesh_->ports.others(PortDirectory::place_of(Protocol::tcp, flow.local));
  if ((cores == 0 && !mesh_->behind) || tcp_.is_ours(seg, flow, now)) return false;
  return pass_on(in, cores, Stray::tcp, why);
}

bool Net::pass_on_error(const IpInput& in, const IcmpQuote& quote, Drop& why) {
  if (quote.protocol != kProtocolTcp && quote.protocol != kProtocolUdp) return false;
  const auto protocol = quote.protocol == kProtocolTcp ? Protocol::tcp : Protocol::udp;
  const Endpoint ours{quote.source, quote.source_port};
  return pass_on(in, mesh_->ports.others(PortDirectory::place_of(protocol, ours)), Stray::error,
                 why);
}

// To the next of these cores, counted from this one, that has not had it.
bool Net::pass_on(const IpInput& in, uint32_t cores, Stray reason, Drop& why) {
  const uint32_t left = in.interface->shared ? cores & ~mesh_->tried : 0;
  if (left == 0) {
    if (!mesh_->behind || !in.interface->shared) return false;
    // It may stand in what is unread: nobody is told that there is no such port.
    why = Drop::core_behind;
    return true;
  }
  const uint32_t behind = left & ~((mesh_->own << 1) - 1);
  const auto next = static_cast<uint32_t>(std::countr_zero(behind != 0 ? behind : left));
  const bool there = push_packet(next, in, mesh_->tried, reason);
  if (there) ++counters_.handed_over[static_cast<size_t>(reason)];
  why = there ? Drop::none : Drop::tx_core_full;
  return true;
}

bool Net::copy_to_all(const IpInput& in, Stray reason) {
  return mesh_ != nullptr && copy(in, mesh_->others(), reason);
}

// What another core handed over, it has copied itself.
bool Net::copy(const IpInput& in, uint32_t cores, Stray reason) {
  if (mesh_->taken || !in.interface->shared) return false;
  bool any = false;
  for (; cores != 0; cores &= cores - 1) {
    const auto core = static_cast<uint32_t>(std::countr_zero(cores));
    const bool there = push_packet(core, in, kCopy, reason);
    if (there) ++counters_.copied[static_cast<size_t>(reason)];
    else counters_.drop(Drop::tx_core_full);
    any = any || there;
  }
  return any;
}

// Does this core hand it over in whole, having no member?
bool Net::copy_group(const IpInput& in) {
  if (!copy(in, mesh_->groups.others(in.interface->index, in.destination), Stray::multicast))
    return false;
  const Group* g = groups_.find(in.interface->index, in.destination);
  if (g != nullptr && !g->members.empty()) return false;
  ++counters_.handed_over[static_cast<size_t>(Stray::multicast)];
  return true;
}

bool Net::copy_broadcast(const IpInput& in, const Endpoint& to) {
  const uint32_t cores = mesh_->ports.others(PortDirectory::place_of(Protocol::udp, to));
  return copy(in, cores, Stray::broadcast);
}

void Net::copy_arp(const Interface& interface, Bytes packet) {
  if (mesh_->taken || !interface.shared) return;
  const RecordHdr h{.kind = RecordKind::arp,
                    .reason = Stray::neighbour,
                    .interface = interface.index,
                    .tried = kCopy};
  for (HandOver* to : mesh_->mesh.to) {
    if (to == nullptr) continue;
    const size_t length = sizeof h + packet.size();
    const MutableBytes out = to->has_room_for_copy(length) ? to->push(length) : MutableBytes{};
    if (out.empty()) {
      counters_.drop(Drop::tx_core_full);
      continue;
    }
    std::memcpy(out.data(), &h, sizeof h);
    std::memcpy(out.data() + sizeof h, packet.data(), packet.size());
    ++counters_.copied[static_cast<size_t>(Stray::neighbour)];
  }
}

// What an application of this core sends to a group, to members on others. As loop_back: nobody is
// told if it does not get there.
void Net::copy_loop(const UdpSend& send, const Path& path, Bytes payload) {
  const uint32_t index = path.interface->index;
  const RecordHdr h{
      .kind = RecordKind::loop, .reason = Stray::multicast, .interface = index, .tried = kCopy};
  const LoopHdr loop{{path.source, send.source.port}, send.destination};
  for (uint32_t cores = mesh_->groups.others(index, send.destination.address); cores != 0;
       cores &= cores - 1) {
    ++more_work_;
    HandOver* to = mesh_->mesh.to[static_cast<size_t>(std::countr_zero(cores))];
    const size_t length = sizeof h + sizeof loop + payload.size();
    const MutableBytes out = to->has_room_for_copy(length) ? to->push(length) : MutableBytes{};
    if (out.empty()) {
      counters_.drop(Drop::tx_core_full);
      continue;
    }
    std::memcpy(out.data(), &h, sizeof h);
    std::memcpy(out.data() + sizeof h, &loop, sizeof loop);
    if (!payload.empty())
      std::memcpy(out.data() + sizeof h + sizeof loop, payload.data(), payload.size());
  }
}

bool Net::push_packet(uint32_t core, const IpInput& in, uint32_t tried, Stray reason) {
  const RecordHdr h{.kind = RecordKind::ip,
                    .reason = reason,
                    .interface = in.interface->index,
                    .tried = tried,
                    .hw_time = in.frame->hw_time};
  HandOver& to = *mesh_->mesh.to[core];
  const size_t length = sizeof h + in.raw.size();
  if (tried == kCopy && !to.has_room_for_copy(length)) return false;
  const MutableBytes out = to.push(length);
  if (out.empty()) return false;
  std::memcpy(out.data(), &h, sizeof h);
  std::memcpy(out.data() + sizeof h, in.raw.data(), in.raw.size());
  if (in.source.is_v4() && in.fragments > 1) make_whole(out.subspan(sizeof h));
  return true;
}

}  // namespace pinion
