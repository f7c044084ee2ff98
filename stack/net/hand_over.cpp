// Between the cores of a Mesh: taking what others hand over, and telling them what this core has.
// What goes to another core, and why, is stray.cpp's.
#include "port/hand_over.h"

#include "base/check.h"
#include "net/hand_over_record.h"
#include "net/mesh_state.h"
#include "net/net.h"

namespace pinion {
namespace {

constexpr uint32_t kNewsPerPass = 1024;  // of ports, and as many of groups
constexpr size_t kCopiesPerCore = 256;   // to members of groups, in one pass
constexpr size_t kCopyBytes = 2048;      // a longer one counts as several

template <class T>
Bytes bytes_of(const T& value) {
  return std::as_bytes(std::span{&value, 1});
}

}  // namespace

// As much from each core as from a port: one that is flooded with strays still sees to its own. And
// of datagrams to groups no more than so many copies to members: nobody pays for them here.
size_t Net::take_handed_over(Nanos now) {
  size_t taken = 0;
  mesh_->behind = false;
  rx_time_ = now;
  for (uint32_t core = 0; core < mesh_->mesh.cores; ++core) {
    HandOver* from = mesh_->mesh.from[core];
    size_t copies = 0;
    for (uint32_t i = 0; from != nullptr && i < rx_burst_ && copies <= kCopiesPerCore; ++i) {
      const MutableBytes record = from->front();
      if (record.empty()) break;
      more_work_ = 0;
      if (const Drop why = record_input(core, record, now); why != Drop::none) counters_.drop(why);
      copies += more_work_ * (1 + record.size() / kCopyBytes);
      from->pop();
      ++taken;
    }
    mesh_->behind = mesh_->behind || (from != nullptr && !from->front().empty());
  }
  mesh_->tried = mesh_->own;
  mesh_->taken = false;
  return taken;
}

Drop Net::record_input(uint32_t core, Bytes record, Nanos now) {
  const auto h = load<RecordHdr>(record.data());
  const Bytes body = record.subspan(sizeof h);
  mesh_->taken = true;
  mesh_->tried = h.tried | mesh_->own;
  Interface& interface = interfaces_[h.interface];
  switch (h.kind) {
    case RecordKind::ip: {
      ++counters_.taken[static_cast<size_t>(h.reason)];
      Frame frame;  // its checksums were good there
      frame.rx_ipv4_csum = frame.rx_l4_csum = RxCsum::good;
      frame.hw_time = h.hw_time;
      const bool v4 = std::to_integer<uint8_t>(body[0]) >> 4 == 4;
      return v4 ? ipv4_input(interface, frame, body, false, now)
                : ipv6_input(interface, frame, body, false, now);
    }
    case RecordKind::arp:
      ++counters_.taken[static_cast<size_t>(h.reason)];
      return arp_input(interface, body, now);
    case RecordKind::loop: {
      const auto loop = load<LoopHdr>(body.data());
      const Arrival arrival{
          .payload = body.subspan(sizeof loop), .from = loop.from, .to = loop.to, .time = now};
      group_deliver(h.interface, arrival, now);
      return Drop::none;
    }
    case RecordKind::port: mesh_->ports.hear(core, load<PortNews>(body.data())); break;
    case RecordKind::group: {
      const auto news = load<GroupNews>(body.data());
      mesh_->groups.hear(core, news.interface, news.group, news.joined);
      break;
    }
    case RecordKind::address: {
      const auto news = load<AddressNews>(body.data());
      address_news(interfaces_[news.interface], news.address, news.state, now);
      break;
    }
  }
  return Drop::none;
}

void Net::address_news(Interface& interface, Ip address, AddressState state, Nanos now) {
  AddressClaim* claim = claim_of(interface, address);
  if (claim == nullptr || claim->state != AddressState::tentative) return;
  if (state == AddressState::duplicate) claim->state = state;
  if (state != AddressState::valid) return;
  use_address(interface, *claim);
  if (address.is_link_local()) groups_.announce(interface.index, false, now);  // as claim_due
}

uint32_t Net::hand_over() {
  tell_cores();
  uint32_t asleep = 0;
  for (uint32_t core = 0; core < mesh_->mesh.cores; ++core) {
    HandOver* to = mesh_->mesh.to[core];
    if (to != nullptr && to->publish()) asleep |= 1u << core;
  }
  return asleep;
}

void Net::fall_asleep() {
  if (mesh_ == nullptr) return;
  for (HandOver* from : mesh_->mesh.from)
    if (from != nullptr) from->fall_asleep();
}

bool Net::handed_over() const {
  if (mesh_ == nullptr) return false;
  for (const HandOver* from : mesh_->mesh.from)
    if (from != nullptr && !from->empty()) return true;
  return false;
}

void Net::awake() {
  if (mesh_ == nullptr) return;
  for (HandOver* from : mesh_->mesh.from)
    if (from != nullptr) from->awake();
}

// What finds a ring full is told in a later pass, once more to all: hearing it twice does no harm.
void Net::tell_cores() {
  PortDirectory& ports = mesh_->ports;
  for (uint32_t i = 0; i < kNewsPerPass && !ports.all_told(); ++i) {
    const PortNews news = ports.next_untold();
    if (!push_news(RecordKind::port, bytes_of(news))) return;
    ports.told();
  }
  GroupDirectory& groups = mesh_->groups;
  for (uint32_t i = 0; i < kNewsPerPass && groups.next_untold() != nullptr; ++i) {
    const GroupDirectory::Entry& e = *groups.next_untold();
    const GroupNews news{e.group, e.interface, groups.is_ours(e)};
    if (!push_news(RecordKind::group, bytes_of(news))) return;
    groups.told();
  }
  if (!mesh_->addresses_told) mesh_->addresses_told = tell_addresses();
}

bool Net::tell_addresses() {
  for (Interface& i : interfaces_) {
    for (AddressClaim& c : i.claims) {
      if (!c.untold) continue;
      const AddressNews news{c.address.address, i.index, c.state};
      if (!push_news(RecordKind::address, bytes_of(news))) return false;
      c.untold = false;
    }
  }
  return true;
}

// Only what applications joined: the groups of our own addresses are every core's.
void Net::tell_group(uint32_t interface, Ip group) {
  if (!interfaces_[interface].shared) return;
  const Group* g = groups_.find(interface, group);
  mesh_->groups.set_own(interface, group, g != nullptr && !g->members.empty());
}

bool Net::push_news(RecordKind kind, Bytes body) {
  const RecordHdr h{.kind = kind};
  for (HandOver* to : mesh_->mesh.to) {
    if (to == nullptr) continue;
    const MutableBytes out = to->push(sizeof h + body.size());
    if (out.empty()) return false;
    std::memcpy(out.data(), &h, sizeof h);
    std::memcpy(out.data() + sizeof h, body.data(), body.size());
  }
  return true;
}

}  // namespace pinion
