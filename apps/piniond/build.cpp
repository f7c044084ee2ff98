// From configuration to construction; see build.h.
#include "piniond/build.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iterator>

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
  p.core = static_cast<uint32_t>(s.core_index);
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
  eal.rx_interrupts = std::any_of(config.cores.begin(), config.cores.end(),
                                  [](const config::Core& core) { return !core.idle.busy; });
  return eal;
}

// Any of its cores.
bool may_sleep(const config::Config& config, const config::Nic& nic) {
  return std::any_of(nic.core_indices.begin(), nic.core_indices.end(),
                     [&](size_t core) { return !config.cores[core].idle.busy; });
}

RxStamps stamps_of(config::Timestamps wanted) {
  switch (wanted) {
    case config::Timestamps::software: return RxStamps::software;
    case config::Timestamps::hardware_or_software: return RxStamps::device_or_software;
    case config::Timestamps::hardware: return RxStamps::device;
  }
  return RxStamps::software;
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
  port.tso = nic.tso;
  port.rx_stamps = stamps_of(nic.rx_timestamps);
  const NetConfig net;
  port.transmit_frames =
      static_cast<uint16_t>(net.tx_queue_max + Net::kFragmentsMax + net.neighbour_parked_max);
  port.tx_rings = nic.backup ? 2 : 1;
  port.rx_interrupt = !nic.backup && may_sleep(config, nic);
  return port;
}

RunSecrets make_secrets() {
  RunSecrets secrets;
  random_bytes(secrets.key, sizeof secrets.key);
  secrets.epoch = run_epoch();
  return secrets;
}

bool any_shared(const config::Config& config) {
  return std::any_of(config.nics.begin(), config.nics.end(),
                     [](const config::Nic& nic) { return nic.cores.size() > 1; });
}

std::vector<CoreNic> nics_of(const config::Config& config, size_t core) {
  std::vector<CoreNic> out;
  for (const bool shared : {true, false}) {
    for (size_t i = 0; i < config.nics.size(); ++i) {
      const std::vector<size_t>& cores = config.nics[i].core_indices;
      const auto at = std::find(cores.begin(), cores.end(), core);
      if ((cores.size() > 1) == shared && at != cores.end())
        out.push_back({i, static_cast<size_t>(at - cores.begin())});
    }
  }
  return out;
}

namespace {

// The interfaces of a core, and what leaves by them.
void add_interfaces(const config::Config& config, size_t core, const std::vector<NicPorts>& ports,
                    NetConfig& net) {
  const std::vector<CoreNic> own = nics_of(config, core);
  for (const CoreNic& at : own) {
    const config::Nic& nic = config.nics[at.nic];
    InterfaceConfig iface;
    iface.name = nic.name;
    iface.port = ports[at.nic].port(at.queue);
    iface.vlan_id = nic.vlan_id;
    iface.mtu_bytes = nic.mtu_bytes;
    for (const config::Prefix& a : nic.addresses) iface.addresses.push_back({a.address, a.length});
    if (nic.cores.size() > 1)
      iface.queue_cores.assign(nic.core_indices.begin(), nic.core_indices.end());
    net.interfaces.push_back(iface);
  }
  const auto number_of = [&](size_t nic) {
    const auto at =
        std::find_if(own.begin(), own.end(), [nic](const CoreNic& o) { return o.nic == nic; });
    return static_cast<uint32_t>(at - own.begin());
  };
  for (const config::Route& r : config.routes)
    if (const uint32_t at = number_of(r.nic_index); at < own.size())
      net.routes.push_back({r.prefix.network(), r.prefix.length, r.via, at});
  for (const config::Neighbour& n : config.neighbours)
    if (const uint32_t at = number_of(n.nic_index); at < own.size())
      net.neighbours.push_back({n.address, n.mac, at});
}

}  // namespace

// A session may ask for any core, so each has room for all that is promised.
KernelConfig kernel_config(const config::Config& config, size_t core,
                           const std::vector<NicPorts>& ports, const RunSecrets& secrets) {
  KernelConfig k;
  add_interfaces(config, core, ports, k.net);
  k.net.rx_burst = config.limits.rx_burst;
  std::copy(std::begin(secrets.key), std::end(secrets.key), k.net.secret);
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
  k.server.core = static_cast<uint32_t>(core);
  k.server.epoch = secrets.epoch;
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
  if (!port.has_rx_interrupt()) return wake;
  wake.self = &port;
  wake.arm = [](void* self) { return static_cast<EthdevPort*>(self)->arm(); };
  wake.waiting = [](void* self) { return static_cast<EthdevPort*>(self)->waiting(); };
  wake.taken = [](void* self) { return static_cast<EthdevPort*>(self)->rx_taken(); };
  wake.disarm = [](void* self) { static_cast<EthdevPort*>(self)->disarm(); };
  return wake;
}

}  // namespace

