// What can only be said with the whole file in hand: names that must exist, values that must not
// meet, limits that another limit makes impossible. Lists are short (the readers bound them), so
// pairs are compared one by one.
#include <algorithm>
#include <string>
#include <string_view>

#include "gateway/config/draft.h"

namespace pinion::gateway {

namespace {

using namespace pinion::config;

std::string at_line(Place place) { return "on line " + std::to_string(place.line); }

bool over_kernel(const Draft& draft) { return draft.config.stack.transport == Transport::kernel; }

// Only the kernel's sockets have loopback addresses, and one address behind two names.
void check_nics(const Draft& draft, Errors& errors) {
  if (!draft.stack.known() || over_kernel(draft)) return;
  for (const LoopbackUse& use : draft.loopbacks) {
    errors.add(use.place, use.address +
                              " is a loopback address; expected the address of a host, "
                              "or stack: {kernel: sockets}");
  }
  const std::vector<NicAddress>& nics = draft.config.nics;
  for (size_t i = 0; i < nics.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (nics[i].address != nics[j].address) continue;
      errors.add(draft.nics[i], "address " + nics[i].address + " is taken " +
                                    at_line(draft.nics[j]) +
                                    "; expected each address once, or stack: {kernel: sockets}");
      break;
    }
  }
}

// A list whose entries are not all known proves nothing about what is missing from it.
void find_address(const Draft& draft, const std::string& nic, Place place, std::string& address,
                  Errors& errors) {
  if (!place.known()) return;
  const std::vector<NicAddress>& nics = draft.config.nics;
  const auto found = std::ranges::find(nics, nic, &NicAddress::name);
  if (found != nics.end()) {
    address = found->address;
  } else if (draft.all_nics) {
    errors.add(place, "there is no NIC " + quoted(nic) + "; expected a name from 'nics'");
  }
}

void find_addresses(Draft& draft, Errors& errors) {
  Config& config = draft.config;
  std::vector<LineConfig>& lines = config.venue.market_data.lines;
  for (size_t i = 0; i < lines.size(); ++i)
    find_address(draft, lines[i].nic, draft.lines[i].nic, lines[i].address, errors);
  OrderEntryConfig& entry = config.venue.order_entry;
  find_address(draft, entry.nic, draft.order_entry.nic, entry.address, errors);
  for (size_t i = 0; i < config.clients.size(); ++i) {
    ClientConfig& client = config.clients[i];
    find_address(draft, client.nic, draft.clients[i].nic, client.address, errors);
  }
}

// Both lines from one place would lose together what they exist to bring twice.
void check_lines(const Draft& draft, Errors& errors) {
  const std::vector<LineConfig>& lines = draft.config.venue.market_data.lines;
  if (lines.size() != 2 || !draft.lines[0].line.known() || !draft.lines[1].line.known()) return;
  if (lines[0] != lines[1]) return;
  errors.add(draft.lines[1].line, "this line is the one " + at_line(draft.lines[0].line) +
                                      " again; expected another group, port, NIC or source");
}

// One of the two was given, or both are defaults, which fit.
struct Bound {
  std::string_view name;
  Place place;
  uint64_t value;
};
void check_at_most(const Bound& low, const Bound& high, Errors& errors) {
  if (low.value <= high.value || (!low.place.known() && !high.place.known())) return;
  errors.add(low.place.known() ? low.place : high.place,
             "'" + std::string(low.name) + "' " + std::to_string(low.value) + " is over '" +
                 std::string(high.name) + "' " + std::to_string(high.value) +
                 "; expected at most as much");
}

void check_order_entry(const Draft& draft, Errors& errors) {
  const OrderEntryConfig& entry = draft.config.venue.order_entry;
  const OrderEntryPlaces& places = draft.order_entry;
  const auto ms = [](Nanos time) { return static_cast<uint64_t>(time / kMilli); };
  check_at_most({"heartbeat_ms", places.heartbeat, ms(entry.heartbeat)},
                {"peer_timeout_ms", places.peer_timeout, ms(entry.peer_timeout)}, errors);
  check_at_most({"first_ms", places.reconnect_first, ms(entry.reconnect_first)},
                {"max_ms", places.reconnect_max, ms(entry.reconnect_max)}, errors);
}

void check_client_twins(const Draft& draft, size_t i, Errors& errors) {
  const ClientConfig& client = draft.config.clients[i];
  const ClientPlaces& here = draft.clients[i];
  for (size_t j = 0; j < i; ++j) {
    const ClientConfig& other = draft.config.clients[j];
    const ClientPlaces& there = draft.clients[j];
    if (here.name.known() && there.name.known() && client.name == other.name) {
      errors.add(here.name, "session name " + quoted(client.name) + " is taken " +
                                at_line(there.name) + "; expected each name once");
    }
    // By these three a Logon finds its session.
    const bool same = client.version == other.version &&
                      client.sender_comp_id == other.sender_comp_id &&
                      client.target_comp_id == other.target_comp_id;
    if (!same || !here.identity.known() || !there.identity.known()) continue;
    errors.add(here.identity, "the same version, sender and target have a session " +
                                  at_line(there.identity) + "; expected each once");
  }
}

void check_profile_of(const Draft& draft, size_t i, Errors& errors) {
  const ClientConfig& client = draft.config.clients[i];
  const Place place = draft.clients[i].risk;
  if (!place.known() || !draft.all_profiles) return;
  const std::vector<RiskProfile>& profiles = draft.config.risk.profiles;
  if (std::ranges::find(profiles, client.risk, &RiskProfile::name) != profiles.end()) return;
  errors.add(place, "there is no risk profile " + quoted(client.risk) +
                        "; expected a name from 'profiles' in 'risk'");
}

// Sessions may share a listening address, since a Logon says whose it is; the metrics may not.
void check_metrics(const Draft& draft, Errors& errors) {
  const Endpoint& metrics = draft.config.metrics.listen;
  if (!draft.metrics.known() || !draft.stack.known() || !over_kernel(draft)) return;
  for (size_t i = 0; i < draft.clients.size(); ++i) {
    const ClientConfig& client = draft.config.clients[i];
    if (!draft.clients[i].listen.known()) continue;
    if (client.address != metrics.ip || client.port != metrics.port) continue;
    errors.add(draft.metrics, "'listen' is where a session " + at_line(draft.clients[i].listen) +
                                  " listens; expected another port");
    return;
  }
}

void check_profiles(const Draft& draft, Errors& errors) {
  const Config& config = draft.config;
  for (size_t i = 0; i < draft.profiles.size(); ++i) {
    const risk::Limits& limits = config.risk.profiles[i].limits;
    const ProfilePlaces& places = draft.profiles[i];
    if (places.open_orders.known()) {
      check_at_most({"max_open_orders", places.open_orders, limits.max_open_orders},
                    {"open_orders_max", draft.open_orders_max, config.open_orders_max}, errors);
    }
    if (places.duplicate.known() && risk::recent_orders(limits) > risk::kRecentOrdersMax) {
      errors.add(places.duplicate, "'window_ms' and 'rate' let " +
                                       std::to_string(risk::recent_orders(limits)) +
                                       " orders be remembered; expected at most " +
                                       std::to_string(risk::kRecentOrdersMax));
    }
  }
}

}  // namespace

void cross_check(Draft& draft, Errors& errors) {
  check_nics(draft, errors);
  find_addresses(draft, errors);
  check_lines(draft, errors);
  check_order_entry(draft, errors);
  for (size_t i = 0; i < draft.clients.size(); ++i) {
    check_client_twins(draft, i, errors);
    check_profile_of(draft, i, errors);
  }
  check_metrics(draft, errors);
  const Config& config = draft.config;
  check_at_most({"open_orders_max", draft.open_orders_max, config.open_orders_max},
                {"orders_per_day_max", draft.orders_per_day_max, config.orders_per_day_max},
                errors);
  check_profiles(draft, errors);
}

}  // namespace pinion::gateway
