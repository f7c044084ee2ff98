// What can only be said with the whole file in hand: names that must exist, values that must not
// meet, addresses that must be reachable. Lists are short (sections.cpp bounds them), so pairs are
// compared one by one.
#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/draft.h"
#include "config/parse.h"
#include "net/net_config.h"

namespace pinion::config {
namespace {

std::string at_line(Place place) { return "on line " + std::to_string(place.line); }

// A list whose entries are not all known proves nothing about what is missing from it.
template <class Places>
bool names_known(const std::vector<Places>& entries) {
  const auto known = [](const Places& entry) { return entry.name.known(); };
  return !entries.empty() && std::all_of(entries.begin(), entries.end(), known);
}

// The position of the entry called name, or the list's size.
template <class Entry>
size_t index_of(const std::vector<Entry>& entries, const std::string& name) {
  const auto is_called = [&name](const Entry& entry) { return entry.name == name; };
  const auto found = std::find_if(entries.begin(), entries.end(), is_called);
  return static_cast<size_t>(found - entries.begin());
}

// A PCI address, or the DPDK name of a virtual device: what stands in front of its arguments.
std::string_view device_name(const Device& device) {
  if (!device.pci.empty()) return device.pci;
  const std::string_view vdev = device.vdev;
  return vdev.substr(0, vdev.find(','));
}

void check_cores(const Draft& draft, Errors& errors) {
  const std::vector<Core>& cores = draft.config.cores;
  for (size_t i = 0; i < cores.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const CorePlaces &here = draft.cores[i], &there = draft.cores[j];
      if (here.cpu.known() && there.cpu.known() && cores[i].cpu == cores[j].cpu) {
        errors.add(here.cpu, "cpu " + std::to_string(cores[i].cpu) + " already has a core " +
                                 at_line(there.cpu) + "; expected one core a CPU");
      }
      if (here.name.known() && there.name.known() && cores[i].name == cores[j].name) {
        errors.add(here.name, "core name " + quoted(cores[i].name) + " is taken " +
                                  at_line(there.name) + "; expected each name once");
      }
    }
  }
}

void check_nic_names(const Draft& draft, Errors& errors) {
  const std::vector<Nic>& nics = draft.config.nics;
  for (size_t i = 0; i < nics.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const NicPlaces &here = draft.nics[i], &there = draft.nics[j];
      if (here.name.known() && there.name.known() && nics[i].name == nics[j].name) {
        errors.add(here.name, "NIC name " + quoted(nics[i].name) + " is taken " +
                                  at_line(there.name) + "; expected each name once");
      }
    }
  }
}

// A backup is a device like any other: nobody has it twice.
void check_devices(const Draft& draft, Errors& errors) {
  std::vector<std::pair<std::string_view, Place>> seen;
  const auto check = [&](const Device& device, Place place) {
    if (!place.known()) return;
    const std::string_view name = device_name(device);
    const auto twin = std::find_if(seen.begin(), seen.end(),
                                   [name](const auto& other) { return other.first == name; });
    if (twin == seen.end()) {
      seen.emplace_back(name, place);
      return;
    }
    errors.add(place, "device " + quoted(name) + " is taken " + at_line(twin->second) +
                          "; expected each device once");
  };
  for (size_t i = 0; i < draft.nics.size(); ++i) {
    const Nic& nic = draft.config.nics[i];
    check(nic.device, draft.nics[i].device);
    if (nic.backup) check(*nic.backup, draft.nics[i].backup);
  }
}

// The core called name; its position, or the number of cores after an error.
size_t find_core(const Draft& draft, const std::string& name, Place place, Errors& errors) {
  const std::vector<Core>& cores = draft.config.cores;
  const size_t index = index_of(cores, name);
  if (index == cores.size())
    errors.add(place, "there is no core " + quoted(name) + "; expected a name from 'cores'");
  return index;
}

