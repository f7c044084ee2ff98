#include "net/net.h"

#include <algorithm>

#include "base/check.h"
#include "base/secret.h"
#include "net/mesh_state.h"

namespace pinion {
namespace {

constexpr uint32_t kNeighbourEventsPerPass = 64;
constexpr Ip kLinkLocalPrefix{0xfe80'0000'0000'0000, 0};

SipKey secret_for(const NetConfig& c, Purpose purpose, uint32_t core = 0) {
  return derive({c.secret[0], c.secret[1]}, purpose, core);
}

NeighbourLimits neighbour_limits(const NetConfig& c) {
  const SipKey secret = secret_for(c, Purpose::neighbours);
  return {.neighbours_max = c.neighbours_max,
          .queue_max = c.neighbour_queue_max,
          .parked_max = c.neighbour_parked_max,
          .owners_max = c.owners_max,
          .arp_retries = c.arp_retries,
          .arp_interval = c.arp_interval,
          .timeout = c.neighbour_timeout,
          .secret = {secret.k0, secret.k1}};
}

std::unique_ptr<MeshState> mesh_state(const NetConfig& c) {
  if (c.mesh.cores == 1) return nullptr;
  STACK_CHECK(c.mesh.cores <= Mesh::kCoresMax && c.mesh.core < c.mesh.cores);
  STACK_CHECK(c.mesh.owners != nullptr);
  STACK_CHECK(c.mesh.to.size() == c.mesh.cores && c.mesh.from.size() == c.mesh.cores);
  return std::make_unique<MeshState>(c.mesh, c.igmp_groups_max,
                                     secret_for(c, Purpose::group_directory).k0);
}

// Or a core would find no port whose answer comes home.
bool reaches_all(const Rss& rss, size_t queues) {
  if (rss.tuples == 0) return false;
  for (size_t q = 0; q < queues; ++q)
    if (std::find(rss.table.begin(), rss.table.end(), q) == rss.table.end()) return false;
  return true;
}

UdpDemuxConfig demux_config(const NetConfig& c, MeshState* mesh) {
  const SipKey secret = secret_for(c, Purpose::udp_ports, c.mesh.core);
  return {.sockets_max = c.udp_sockets_max,
          .ephemeral_first = c.ephemeral_first,
          .ephemeral_last = c.ephemeral_last,
          .secret = {secret.k0, secret.k1},
          .directory = mesh == nullptr ? nullptr : &mesh->ports};
}

// Those of our own addresses of IPv6 have room beside the applications'.
GroupLimits group_limits(const NetConfig& c) {
  uint32_t own = 0;
  for (const InterfaceConfig& i : c.interfaces) {
    uint32_t of_ipv6 = 0;
    for (const InterfaceAddress& a : i.addresses) of_ipv6 += !a.address.is_v4();
    if (of_ipv6 != 0) own += of_ipv6 + 1;  // the link-local one
  }
  return {.groups_max = c.igmp_groups_max + own,
          .members_max = c.igmp_joins_max,
          .robustness = c.igmp_robustness,
          .secret = secret_for(c, Purpose::groups).k0,
          .seed = secret_for(c, Purpose::group_pauses, c.mesh.core).k0};
}

ReassemblyLimits reassembly_limits(const NetConfig& c) {
  return {.datagrams_max = c.reassembly_max,
          .per_source_max = c.reassembly_per_source_max,
          .timeout = c.reassembly_timeout};
}

TcpSurroundings tcp_surroundings(const NetConfig& c, MeshState* mesh) {
  return {.ephemeral_first = c.ephemeral_first,
          .ephemeral_last = c.ephemeral_last,
          .secret = {c.secret[0], c.secret[1]},
          .core = c.mesh.core,
          .directory = mesh == nullptr ? nullptr : &mesh->ports};
}

}  // namespace

Net::Net(const NetConfig& config, Counters& counters, void* upcall_context)
    : mesh_(mesh_state(config)),
      rx_burst_(config.rx_burst),
      tx_burst_(config.tx_burst),
      tx_queue_max_(config.tx_queue_max),
      counters_(counters),
      upcall_context_(upcall_context),
      reassembly_(reassembly_limits(config)),
      // Each core counts by itself, so each begins elsewhere.
      fragment_secret_(secret_for(config, Purpose::fragment_ids, config.mesh.core)),
      path_mtu_min_(config.tcp.path_mtu_min),
      neighbours_(neighbour_limits(config)),
      udp_(demux_config(config, mesh_.get())),
      tcp_(config.tcp, tcp_surroundings(config, mesh_.get()), *this, counters),
      groups_(group_limits(config)),
      igmp_version_max_(config.igmp_version),
      neighbour_replies_(config.arp_replies_per_s),
      icmp_errors_(config.icmp_errors_per_s),
      icmp_echoes_(config.icmp_echoes_per_s),
      igmp_queries_(config.igmp_queries_per_s),
      igmp_general_queries_(config.igmp_queries_per_s),
      mld_queries_(config.igmp_queries_per_s),
      mld_general_queries_(config.igmp_queries_per_s),
      dad_transmits_(config.dad_transmits),
      rng_(secret_for(config, Purpose::pauses, config.mesh.core).k0) {
  STACK_CHECK(0 < rx_burst_ && rx_burst_ <= kBurstMax && 0 < tx_burst_ && tx_burst_ <= kBurstMax);
  for (const InterfaceConfig& i : config.interfaces) add_interface(i);
  for (const RouteConfig& r : config.routes) {
    STACK_CHECK(r.interface < interfaces_.size() && r.prefix_length <= prefix_length_max(r.prefix));
    routes_.add({r.prefix, r.prefix_length, r.via, r.interface});
  }
  for (const NeighbourConfig& n : config.neighbours) {
    STACK_CHECK(n.interface < interfaces_.size());
    neighbours_.pin(n.interface, n.address, n.mac);
  }
}

Net::~Net() {
  for (const Neighbour& n : neighbours_.entries()) {
    for (Frame* f = n.parked_head; f;) {
      Frame* next = f->next;
      frame_free(interfaces_[n.interface], f);
      f = next;
    }
  }
  for (PortState& p : ports_) {
    for (Frame* f = p.head; f;) {
      Frame* next = f->next;
      free_buffers(*p.port, f);
      f = next;
    }
  }
}

void Net::add_interface(const InterfaceConfig& config) {
  STACK_CHECK(config.port != nullptr);
  const PortCapabilities& caps = config.port->capabilities();
  Interface i;
  i.name = config.name;
  i.index = static_cast<uint32_t>(interfaces_.size());
  i.port = port_index(config.port);
  i.mac = caps.mac;
  i.vlan_id = config.vlan_id;
  i.mtu_bytes = config.mtu_bytes ? std::min(config.mtu_bytes, caps.mtu_bytes) : caps.mtu_bytes;
  i.tx_offload = caps.tx_offload;
  i.tso_bytes = caps.tx_tso_bytes;
  STACK_CHECK(i.tso_bytes == 0 || (i.tx_offload & kTxTcpCsum) != 0);
  if (mesh_ != nullptr && config.queue_cores.size() > 1) {
    const auto of_core = [&](uint32_t core) {
      return std::find(config.queue_cores.begin(), config.queue_cores.end(), core);
    };
    STACK_CHECK(config.queue_cores.size() == mesh_->mesh.cores);
    STACK_CHECK(of_core(mesh_->mesh.core) != config.queue_cores.end());
    STACK_CHECK(interfaces_.empty() || interfaces_.back().shared);  // these come first
    i.shared = true;
    i.queue = static_cast<uint16_t>(of_core(mesh_->mesh.core) - config.queue_cores.begin());
    i.speaks = i.queue == 0;
    if (reaches_all(caps.rss, config.queue_cores.size())) i.rss = &caps.rss;
  }
  ipv6_add_addresses(i, config);
  STACK_CHECK(interface_of(i.port, i.vlan_id) == nullptr);
  for (const InterfaceAddress& a : config.addresses) {
    STACK_CHECK(a.prefix_length <= prefix_length_max(a.address));
    routes_.add({a.address, a.prefix_length, {}, i.index});
  }
  if (i.ipv6) routes_.add({kLinkLocalPrefix, 64, {}, i.index});
  interfaces_.push_back(std::move(i));
}

uint32_t Net::port_index(Port* port) {
  for (uint32_t i = 0; i < ports_.size(); ++i)
    if (ports_[i].port == port) return i;
  STACK_CHECK(ports_.size() < kPortsMax);
  ports_.push_back({.port = port, .link_up = port->link_up(), .moves = port->moves()});
  return static_cast<uint32_t>(ports_.size() - 1);
}

size_t Net::rx(Nanos now) {
  size_t received = 0;
  for (uint32_t port = 0; port < ports_.size(); ++port) received += rx_port(port, now);
  return received;
}

void Net::tx(Nanos now) {
  tcp_.flush(now);
  for (PortState& p : ports_) {
    tx_port(p, now);
    if (p.attached != 0) collect_released(p, now);
  }
}

void Net::expire(Nanos now) {
  NeighbourEvent event;
  for (uint32_t i = 0; i < kNeighbourEventsPerPass && neighbours_.next_due(now, event); ++i) {
    if (event.what == NeighbourEvent::What::nothing) continue;
    Neighbour& n = *event.neighbour;
    Interface& interface = interfaces_[n.interface];
    switch (event.what) {
      case NeighbourEvent::What::request_broadcast:
        neighbour_request(interface, n.address, nullptr);
        break;
      case NeighbourEvent::What::request_unicast:
        neighbour_request(interface, n.address, &n.mac);
        break;
      case NeighbourEvent::What::failed: neighbour_failed(interface, n, now); break;
      case NeighbourEvent::What::nothing: break;
    }
  }
  ipv6_expire(now);
  if (announce_deadline_ <= now) announce_again(now);
  reassembly_expire(now);
  if (groups_.next_deadline() <= now) report_groups(now);
  tcp_.expire(now);  // behind: a SYN finds out that its neighbour has failed
}

Nanos Net::next_deadline() const {
  if (mesh_ != nullptr && !mesh_->all_told()) return 0;
  return std::min({neighbours_.next_deadline(), groups_.next_deadline(), tcp_.next_deadline(),
                   reassembly_.next_deadline(), ipv6_deadline_, announce_deadline_});
}

bool Net::idle() const {
  if (mesh_ != nullptr && !mesh_->all_told()) return false;
  return std::all_of(ports_.begin(), ports_.end(),
                     [](const PortState& p) { return p.queued == 0; });
}

InterfaceStatus Net::interface_status(size_t index) const {
  const Interface& i = interfaces_[index];
  const PortState& p = ports_[i.port];
  return {.name = i.name.c_str(),
          .mac = i.mac,
          .vlan_id = i.vlan_id,
          .mtu_bytes = i.mtu_bytes,
          .link_up = p.link_up,
          .rx_frames = i.rx_frames,
          .rx_bytes = i.rx_bytes,
          .tx_frames = i.tx_frames,
          .tx_bytes = i.tx_bytes,
          .tx_queued = p.queued,
          .ipv6 = i.claims,
          .igmp = i.igmp.querier,
          .mld = i.mld.querier};
}

}  // namespace pinion
