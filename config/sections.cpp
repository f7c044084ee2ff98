// The sections of piniond.yaml, each a function that names its keys and their ranges; the defaults
// are those of config.h, and config/README.md is the same for people.
#include <algorithm>
#include <array>
#include <string_view>

#include "config/draft.h"
#include "config/parse.h"
#include "config/section.h"
#include "net/net_config.h"

namespace pinion::config {
namespace {

constexpr size_t kCoresMax = Mesh::kCoresMax, kNicsMax = 32, kAddressesMax = 16, kRoutesMax = 1024,
                 kNeighboursMax = 1024, kSessionsMax = 256, kGrantsMax = 64;
constexpr uint32_t kHugepageMb = 2;
constexpr uint16_t kIpv6MtuMin = 1280;
constexpr uint16_t kDescriptorsStep = 32;  // what the NICs of DPDK ask for, at most

constexpr std::string_view kLater = "is not supported yet by this version; expected no such key";

constexpr std::string_view kAddressForm = "an address such as 10.20.0.5 or \"2001:db8::5\"";
constexpr std::string_view kInterfaceForm =
    "an address with the length of its network, such as 10.20.0.5/24 or \"2001:db8::5/64\"";
constexpr std::string_view kPrefixForm = "a prefix such as 10.30.0.0/16 or \"2001:db8::/32\"";
constexpr std::string_view kMacForm = "a MAC address such as \"02:00:00:00:00:01\"";
constexpr std::string_view kBindForm =
    "an address or * and a port or range, such as \"10.20.0.5:7000-7999\" or "
    "\"[2001:db8::5]:7000\"";

constexpr std::string_view kGroupsForm =
    "a multicast group such as 239.1.2.3 or \"ff3e::8000:1\", or a prefix of groups such as "
    "239.1.0.0/16 or \"ff3e::/32\"";

Place read_host_address(Section& section, std::string_view key, Ip& out) {
  const Place place = parse_key(section, key, kAddressForm, parse_address, out);
  if (!place.known()) return {};
  return check_host(*section.find(key), key, out, section.errors()) ? place : Place{};
}

void read_control_socket(const Node& node, Draft& draft, Errors& errors) {
  ControlSocket& socket = draft.config.host.control_socket;
  Section section(node, "'control_socket'", errors);
  section.text("path", kPathRule, socket.path);
  constexpr std::string_view kModeForm = "a quoted octal mode such as \"0660\"";
  if (const Node* mode = section.find("mode")) {
    const bool is_quoted = mode->kind == Node::Kind::scalar && mode->quoted;
    const std::optional<uint32_t> bits = is_quoted ? parse_mode(mode->text) : std::nullopt;
    if (bits) socket.mode = *bits;
    if (!bits) report(*mode, "mode", kModeForm, errors);
  }
  draft.control_group = place_of(section.text("group", kUserRule, socket.group));
  section.finish();
}

void read_host(const Node& node, Draft& draft, Errors& errors) {
  constexpr std::array<std::string_view, 3> kDoctors = {"require", "warn", "off"};
  Host& host = draft.config.host;
  Section section(node, "'host'", errors);
  const Node* pages = section.number("hugepages_mb", {0, 1048576}, host.hugepages_mb);
  if (pages && host.hugepages_mb % kHugepageMb != 0) {
    report(*pages, "hugepages_mb", "a multiple of 2, the size of a hugepage", errors);
  }
  section.boolean("lock_memory", host.lock_memory);
  if (const Node* socket = section.find("control_socket")) {
    read_control_socket(*socket, draft, errors);
  }
  section.keyword("doctor", kDoctors, host.doctor);
  section.boolean("drop_capabilities", host.drop_capabilities);
  section.boolean("filter_system_calls", host.filter_system_calls);
  section.finish();
}

void read_idle(const Node& node, Idle& idle, Errors& errors) {
  if (node.kind == Node::Kind::scalar && node.text == "busy") return;
  if (node.kind != Node::Kind::mapping) {
    report(node, "idle", "busy, or {sleep_after_us: N}", errors);
    return;
  }
  idle.busy = false;
  Section section(node, "'idle'", errors);
  section.number("sleep_after_us", {1, 1000000}, idle.sleep_after_us, Need::required);
  section.number("nap_us", {1, 10000}, idle.nap_us);
  section.finish();
}

void read_core(const Node& node, Draft& draft, Errors& errors) {
  Core& core = draft.config.cores.emplace_back();
  CorePlaces& places = draft.cores.emplace_back();
  Section section(node, "a core", errors);
  places.name = place_of(section.text("name", kNameRule, core.name, Need::required));
  places.cpu = place_of(section.number("cpu", {0, 1023}, core.cpu, Need::required));
  if (const Node* idle = section.find("idle")) read_idle(*idle, core.idle, errors);
  section.finish();
}

Place read_device(const Node& node, std::string_view what, Device& device, Errors& errors) {
  constexpr std::array<std::string_view, 2> kBindings = {"vfio-pci", "bifurcated"};
  Section section(node, what, errors);
  const bool physical = section.has("pci") || section.has("binding");
  const Need need = physical ? Need::required : Need::optional;
  const Node* pci = section.text("pci", kPciRule, device.pci, need);
  section.find("binding", need);
  section.keyword("binding", kBindings, device.binding);
  const Node* vdev =
      section.text("vdev", kVdevRule, device.vdev, physical ? Need::optional : Need::required);
  if (physical && vdev) {
    errors.add(vdev->place, "'vdev' stands beside a physical NIC; expected one of them");
  }
  section.finish();
  return place_of(physical ? pci : vdev);
}

void read_interface(const Node& node, Nic& nic, NicPlaces& places, Errors& errors) {
  Prefix prefix;
  if (!parse_value(node, "addresses", kInterfaceForm, parse_prefix, prefix, errors)) return;
  if (!check_host(node, "addresses", prefix.address, errors)) return;
  const bool is_network = prefix.address == prefix.network();
  if (prefix.length == 0 || prefix.is_edge(prefix.address)) {
    errors.add(node.place,
               "'addresses' " + to_text(prefix) + " is " +
                   (prefix.length == 0                     ? "a network of length 0"
                    : is_network && prefix.address.is_v4() ? "the address of the network itself"
                    : is_network ? "the anycast address of its network's routers"
                                 : "the broadcast address of its network") +
                   "; expected the address of a host in it");
    return;
  }
  nic.addresses.push_back(prefix);
  places.addresses.push_back(node.place);
}

void read_descriptors(Section& section, std::string_view key, uint16_t& out) {
  const Node* node = section.number(key, {64, 8192}, out);
  if (node && out % kDescriptorsStep != 0) {
    report(*node, key, "a multiple of " + std::to_string(kDescriptorsStep), section.errors());
  }
}

// `core: a` or `cores: [a, b]`.
void read_nic_cores(Section& section, Nic& nic, NicPlaces& places) {
  const auto add = [&](const std::string& name, Place place) {
    nic.cores.push_back(name);
    places.cores.push_back(place);
  };
  const Node* several = section.find("cores");
  if (several && section.find("core")) {
    section.errors().add(several->place, "'cores' stands beside 'core'; expected one of them");
    return;
  }
  if (!several) {
    std::string name;
    const Node* one = section.text("core", kNameRule, name, Need::required);
    if (one) add(name, one->place);
    places.all_cores = one != nullptr;
    return;
  }
  const Node* list = section.list("cores", kCoresMax, Need::required);
  if (!list) return;
  for (const Node& item : list->items) {
    const std::string* name = scalar_text(item, "cores", kNameRule.expected, section.errors());
    if (!name) continue;
    if (kNameRule.accepts(*name)) add(*name, item.place);
    else report(item, "cores", kNameRule.expected, section.errors());
  }
  places.all_cores = nic.cores.size() == list->items.size();
}

void read_timestamps(const Node& node, Nic& nic, Errors& errors) {
  constexpr std::array<std::string_view, 3> kSources = {"software", "hardware_or_software",
                                                        "hardware"};
  Section section(node, "'timestamps'", errors);
  section.keyword("rx", kSources, nic.rx_timestamps);
  section.finish();
}

void read_nic(const Node& node, Draft& draft, Errors& errors) {
  Nic& nic = draft.config.nics.emplace_back();
  NicPlaces& places = draft.nics.emplace_back();
  Section section(node, "a NIC", errors);
  places.name = place_of(section.text("name", kNameRule, nic.name, Need::required));
  if (const Node* device = section.find("device", Need::required)) {
    places.device = read_device(*device, "'device'", nic.device, errors);
  }
  if (const Node* backup = section.find("backup")) {
    places.backup = read_device(*backup, "'backup'", nic.backup.emplace(), errors);
  }
  read_nic_cores(section, nic, places);
  if (const Node* list = section.list("addresses", kAddressesMax, Need::required)) {
    for (const Node& item : list->items) read_interface(item, nic, places, errors);
    places.all_addresses = nic.addresses.size() == list->items.size();
  }
  section.number("vlan_id", {1, 4094}, nic.vlan_id);
  // 576: every host must be able to receive that much (RFC 1122 section 3.3.2).
  const Node* mtu = section.number("mtu_bytes", {576, 9000}, nic.mtu_bytes);
  const bool ipv6 = std::any_of(nic.addresses.begin(), nic.addresses.end(),
                                [](const Prefix& p) { return !p.address.is_v4(); });
  if (mtu && ipv6 && nic.mtu_bytes < kIpv6MtuMin) {
    report(*mtu, "mtu_bytes", "at least 1280, which IPv6 needs (RFC 8200 section 5)", errors);
  }
  read_descriptors(section, "rx_descriptors", nic.rx_descriptors);
  read_descriptors(section, "tx_descriptors", nic.tx_descriptors);
  section.boolean("tso", nic.tso);
  if (const Node* timestamps = section.find("timestamps")) {
    read_timestamps(*timestamps, nic, errors);
  }
  section.finish();
}

void read_route(const Node& node, Draft& draft, Errors& errors) {
  Route& route = draft.config.routes.emplace_back();
  RoutePlaces& places = draft.routes.emplace_back();
  Section section(node, "a route", errors);
  places.prefix = parse_key(section, "prefix", kPrefixForm, parse_prefix, route.prefix);
  const Prefix& prefix = route.prefix;
  if (places.prefix.known() && prefix.address != prefix.network()) {
    errors.add(places.prefix, "'prefix' " + to_text(prefix) +
                                  " has bits behind its length; expected " +
                                  to_text(Prefix{prefix.network(), prefix.length}));
  }
  places.via = read_host_address(section, "via", route.via);
  places.nic = place_of(section.text("nic", kNameRule, route.nic, Need::required));
  section.finish();
}

void read_neighbour(const Node& node, Draft& draft, Errors& errors) {
  Neighbour& neighbour = draft.config.neighbours.emplace_back();
  NeighbourPlaces& places = draft.neighbours.emplace_back();
  Section section(node, "a neighbour", errors);
  places.address = read_host_address(section, "address", neighbour.address);
  const Place mac = parse_key(section, "mac", kMacForm, parse_mac, neighbour.mac);
  if (mac.known() && (neighbour.mac.is_group() || neighbour.mac.is_zero())) {
    errors.add(mac, "'mac' " + to_text(neighbour.mac) + " is " +
                        (neighbour.mac.is_zero() ? "all zeros" : "a multicast address") +
                        "; expected the address of one station");
  }
  places.nic_given = section.find("nic") != nullptr;
  places.nic = place_of(section.text("nic", kNameRule, neighbour.nic));
  section.finish();
}

void read_udp(const Node& node, Draft& draft, Errors& errors) {
  Section section(node, "'udp'", errors);
  section.number("receive_backlog_max", {1, 65536}, draft.config.udp.receive_backlog_max);
  section.finish();
}

void read_ipv4(const Node& node, Draft& draft, Errors& errors) {
  Ipv4Section& ipv4 = draft.config.ipv4;
  Section section(node, "'ipv4'", errors);
  section.number("reassembly_max", {0, 256}, ipv4.reassembly_max);
  section.number("reassembly_per_source_max", {1, 256}, ipv4.reassembly_per_source_max);
  section.number("reassembly_timeout_ms", {10, 120000}, ipv4.reassembly_timeout_ms);
  section.finish();
}

void read_igmp(const Node& node, Draft& draft, Errors& errors) {
  Igmp& igmp = draft.config.igmp;
  Section section(node, "'igmp'", errors);
  section.number("version", {2, 3}, igmp.version);
  section.number("robustness", {1, 7}, igmp.robustness);
  section.number("groups_max", {1, 65536}, igmp.groups_max);
  section.number("joins_max", {1, 65536}, igmp.joins_max);
  section.finish();
}

void read_tcp_times(Section& section, Tcp& tcp, TcpPlaces& places) {
  places.initial_rto = place_of(section.number("initial_rto_ms", {100, 60000}, tcp.initial_rto_ms));
  places.min_rto = place_of(section.number("min_rto_ms", {1, 60000}, tcp.min_rto_ms));
  places.max_rto = place_of(section.number("max_rto_ms", {1, 3600000}, tcp.max_rto_ms));
  // RFC 9293 section 3.8.6.3: below half a second.
  section.number("delayed_ack_us", {0, 499999}, tcp.delayed_ack_us);
  section.number("msl_s", {1, 240}, tcp.msl_s);
  section.number("fin_wait_2_s", {1, 86400}, tcp.fin_wait_2_s);
  section.number("keepalive_s", {0, 86400}, tcp.keepalive_s);
  section.number("keepalive_interval_s", {1, 86400}, tcp.keepalive_interval_s);
  section.number("keepalive_count", {1, 255}, tcp.keepalive_count);
  section.number("user_timeout_s", {1, 86400}, tcp.user_timeout_s);
  section.number("connect_timeout_s", {1, 86400}, tcp.connect_timeout_s);
}

void read_tcp(const Node& node, Draft& draft, Errors& errors) {
  constexpr std::array<std::string_view, 2> kCongestions = {"newreno", "cubic"};
  Tcp& tcp = draft.config.tcp;
  Section section(node, "'tcp'", errors);
  section.number("connections_max", {1, 65536}, tcp.connections_max);
  read_tcp_times(section, tcp, draft.tcp);
  section.boolean("nagle", tcp.nagle);
  section.keyword("congestion", kCongestions, tcp.congestion);
  section.number("receive_buffer_bytes", {1024, 1u << 30}, tcp.receive_buffer_bytes);
  section.number("syn_queue_max", {1, 65536}, tcp.syn_queue_max);
  section.boolean("syn_cookies", tcp.syn_cookies);
  section.number("listen_backlog_max", {1, 65536}, tcp.listen_backlog_max);
  section.number("min_mss_bytes", {64, 1460}, tcp.min_mss_bytes);
  section.finish();
}

Place read_who(Section& section, Session& session) {
  const Node* user = section.find("user");
  const Node* uid = section.find("uid");
  const Node* group = section.find("group");
  if ((user != nullptr) + (uid != nullptr) + (group != nullptr) != 1) {
    section.errors().add(section.place(),
                         "a session names whom it is for; expected one of: user, uid, group");
    return {};
  }
  if (user) {
    session.who = Who::user;
    return place_of(section.text("user", kUserRule, session.name));
  }
  if (group) {
    session.who = Who::group;
    return place_of(section.text("group", kUserRule, session.name));
  }
  session.who = Who::uid;
  uint32_t id = 0;
  const Node* good = section.number("uid", {0, UINT32_MAX - 1}, id);  // (uid_t)-1 is no user
  if (good) session.id = id;
  return place_of(good);
}

void read_session(const Node& node, Draft& draft, Errors& errors) {
  Session& session = draft.config.sessions.emplace_back();
  SessionPlaces& places = draft.sessions.emplace_back();
  Section section(node, "a session", errors);
  if (node.kind == Node::Kind::mapping) places.who = read_who(section, session);
  section.number("sessions_max", {1, 1024}, session.sessions_max);
  section.number("sockets_max", {1, 65536}, session.sockets_max);
  section.number("memory_mb", {1, 1048576}, session.memory_mb);
  section.number("attaches_per_s_max", {1, 100000}, session.attaches_per_s_max);
  section.number("requests_per_pass", {1, 4096}, session.requests_per_pass);
  section.number("request_queues_max", {1, 65536}, session.request_queues_max);
  if (const Node* list = section.list("bind", kGrantsMax)) {
    for (const Node& item : list->items) {
      BindGrant grant;
      if (!parse_value(item, "bind", kBindForm, parse_bind_grant, grant, errors)) continue;
      session.bind.push_back(grant);
      places.bind.push_back(item.place);
    }
  }
  if (const Node* list = section.list("groups", kGrantsMax)) {
    for (const Node& item : list->items) {
      Prefix groups;
      if (parse_value(item, "groups", kGroupsForm, parse_groups, groups, errors))
        session.groups.push_back(groups);
    }
  }
  section.number("joins_max", {0, 65536}, session.joins_max);
  places.core = place_of(section.text("core", kNameRule, session.core));
  section.finish();
}

void read_limits(const Node& node, Draft& draft, Errors& errors) {
  Limits& limits = draft.config.limits;
  Section section(node, "'limits'", errors);
  section.number("hot_queues_max", {1, 4096}, limits.hot_queues_max);
  section.number("defer_max_us", {0, 10000}, limits.defer_max_us);
  section.number("rx_burst", {1, 256}, limits.rx_burst);
  section.number("copy_bytes", {64, 65536}, limits.copy_bytes);
  section.number("work_units_max", {64, 1048576}, limits.work_units_max);
  section.number("core_silent_ms", {10, 60000}, limits.core_silent_ms);
  section.finish();
}

void read_log(const Node& node, Draft& draft, Errors& errors) {
  constexpr std::array<std::string_view, 5> kLevels = {"error", "warn", "info", "debug", "trace"};
  constexpr std::array<std::string_view, 2> kFormats = {"text", "json"};
  Section section(node, "'log'", errors);
  section.keyword("level", kLevels, draft.config.log.level);
  section.keyword("format", kFormats, draft.config.log.format);
  section.finish();
}

using ReadNode = void (*)(const Node& node, Draft& draft, Errors& errors);

void read_mapping(Section& root, std::string_view key, ReadNode read, Draft& draft) {
  if (const Node* node = root.find(key)) read(*node, draft, root.errors());
}

void read_list(Section& root, std::string_view key, size_t items_max, Need need, ReadNode read,
               Draft& draft) {
  const Node* list = root.list(key, items_max, need);
  if (!list) return;
  for (const Node& item : list->items) read(item, draft, root.errors());
}

}  // namespace

void read_sections(const Node& root_node, Draft& draft, Errors& errors) {
  Section root(root_node, "the file", errors);
  read_version(root);
  root.text("instance", kNameRule, draft.config.instance);
  read_mapping(root, "host", read_host, draft);
  read_list(root, "cores", kCoresMax, Need::required, read_core, draft);
  read_list(root, "nics", kNicsMax, Need::required, read_nic, draft);
  read_list(root, "routes", kRoutesMax, Need::optional, read_route, draft);
  read_list(root, "neighbours", kNeighboursMax, Need::optional, read_neighbour, draft);
  read_mapping(root, "tcp", read_tcp, draft);
  read_mapping(root, "udp", read_udp, draft);
  read_mapping(root, "ipv4", read_ipv4, draft);
  read_mapping(root, "igmp", read_igmp, draft);
  read_list(root, "sessions", kSessionsMax, Need::optional, read_session, draft);
  read_mapping(root, "limits", read_limits, draft);
  read_mapping(root, "log", read_log, draft);
  for (const std::string_view later : {"capture", "metrics"}) {
    root.unsupported(later, kLater);
  }
  root.finish();
}

}  // namespace pinion::config