// A NIC of several cores is of all of them, so that each knows it by the same number.
void check_several_cores(const Nic& nic, const NicPlaces& places, size_t cores, Errors& errors) {
  for (auto name = nic.cores.begin(); name != nic.cores.end(); ++name) {
    const auto first = std::find(nic.cores.begin(), name, *name);
    if (first == name) continue;
    errors.add(places.cores[static_cast<size_t>(name - nic.cores.begin())],
               "core " + quoted(*name) + " is named " +
                   at_line(places.cores[static_cast<size_t>(first - nic.cores.begin())]) +
                   "; expected each name once");
    return;
  }
  if (nic.cores.size() == 1) return;
  if (nic.backup)
    errors.add(places.cores[0], "a NIC with a 'backup' is polled by one core; expected 'core'");
  else if (nic.cores.size() < cores)
    errors.add(places.cores[0], "'cores' has " + std::to_string(nic.cores.size()) + " of " +
                                    std::to_string(cores) + " cores; expected one, or all");
}

void check_nic_cores(Draft& draft, Errors& errors) {
  if (!names_known(draft.cores)) return;
  for (size_t i = 0; i < draft.nics.size(); ++i) {
    Nic& nic = draft.config.nics[i];
    const NicPlaces& places = draft.nics[i];
    const size_t cores = draft.cores.size();
    bool known = places.all_cores;
    for (size_t j = 0; j < nic.cores.size(); ++j) {
      nic.core_indices.push_back(find_core(draft, nic.cores[j], places.cores[j], errors));
      known = known && nic.core_indices.back() < cores;
    }
    if (known) check_several_cores(nic, places, cores, errors);
  }
}

// Calls visit(address, place) for each address of each NIC, in their order.
template <class Visit>
void each_address(const Draft& draft, Visit visit) {
  for (size_t i = 0; i < draft.config.nics.size(); ++i) {
    const std::vector<Prefix>& addresses = draft.config.nics[i].addresses;
    for (size_t j = 0; j < addresses.size(); ++j) {
      visit(addresses[j].address, draft.nics[i].addresses[j]);
    }
  }
}

// Where the file gives us this address first; nowhere if it does not.
Place place_of_address(const Draft& draft, Ip wanted) {
  Place found;
  each_address(draft, [&](Ip address, Place place) {
    if (!found.known() && address == wanted) found = place;
  });
  return found;
}

void check_addresses(const Draft& draft, Errors& errors) {
  each_address(draft, [&](Ip address, Place place) {
    const Place first = place_of_address(draft, address);
    if (first == place) return;
    errors.add(place, "address " + to_text(address) + " is taken " + at_line(first) +
                          "; expected each address once");
  });
}

// Whether a station with this address can answer on one of the NIC's networks. Every NIC that
// speaks IPv6 is on a link-local one.
bool is_connected(const Nic& nic, Ip address) {
  const auto speaks_v6 = [](const Prefix& p) { return !p.address.is_v4(); };
  if (address.is_link_local())
    return std::any_of(nic.addresses.begin(), nic.addresses.end(), speaks_v6);
  return std::any_of(nic.addresses.begin(), nic.addresses.end(), [address](const Prefix& prefix) {
    return prefix.contains(address) && !prefix.is_edge(address);
  });
}

// Whether everything is known that decides what the NICs are connected to.
bool addresses_known(const Draft& draft) {
  const auto known = [](const NicPlaces& nic) { return nic.all_addresses; };
  return !draft.nics.empty() && std::all_of(draft.nics.begin(), draft.nics.end(), known);
}

bool not_ours(const Draft& draft, Ip address, Place place, Errors& errors) {
  const Place ours = place_of_address(draft, address);
  if (!ours.known()) return true;
  errors.add(place, to_text(address) + " is our own address " + at_line(ours) +
                        "; expected that of another station");
  return false;
}

