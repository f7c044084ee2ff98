// The sessions: the clients that log on with FIX, and the drop copies.
#include <array>
#include <cerrno>
#include <string_view>

#include "gateway/config/draft.h"
#include "gateway/config/values.h"
#include "gateway/fix/time_zone.h"

namespace pinion::gateway {

namespace {

using namespace pinion::config;

constexpr size_t kClientsMax = 64;

void read_protocol(Section& section, ClientConfig& client) {
  constexpr std::array<std::string_view, 4> kProtocols = {"fix42", "fix44", "fix42_drop_copy",
                                                          "fix44_drop_copy"};
  size_t word = 0;
  read_choice(section, "protocol", kProtocols, word);
  client.version = word % 2 == 0 ? fix::Version::fix42 : fix::Version::fix44;
  client.drop_copy = word >= 2;
}

void read_listen(const Node& node, ClientConfig& client, ClientPlaces& places, Errors& errors) {
  Section section(node, "'listen'", errors);
  places.nic = place_of(section.text("nic", kNameRule, client.nic, Need::required));
  if (section.number("port", kPorts, client.port, Need::required)) places.listen = node.place;
  section.finish();
}

void read_zone(Section& section, std::string& out) {
  const Node* node = section.text("zone", kZoneRule, out, Need::required);
  if (!node || fix::TimeZone().load(out) == 0) return;
  section.errors().add(node->place, "there is no time zone " + quoted(out) +
                                        " in /usr/share/zoneinfo; expected a name that the "
                                        "package tzdata has, such as America/New_York");
}

// In quotes: a bare 10:15:00 is a number of base 60 to some readers of YAML.
void read_time(Section& section, std::string_view key, int64_t& out) {
  constexpr std::string_view kForm = "a quoted time of the day such as \"07:00:00\"";
  const Node* node = section.find(key, Need::required);
  if (!node) return;
  const bool is_quoted = node->kind == Node::Kind::scalar && node->quoted;
  const std::optional<int64_t> time = is_quoted ? parse_time_of_day(node->text) : std::nullopt;
  if (time) out = *time;
  if (!time) report(*node, key, kForm, section.errors());
}

void read_schedule(const Node& node, ScheduleTimes& schedule, Errors& errors) {
  Section section(node, "'schedule'", errors);
  schedule.set = true;
  read_zone(section, schedule.zone);
  read_time(section, "start", schedule.start_s);
  read_time(section, "end", schedule.end_s);
  section.finish();
}

void read_cancel(const Node& node, ClientConfig& client, Errors& errors) {
  Section section(node, "'cancel_on_disconnect'", errors);
  section.boolean("enabled", client.cancel_on_disconnect);
  read_nanos(section, "grace_ms", {0, 600'000}, kMilli, client.cancel_grace);
  section.finish();
}

// What concerns orders belongs to clients that send them.
void read_order_keys(Section& section, ClientConfig& client, ClientPlaces& places) {
  constexpr std::array<std::string_view, 2> kOrderKeys = {"cancel_on_disconnect", "risk"};
  if (!client.drop_copy) {
    if (const Node* cancel = section.find("cancel_on_disconnect"))
      read_cancel(*cancel, client, section.errors());
    places.risk = place_of(section.text("risk", kNameRule, client.risk, Need::required));
    return;
  }
  client.cancel_on_disconnect = false;
  for (const std::string_view key : kOrderKeys)
    section.unsupported(key,
                        "stands beside a drop copy, which sends no orders; expected no such "
                        "key");
}

void read_client(const Node& node, Draft& draft, Errors& errors) {
  ClientConfig& client = draft.config.clients.emplace_back();
  ClientPlaces& places = draft.clients.emplace_back();
  Section section(node, "a session", errors);
  places.name = place_of(section.text("name", kNameRule, client.name, Need::required));
  read_protocol(section, client);
  if (const Node* listen = section.find("listen", Need::required))
    read_listen(*listen, client, places, errors);
  const Node* sender =
      section.text("sender_comp_id", kCompIdRule, client.sender_comp_id, Need::required);
  const Node* target =
      section.text("target_comp_id", kCompIdRule, client.target_comp_id, Need::required);
  if (sender && target) places.identity = target->place;
  section.number("heartbeat_s", {1, 3600}, client.heartbeat_s);
  if (const Node* schedule = section.find("schedule"))
    read_schedule(*schedule, client.schedule, errors);
  section.boolean("reset_on_logon", client.reset_on_logon);
  uint64_t store_mb = 0;
  if (section.number("store_mb", {1, 65'536}, store_mb))
    client.store_bytes = static_cast<size_t>(store_mb) << 20;
  read_order_keys(section, client, places);
  section.finish();
}

}  // namespace

void read_clients(Section& root, Draft& draft) {
  const Node* list = root.list("sessions", kClientsMax, Need::required);
  if (!list) return;
  for (const Node& item : list->items) read_client(item, draft, root.errors());
}

}  // namespace pinion::gateway
