// The venue: its market data and its order entry.
#include <array>
#include <bit>
#include <string_view>

#include "config/parse.h"
#include "gateway/config/draft.h"
#include "gateway/config/values.h"

namespace pinion::gateway {

namespace {

using namespace pinion::config;

constexpr size_t kLinesMax = 2, kServersMax = 8, kSymbolsMax = 1024;

// There is one protocol for each purpose; whoever names it is told if it is another one.
void read_protocol(Section& section, std::string_view only) {
  const std::array<std::string_view, 1> words = {only};
  size_t word = 0;
  section.keyword("protocol", words, word);
}

Place read_group(Section& section, std::string& out) {
  constexpr std::string_view kForm = "a multicast group such as 233.54.12.111";
  Ipv4 group;
  const Place place = parse_key(section, "group", kForm, parse_ipv4, group);
  if (!place.known()) return {};
  if (!group.is_multicast()) {
    report(*section.find("group"), "group", kForm, section.errors());
    return {};
  }
  out = to_text(group);
  return place;
}

void read_line(const Node& node, Draft& draft, Errors& errors) {
  LineConfig& line = draft.config.venue.market_data.lines.emplace_back();
  LinePlaces& places = draft.lines.emplace_back();
  Section section(node, "a line", errors);
  places.nic = place_of(section.text("nic", kNameRule, line.nic, Need::required));
  const Place group = read_group(section, line.group);
  const Node* port = section.number("port", kPorts, line.port, Need::required);
  Place source = node.place;
  if (const Node* given = section.find("source"))
    source = read_host(*given, "source", line.source, draft, errors);
  if (places.nic.known() && group.known() && port && source.known()) places.line = node.place;
  section.finish();
}

void read_retransmit(const Node& node, Draft& draft, Errors& errors) {
  MarketDataConfig& data = draft.config.venue.market_data;
  Section section(node, "'retransmit'", errors);
  if (const Node* list = section.list("servers", kServersMax, Need::required)) {
    for (const Node& item : list->items)
      read_endpoint(item, "servers", data.retransmit_servers.emplace_back(), draft, errors);
  }
  read_nanos(section, "timeout_ms", {1, 60'000}, kMilli, data.retransmit_timeout);
  section.number("attempts", {1, 1000}, data.retransmit_attempts);
  section.finish();
}

// A user and a password from one variable would be a slip, and go out as a wrong login.
void read_credentials(Section& section, std::string_view user_key, std::string& user,
                      std::string& password) {
  const Node* first = section.text(user_key, kEnvironmentRule, user, Need::required);
  const Node* second = section.text("password_env", kEnvironmentRule, password, Need::required);
  if (first && second && user == password) {
    section.errors().add(second->place, "'password_env' " + quoted(password) + " is also '" +
                                            std::string(user_key) + "'; expected another variable");
  }
}

void read_snapshot(const Node& node, Draft& draft, Errors& errors) {
  SnapshotConfig& snapshot = draft.config.venue.market_data.snapshot;
  Section section(node, "'snapshot'", errors);
  read_protocol(section, "glimpse50");
  if (const Node* server = section.find("server", Need::required))
    read_endpoint(*server, "server", snapshot.server, draft, errors);
  read_credentials(section, "user_env", snapshot.user_env, snapshot.password_env);
  section.finish();
}

void read_window(Section& section, uint32_t& out) {
  constexpr std::string_view kKey = "reorder_window_messages";
  const Node* node = section.number(kKey, {64, 1u << 20}, out);
  if (node && !std::has_single_bit(out)) report(*node, kKey, "a power of two", section.errors());
}

void read_market_data(const Node& node, Draft& draft, Errors& errors) {
  constexpr std::array<std::string_view, 2> kStale = {"reject_new", "cancel_all"};
  MarketDataConfig& data = draft.config.venue.market_data;
  Section section(node, "'market_data'", errors);
  read_protocol(section, "itch50_moldudp64");
  if (const Node* list = section.list("lines", kLinesMax, Need::required)) {
    for (const Node& item : list->items) read_line(item, draft, errors);
  }
  read_window(section, data.reorder_window_messages);
  read_nanos(section, "gap_wait_us", {0, 1'000'000}, kMicro, data.gap_wait);
  if (const Node* again = section.find("retransmit")) read_retransmit(*again, draft, errors);
  if (const Node* snapshot = section.find("snapshot")) read_snapshot(*snapshot, draft, errors);
  read_nanos(section, "line_silence_ms", {1, 600'000}, kMilli, data.line_silence);
  read_symbols(section, "symbols", kSymbolsMax, Need::required, data.symbols);
  section.keyword("on_stale_book", kStale, data.on_stale_book);
  section.finish();
}

void read_reconnect(const Node& node, Draft& draft, Errors& errors) {
  OrderEntryConfig& entry = draft.config.venue.order_entry;
  Section section(node, "'reconnect'", errors);
  draft.order_entry.reconnect_first =
      place_of(read_nanos(section, "first_ms", {1, 60'000}, kMilli, entry.reconnect_first));
  draft.order_entry.reconnect_max =
      place_of(read_nanos(section, "max_ms", {1, 600'000}, kMilli, entry.reconnect_max));
  section.finish();
}

void read_throttle(const Node& node, Draft& draft, Errors& errors) {
  OrderEntryConfig& entry = draft.config.venue.order_entry;
  Section section(node, "'throttle'", errors);
  read_int64(section, "orders_per_s", {1, 1'000'000}, entry.orders_per_s);
  read_int64(section, "burst_orders", {1, 1'000'000}, entry.burst_orders);
  section.finish();
}

void read_order_entry(const Node& node, Draft& draft, Errors& errors) {
  OrderEntryConfig& entry = draft.config.venue.order_entry;
  OrderEntryPlaces& places = draft.order_entry;
  Section section(node, "'order_entry'", errors);
  read_protocol(section, "ouch50_soupbintcp3");
  if (const Node* server = section.find("server", Need::required))
    read_endpoint(*server, "server", entry.server, draft, errors);
  places.nic = place_of(section.text("nic", kNameRule, entry.nic, Need::required));
  read_credentials(section, "username_env", entry.username_env, entry.password_env);
  section.text("firm", kFirmRule, entry.firm, Need::required);
  places.heartbeat =
      place_of(read_nanos(section, "heartbeat_ms", {10, 60'000}, kMilli, entry.heartbeat));
  places.peer_timeout =
      place_of(read_nanos(section, "peer_timeout_ms", {10, 600'000}, kMilli, entry.peer_timeout));
  if (const Node* reconnect = section.find("reconnect")) read_reconnect(*reconnect, draft, errors);
  if (const Node* throttle = section.find("throttle")) read_throttle(*throttle, draft, errors);
  section.finish();
}

void read_venue(const Node& node, Draft& draft, Errors& errors) {
  Section section(node, "a venue", errors);
  section.text("name", kNameRule, draft.config.venue.name, Need::required);
  if (const Node* data = section.find("market_data", Need::required))
    read_market_data(*data, draft, errors);
  if (const Node* entry = section.find("order_entry", Need::required))
    read_order_entry(*entry, draft, errors);
  section.finish();
}

}  // namespace

// A list, since there will be more of them; in this version it has one entry.
void read_venues(Section& root, Draft& draft) {
  const Node* node = root.find("venues", Need::required);
  if (!node) return;
  if (node->kind != Node::Kind::list) {
    report(*node, "venues", "a list of exactly one venue", root.errors());
    return;
  }
  if (node->items.size() != 1) {
    root.errors().add(node->place, "'venues' has " + std::to_string(node->items.size()) +
                                       " entries; expected exactly one: this version trades at "
                                       "one venue");
    return;
  }
  read_venue(node->items[0], draft, root.errors());
}

}  // namespace pinion::gateway