void check_connected(const Draft& draft, size_t nic, Ip address, Place place, Errors& errors) {
  if (!draft.nics[nic].all_addresses) return;
  const Nic& entry = draft.config.nics[nic];
  if (is_connected(entry, address)) return;
  const Prefix& first = entry.addresses[0];
  errors.add(place, to_text(address) + " is no station of a network of NIC " + quoted(entry.name) +
                        "; expected an address within " +
                        to_text(Prefix{first.network(), first.length}) +
                        (entry.addresses.size() > 1 ? " or its others" : ""));
}

// The NIC called name; its position, or the number of NICs after an error (or a doubt).
size_t find_nic(const Draft& draft, const std::string& name, Place place, Errors& errors) {
  const std::vector<Nic>& nics = draft.config.nics;
  const size_t index = place.known() ? index_of(nics, name) : nics.size();
  if (place.known() && index == nics.size() && names_known(draft.nics)) {
    errors.add(place, "there is no NIC " + quoted(name) + "; expected a name from 'nics'");
  }
  return index;
}

void check_route_twins(const Draft& draft, size_t i, Errors& errors) {
  for (size_t j = 0; j < i; ++j) {
    if (!draft.routes[i].prefix.known() || !draft.routes[j].prefix.known()) continue;
    if (draft.config.routes[i].prefix != draft.config.routes[j].prefix) continue;
    errors.add(draft.routes[i].prefix, "prefix " + to_text(draft.config.routes[i].prefix) +
                                           " has a route " + at_line(draft.routes[j].prefix) +
                                           "; expected one route a prefix");
    return;
  }
}

void check_routes(Draft& draft, Errors& errors) {
  for (size_t i = 0; i < draft.routes.size(); ++i) {
    Route& route = draft.config.routes[i];
    const RoutePlaces& places = draft.routes[i];
    check_route_twins(draft, i, errors);
    route.nic_index = find_nic(draft, route.nic, places.nic, errors);
    if (!places.via.known() || !not_ours(draft, route.via, places.via, errors)) continue;
    if (places.prefix.known() && route.via.is_v4() != route.prefix.address.is_v4()) {
      errors.add(places.via, "'via' " + to_text(route.via) + " is of another family than " +
                                 to_text(route.prefix) + "; expected a gateway of the same");
      continue;
    }
    if (route.nic_index == draft.nics.size()) continue;
    check_connected(draft, route.nic_index, route.via, places.via, errors);
  }
}

// The only NIC that has this neighbour on one of its networks, or the number of NICs.
size_t nic_of_neighbour(const Draft& draft, Ip address, Place place, Errors& errors) {
  const std::vector<Nic>& nics = draft.config.nics;
  size_t found = nics.size();
  for (size_t i = 0; i < nics.size(); ++i) {
    if (!is_connected(nics[i], address)) continue;
    if (found != nics.size()) {
      errors.add(place, to_text(address) + " may be behind NIC " + quoted(nics[found].name) +
                            " or " + quoted(nics[i].name) + "; expected a key 'nic'");
      return nics.size();
    }
    found = i;
  }
  if (found == nics.size() && addresses_known(draft)) {
    errors.add(place, to_text(address) +
                          " is no station of a network of any NIC; expected one "
                          "within their 'addresses'");
  }
  return found;
}

void check_neighbour_twins(const Draft& draft, size_t i, Errors& errors) {
  const std::vector<Neighbour>& all = draft.config.neighbours;
  for (size_t j = 0; j < i; ++j) {
    const bool same = all[i].address == all[j].address && all[i].nic_index == all[j].nic_index;
    if (!same || !draft.neighbours[j].address.known()) continue;
    errors.add(draft.neighbours[i].address, "neighbour " + to_text(all[i].address) + " is given " +
                                                at_line(draft.neighbours[j].address) +
                                                "; expected each neighbour once");
    return;
  }
}

