// From configuration to construction; see build.h.
#include "piniond/build.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "piniond/promised.h"
#include "pmd-glue/nic_sysfs.h"

namespace pinion::daemon {

namespace {

void random_bytes(void* out, size_t n) {
  if (getrandom(out, n, 0) != static_cast<ssize_t>(n)) std::abort();
}

// Different in each run, so that a handle of an earlier one is known to be dead.
uint32_t run_epoch() {
  timespec t;
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<uint32_t>(t.tv_sec) ^ static_cast<uint32_t>(getpid()) << 16;
}

// What each session may have of the core's pools of accepted requests and waiting data.
constexpr uint32_t kRequestsEach = 16384, kChunksEach = 2048;

void size_pools(const Promised& all, ServerConfig& server) {
  if (all.sessions == 0) return;
  server.sockets_max = static_cast<uint32_t>(all.sockets);
  server.request_queues_max = static_cast<uint32_t>(all.queues);
  server.requests_max = static_cast<uint32_t>(all.sessions * kRequestsEach);
  server.backlog_chunks = static_cast<uint32_t>(all.sessions * kChunksEach);
}

// Each socket that the policies promise may be bound, or listen.
TcpConfig tcp_config(const config::Tcp& from, uint64_t sockets) {
  TcpConfig t;
  t.connections_max = from.connections_max;
  t.bound_max = std::max(static_cast<uint32_t>(sockets), 1u);
  t.listeners_max = t.bound_max;
  t.initial_rto = from.initial_rto_ms * kMilli;
  t.min_rto = from.min_rto_ms * kMilli;
  t.max_rto = from.max_rto_ms * kMilli;
  t.delayed_ack = from.delayed_ack_us * kMicro;
  t.nagle = from.nagle;
  t.congestion = from.congestion == config::Congestion::cubic ? CongestionControl::cubic
                                                              : CongestionControl::newreno;
  t.msl = from.msl_s * kSecond;
  t.fin_wait_2 = from.fin_wait_2_s * kSecond;
  t.receive_bytes = from.receive_buffer_bytes;
  t.keepalive_idle = from.keepalive_s * kSecond;
  t.keepalive_interval = from.keepalive_interval_s * kSecond;
  t.keepalive_count = from.keepalive_count;
  t.user_timeout = from.user_timeout_s * kSecond;
  t.connect_timeout = from.connect_timeout_s * kSecond;
  t.syn_queue_max = from.syn_queue_max;
  t.syn_cookies = from.syn_cookies;
  t.mss_min = from.min_mss_bytes;
  return t;
}

SessionPolicy policy_of(const config::Session& s) {
  SessionPolicy p;
  p.who = s.who == config::Who::group ? SessionPolicy::Who::group : SessionPolicy::Who::user;
  p.id = s.id.value_or(0);
  p.sessions_max = s.sessions_max;
  p.attaches_per_s_max = s.attaches_per_s_max;
  p.memory_bytes_max = uint64_t{s.memory_mb} << 20;
  p.quota.requests_per_pass = s.requests_per_pass;
  p.quota.sockets_max = s.sockets_max;
  p.quota.queues_max = s.request_queues_max;
  p.quota.requests_max = kRequestsEach;
  p.quota.waiting_bytes_max = uint64_t{kChunksEach} * sizeof(Chunk);
  p.quota.bind_anything = false;
  for (const config::BindGrant& g : s.bind)
    p.quota.grant[p.quota.grants++] = {!g.address.has_value(), g.address.value_or(Ip{}),
                                       g.ports.first, g.ports.last};
  p.quota.join_anything = false;
  p.quota.joins_max = s.joins_max;
  for (const config::Prefix& g : s.groups)
    p.quota.group_grant[p.quota.group_grants++] = {g.address, g.length};
  return p;
}

}  // namespace

EalConfig eal_config(const config::Config& config) {
  EalConfig eal;
  eal.hugepages_mb = static_cast<int>(config.host.hugepages_mb);
  for (const config::Device& device : all_devices(config))
    if (!device.pci.empty()) eal.pci.push_back(device.pci);
  eal.rx_interrupts = !config.cores[0].idle.busy;
  return eal;
}

// Of a bond the first one's frames are sent by either: some may lie in the other's ring. No driver
// tells a sleeping core that a link was lost, so a core with a bond naps.
PortConfig port_config(const config::Config& config, const config::Nic& nic,
                       const config::Device& device) {
  PortConfig port;
  const bool physical = !device.pci.empty();
  port.device = physical ? device.pci : device.vdev;
  port.rx_descriptors = nic.rx_descriptors;
  port.tx_descriptors = nic.tx_descriptors;
  port.mtu_bytes = nic.mtu_bytes;
  port.vlan_id = nic.vlan_id;
  port.attach = !nic.backup;  // BondPort
  const NetConfig net;
  port.transmit_frames =
      static_cast<uint16_t>(net.tx_queue_max + Net::kFragmentsMax + net.neighbour_parked_max +
                            (nic.backup ? nic.tx_descriptors : 0));
  port.rx_interrupt = !nic.backup && !config.cores[0].idle.busy;
  return port;
}

KernelConfig kernel_config(const config::Config& config, const std::vector<Port*>& ports) {
  KernelConfig k;
  for (size_t i = 0; i < config.nics.size(); ++i) {
    const config::Nic& nic = config.nics[i];
    InterfaceConfig iface;
    iface.name = nic.name;
    iface.port = ports[i];
    iface.vlan_id = nic.vlan_id;
    iface.mtu_bytes = nic.mtu_bytes;
    for (const config::Prefix& a : nic.addresses) iface.addresses.push_back({a.address, a.length});
    k.net.interfaces.push_back(iface);
  }
  for (const config::Route& r : config.routes)
    k.net.routes.push_back(
        {r.prefix.network(), r.prefix.length, r.via, static_cast<uint32_t>(r.nic_index)});
  for (const config::Neighbour& n : config.neighbours)
    k.net.neighbours.push_back({n.address, n.mac, static_cast<uint32_t>(n.nic_index)});
  k.net.rx_burst = config.limits.rx_burst;
  random_bytes(k.net.secret, sizeof k.net.secret);
  k.net.tcp = tcp_config(config.tcp, promised(config).sockets);
  k.net.reassembly_max = config.ipv4.reassembly_max;
  k.net.reassembly_per_source_max = config.ipv4.reassembly_per_source_max;
  k.net.reassembly_timeout = config.ipv4.reassembly_timeout_ms * kMilli;
  k.net.igmp_version = config.igmp.version;
  k.net.igmp_robustness = config.igmp.robustness;
  // Each join may be of another group.
  const auto joins = static_cast<uint32_t>(promised(config).joins);
  k.net.igmp_groups_max = std::max(config.igmp.groups_max, joins);
  k.net.igmp_joins_max = std::max(config.igmp.joins_max, joins);
  size_pools(promised(config), k.server);
  k.net.owners_max = std::max(1u, static_cast<uint32_t>(promised(config).sessions));
  k.server.epoch = run_epoch();
  k.server.udp_backlog_max = config.udp.receive_backlog_max;
  k.server.listen_backlog_max = config.tcp.listen_backlog_max;
  k.server.work_units_max = config.limits.work_units_max;
  k.server.hot_queues_max = config.limits.hot_queues_max;
  k.server.copy_bytes = config.limits.copy_bytes;
  k.server.defer_max = config.limits.defer_max_us * kMicro;
  k.server.core_silent_ms = config.limits.core_silent_ms;
  return k;
}

namespace {

PortWake wake_of(EthdevPort& port) {
  PortWake wake;
  wake.self = &port;
  wake.arm = [](void* self) { return static_cast<EthdevPort*>(self)->arm(); };
  wake.waiting = [](void* self) { return static_cast<EthdevPort*>(self)->waiting(); };
  wake.taken = [](void* self) { return static_cast<EthdevPort*>(self)->rx_taken(); };
  wake.disarm = [](void* self) { static_cast<EthdevPort*>(self)->disarm(); };
  return wake;
}

}  // namespace

CoreThreadConfig core_config(const config::Config& config, const std::vector<NicPorts>& ports,
                             const Clock& clock) {
  const config::Core& core = config.cores[0];
  CoreThreadConfig c;
  c.name = core.name;
  c.cpu = static_cast<int>(core.cpu);
  if (!core.idle.busy) {
    c.sleep_after = core.idle.sleep_after_us * kMicro;
    c.nap = core.idle.nap_us * kMicro;
  }
  c.rehearse = core.idle.busy;
  for (const NicPorts& nic : ports)
    c.wakes.push_back(nic.device->has_rx_interrupt() ? wake_of(*nic.device) : PortWake{});
  c.beat_at_least = config.limits.core_silent_ms * kMilli / 4;
  c.clock = clock;
  return c;
}

AttachServerConfig attach_config(const config::Config& config, AddressArena* arena) {
  AttachServerConfig a;
  a.path = config.host.control_socket.path;
  a.mode = config.host.control_socket.mode;
  if (config.host.control_socket.gid) a.group = *config.host.control_socket.gid;
  for (const config::Session& s : config.sessions) a.policies.push_back(policy_of(s));
  a.sessions.region.hugepages = config.host.hugepages_mb != 0;
  a.sessions.region.lock = config.host.lock_memory;
  a.sessions.region.arena = arena;
  return a;
}

Clock clock_of(TscClock& tsc) {
  Clock c;
  c.self = &tsc;
  c.now = [](void* self) { return static_cast<TscClock*>(self)->now(); };
  c.words = [](void* self, rio_abi_clock* out) { static_cast<TscClock*>(self)->fill(*out); };
  return c;
}

namespace {

// Null, and why. The core is told of its link from the start.
std::unique_ptr<EthdevPort> open_port(const config::Device& device, const PortConfig& config,
                                      std::string& why) {
  if (!device.pci.empty()) {
    why = check_binding(device.pci, device.binding == config::Binding::vfio_pci);
    if (!why.empty()) return nullptr;
  }
  auto port = EthdevPort::open(config, why);
  if (port) port->refresh_link();
  return port;
}

// Both work under the first one's MAC address, so a move changes nothing for the neighbours.
bool open_nic(const config::Config& config, const config::Nic& nic, NicPorts& out,
              std::string& why) {
  out.device = open_port(nic.device, port_config(config, nic, nic.device), why);
  if (!out.device || !nic.backup) return out.device != nullptr;
  PortConfig backup = port_config(config, nic, *nic.backup);
  backup.mac = out.device->capabilities().mac;
  out.backup = open_port(*nic.backup, backup, why);
  if (!out.backup) {
    why.insert(0, "backup: ");
    return false;
  }
  out.bond = std::make_unique<BondPort>(*out.device, *out.backup);
  return true;
}

}  // namespace

bool open_ports(const config::Config& config, std::vector<NicPorts>& ports, std::string& why) {
  for (const config::Nic& nic : config.nics) {
    if (open_nic(config, nic, ports.emplace_back(), why)) continue;
    why.insert(0, "nic " + nic.name + ": ");
    return false;
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> describe_ports(
    const config::Config& config, const std::vector<NicPorts>& ports) {
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string& name = config.nics[i].name;
    out.emplace_back(name, ports[i].device->describe());
    if (ports[i].backup) out.emplace_back(name + " backup", ports[i].backup->describe());
  }
  return out;
}

bool look_after_ports(std::vector<NicPorts>& ports, TscClock& clock) {
  bool changed = false;
  for (const NicPorts& nic : ports) {
    for (EthdevPort* port : {nic.device.get(), nic.backup.get()}) {
      if (port == nullptr) continue;
      const bool was_up = port->link_up();
      changed |= port->refresh_link() != was_up;
      if (port->needs_dma_map() && port->watch(clock.now()))
        std::fprintf(stderr, "pinion: restarted a NIC that sent nothing any more: %s\n",
                     port->describe().c_str());
    }
  }
  return changed;
}

void look_at_bonds(std::vector<NicPorts>& ports) {
  for (const NicPorts& nic : ports) {
    if (!nic.bond) continue;
    nic.device->refresh_link();
    nic.backup->refresh_link();
  }
}

bool has_bonds(const std::vector<NicPorts>& ports) {
  return std::any_of(ports.begin(), ports.end(),
                     [](const NicPorts& nic) { return nic.bond != nullptr; });
}

}  // namespace pinion::daemon