CoreThreadConfig core_config(const config::Config& config, size_t index,
                             const std::vector<NicPorts>& ports, const Clock& clock) {
  const config::Core& core = config.cores[index];
  CoreThreadConfig c;
  c.name = core.name;
  c.cpu = static_cast<int>(core.cpu);
  if (!core.idle.busy) {
    c.sleep_after = core.idle.sleep_after_us * kMicro;
    c.nap = core.idle.nap_us * kMicro;
  }
  c.rehearse = core.idle.busy;
  for (const CoreNic& own : nics_of(config, index))
    c.wakes.push_back(wake_of(*ports[own.nic].queues[own.queue]));
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
  a.sessions.cores = static_cast<uint32_t>(config.cores.size());
  for (size_t core = 0; core < config.cores.size(); ++core) {
    std::vector<uint32_t>& bits = a.sessions.nics_of_core.emplace_back();
    for (const CoreNic& own : nics_of(config, core)) bits.push_back(static_cast<uint32_t>(own.nic));
  }
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

bool may_open(const config::Device& device, std::string& why) {
  if (!device.pci.empty())
    why = check_binding(device.pci, device.binding == config::Binding::vfio_pci);
  return why.empty();
}

// Both work under the first one's MAC address, so a move changes nothing for the neighbours.
bool open_nic(const config::Config& config, const config::Nic& nic, NicPorts& out,
              std::string& why) {
  if (!may_open(nic.device, why)) return false;
  const auto queues = static_cast<uint32_t>(nic.cores.size());
  if (!EthdevPort::open_queues(port_config(config, nic, nic.device), queues, out.queues, why))
    return false;
  out.name = nic.name;
  out.told_up = out.device().refresh_link();  // the cores are told of it from the start
  if (!nic.backup) return true;
  PortConfig backup = port_config(config, nic, *nic.backup);
  backup.mac = out.device().capabilities().mac;
  if (may_open(*nic.backup, why)) out.backup = EthdevPort::open(backup, why);
  if (!out.backup) {
    why.insert(0, "backup: ");
    return false;
  }
  out.backup_told_up = out.backup->refresh_link();
  out.bond = std::make_unique<BondPort>(out.device(), *out.backup);
  return true;
}

}  // namespace

bool open_ports(const config::Config& config, const TscClock& clock, std::vector<NicPorts>& ports,
                std::string& why) {
  for (const config::Nic& nic : config.nics) {
    NicPorts& out = ports.emplace_back();
    if (!open_nic(config, nic, out, why)) {
      why.insert(0, "nic " + nic.name + ": ");
      return false;
    }
    for (const auto& queue : out.queues) queue->use_clock(clock);
    out.device().calibrate();
    if (!out.backup) continue;
    out.backup->use_clock(clock);
    out.backup->calibrate();
  }
  return true;
}

std::vector<std::pair<std::string, std::string>> describe_ports(
    const config::Config& config, const std::vector<NicPorts>& ports) {
  std::vector<std::pair<std::string, std::string>> out;
  for (size_t i = 0; i < ports.size(); ++i) {
    const std::string& name = config.nics[i].name;
    out.emplace_back(name, ports[i].device().describe());
    if (ports[i].backup) out.emplace_back(name + " backup", ports[i].backup->describe());
  }
  return out;
}

namespace {

// Whoever reads why an application hears nothing must find when it began. True: it has changed.
bool tell_link(const std::string& name, const char* which, const EthdevPort& port, bool& told_up) {
  if (port.link_up() == told_up) return false;
  told_up = port.link_up();
  std::fprintf(stderr, "pinion: nic %s%s: link %s\n", name.c_str(), which, told_up ? "up" : "down");
  return true;
}

}  // namespace

bool look_after_ports(std::vector<NicPorts>& ports, TscClock& clock) {
  bool changed = false;
  for (NicPorts& nic : ports) {
    for (EthdevPort* port : {&nic.device(), nic.backup.get()}) {
      if (port == nullptr) continue;
      port->refresh_link();
      port->calibrate();
      if (port->needs_dma_map() && port->watch(clock.now()))
        std::fprintf(stderr, "pinion: restarted a NIC that sent nothing any more: %s\n",
                     port->describe().c_str());
    }
    changed |= tell_link(nic.name, "", nic.device(), nic.told_up);
    if (nic.backup) changed |= tell_link(nic.name, " backup", *nic.backup, nic.backup_told_up);
  }
  return changed;
}

void look_at_bonds(std::vector<NicPorts>& ports) {
  for (const NicPorts& nic : ports) {
    if (!nic.bond) continue;
    nic.device().refresh_link();
    nic.backup->refresh_link();
  }
}

bool has_bonds(const std::vector<NicPorts>& ports) {
  return std::any_of(ports.begin(), ports.end(),
                     [](const NicPorts& nic) { return nic.bond != nullptr; });
}

}  // namespace pinion::daemon