void check_neighbours(Draft& draft, Errors& errors) {
  for (size_t i = 0; i < draft.neighbours.size(); ++i) {
    Neighbour& neighbour = draft.config.neighbours[i];
    const NeighbourPlaces& places = draft.neighbours[i];
    neighbour.nic_index = find_nic(draft, neighbour.nic, places.nic, errors);
    const Ip address = neighbour.address;
    if (!places.address.known() || !not_ours(draft, address, places.address, errors)) continue;
    const bool named = neighbour.nic_index < draft.nics.size();
    if (named) {
      check_connected(draft, neighbour.nic_index, address, places.address, errors);
    } else if (!places.nic_given) {
      neighbour.nic_index = nic_of_neighbour(draft, address, places.address, errors);
    }
    if (neighbour.nic_index < draft.nics.size()) check_neighbour_twins(draft, i, errors);
  }
}

std::optional<uint32_t> look_up(bool is_group, const std::string& name, Place place,
                                const Lookups& lookups, Errors& errors) {
  const auto& find = is_group ? lookups.group : lookups.user;
  if (!find) return std::nullopt;
  const std::optional<uint32_t> id = find(name);
  if (!id) {
    errors.add(place, std::string("there is no ") + (is_group ? "group " : "user ") + quoted(name) +
                          " on this machine; expected a known name");
  }
  return id;
}

bool same_who(const Session& a, const Session& b) {
  if ((a.who == Who::group) != (b.who == Who::group)) return false;
  return (a.id && a.id == b.id) || (a.who == b.who && !a.name.empty() && a.name == b.name);
}

void check_session_twins(const Draft& draft, size_t i, Errors& errors) {
  for (size_t j = 0; j < i; ++j) {
    if (!draft.sessions[j].who.known()) continue;
    if (!same_who(draft.config.sessions[i], draft.config.sessions[j])) continue;
    errors.add(draft.sessions[i].who, "the same user or group has a session entry " +
                                          at_line(draft.sessions[j].who) +
                                          "; expected one entry each");
    return;
  }
}

void check_grants(const Draft& draft, size_t session, Errors& errors) {
  if (!addresses_known(draft)) return;
  const std::vector<BindGrant>& grants = draft.config.sessions[session].bind;
  for (size_t i = 0; i < grants.size(); ++i) {
    const std::optional<Ip> address = grants[i].address;
    if (!address || address->is_multicast() || place_of_address(draft, *address).known()) continue;
    errors.add(draft.sessions[session].bind[i], "'bind' " + to_text(*address) +
                                                    " is not an address of ours; expected one from "
                                                    "the NICs' 'addresses', a group, or *");
  }
}

void check_sessions(Draft& draft, const Lookups& lookups, Errors& errors) {
  for (size_t i = 0; i < draft.sessions.size(); ++i) {
    Session& session = draft.config.sessions[i];
    const Place who = draft.sessions[i].who;
    check_grants(draft, i, errors);
    if (!who.known()) continue;
    if (session.who != Who::uid) {
      session.id = look_up(session.who == Who::group, session.name, who, lookups, errors);
    }
    check_session_twins(draft, i, errors);
  }
}

bool polls(const Nic& nic, size_t core) {
  return std::find(nic.core_indices.begin(), nic.core_indices.end(), core) !=
         nic.core_indices.end();
}

// A grant of an address that the policy's core does not have works for sessions that ask for
// another core, and for no others.
void check_grant_core(Draft& draft, const Session& session, Ip address, Place place) {
  for (const Nic& nic : draft.config.nics) {
    const auto is_it = [address](const Prefix& p) { return p.address == address; };
    if (std::none_of(nic.addresses.begin(), nic.addresses.end(), is_it)) continue;
    if (polls(nic, session.core_index)) return;
    const std::string own = draft.config.cores[session.core_index].name;
    draft.warnings.add(place,
                       "'bind' " + to_text(address) + " is an address of NIC " + quoted(nic.name) +
                           ", which core " + quoted(own) +
                           " of this policy does not poll: only sessions that ask for core " +
                           quoted(nic.cores[0]) + " can bind it; expected an address of core " +
                           quoted(own) + ", or core " + quoted(nic.cores[0]));
    return;
  }
}

// When there are no errors: every name and address is known then.
void check_grant_cores(Draft& draft) {
  for (size_t i = 0; i < draft.sessions.size(); ++i) {
    const Session& session = draft.config.sessions[i];
    for (size_t g = 0; g < session.bind.size(); ++g) {
      const std::optional<Ip> address = session.bind[g].address;
      if (address && !address->is_multicast())
        check_grant_core(draft, session, *address, draft.sessions[i].bind[g]);
    }
  }
}

// Where a NIC belongs to several cores, each chooses ports for connections without asking the
// others, so no application may bind what those of another policy's connections choose.
void check_ephemeral(const Draft& draft, Errors& errors) {
  const Config& config = draft.config;
  const bool shared = std::any_of(config.nics.begin(), config.nics.end(),
                                  [](const Nic& nic) { return nic.cores.size() > 1; });
  if (!shared || config.sessions.size() < 2) return;
  const NetConfig net;
  for (size_t i = 0; i < config.sessions.size(); ++i) {
    for (size_t g = 0; g < config.sessions[i].bind.size(); ++g) {
      const PortRange& ports = config.sessions[i].bind[g].ports;
      if (ports.first > net.ephemeral_last || ports.last < net.ephemeral_first) continue;
      errors.add(draft.sessions[i].bind[g],
                 "'bind' " + std::to_string(ports.first) + "-" + std::to_string(ports.last) +
                     " meets the ephemeral ports " + std::to_string(net.ephemeral_first) + "-" +
                     std::to_string(net.ephemeral_last) +
                     "; expected none of them, since a NIC has several cores and there are several "
                     "policies");
    }
  }
}

void check_session_cores(Draft& draft, Errors& errors) {
  if (!names_known(draft.cores)) return;
  for (size_t i = 0; i < draft.sessions.size(); ++i) {
    Session& session = draft.config.sessions[i];
    const Place place = draft.sessions[i].core;
    if (place.known()) session.core_index = find_core(draft, session.core, place, errors);
  }
}

// One of the two was given, or both are defaults, which fit.
void check_order(Place lower, Place upper, uint32_t low, uint32_t high, const char* lower_name,
                 const char* upper_name, Errors& errors) {
  if (low <= high || (!lower.known() && !upper.known())) return;
  errors.add(lower.known() ? lower : upper,
             "'" + std::string(lower_name) + "' " + std::to_string(low) + " is over '" +
                 upper_name + "' " + std::to_string(high) + "; expected at most as much");
}

void check_tcp(const Draft& draft, Errors& errors) {
  const Tcp& tcp = draft.config.tcp;
  const TcpPlaces& at = draft.tcp;
  check_order(at.min_rto, at.initial_rto, tcp.min_rto_ms, tcp.initial_rto_ms, "min_rto_ms",
              "initial_rto_ms", errors);
  check_order(at.initial_rto, at.max_rto, tcp.initial_rto_ms, tcp.max_rto_ms, "initial_rto_ms",
              "max_rto_ms", errors);
}

}  // namespace

void cross_check(Draft& draft, const Lookups& lookups, Errors& errors) {
  ControlSocket& socket = draft.config.host.control_socket;
  if (draft.control_group.known()) {
    socket.gid = look_up(true, socket.group, draft.control_group, lookups, errors);
  }
  check_cores(draft, errors);
  check_nic_names(draft, errors);
  check_devices(draft, errors);
  check_nic_cores(draft, errors);
  check_addresses(draft, errors);
  check_routes(draft, errors);
  check_neighbours(draft, errors);
  check_tcp(draft, errors);
  check_sessions(draft, lookups, errors);
  check_session_cores(draft, errors);
  check_ephemeral(draft, errors);
  if (errors.empty()) check_grant_cores(draft);
}

}  // namespace pinion::config
