// The risk section: the profiles and the kill switch. Sizes and amounts have no defaults: a limit
// that nobody thought about is none. Amounts are whole dollars in the file, and ten-thousandths in
// the program.
#include <array>
#include <string_view>

#include "gateway/config/draft.h"
#include "gateway/config/values.h"

namespace pinion::gateway {

namespace {

using namespace pinion::config;

constexpr size_t kProfilesMax = 64, kRestrictedMax = 4096;
constexpr uint64_t kSharesPositionMax = 1'000'000'000'000;

void read_dollars(Section& section, std::string_view key, risk::Amount& out) {
  int64_t dollars = 0;
  constexpr Range kDollars{1, risk::kAmountMax / risk::kUnit};
  if (read_int64(section, key, kDollars, dollars, Need::required)) out = dollars * risk::kUnit;
}

void read_rate(const Node& node, risk::Limits& limits, Errors& errors) {
  Section section(node, "'rate'", errors);
  read_int64(section, "orders_per_s", {1, 1'000'000}, limits.orders_per_s, Need::required);
  read_int64(section, "burst_orders", {1, 60'000}, limits.burst_orders, Need::required);
  section.finish();
}

Place read_duplicate(const Node& node, risk::Limits& limits, Errors& errors) {
  Section section(node, "'duplicate'", errors);
  const Node* window =
      read_int64(section, "window_ms", {1, 60'000}, limits.duplicate_window_ms, Need::required);
  section.number("max_identical_orders", {1, 60'000}, limits.max_identical_orders, Need::required);
  section.finish();
  return place_of(window);
}

void read_short_sale(const Node& node, risk::Limits& limits, Errors& errors) {
  Section section(node, "'short_sale'", errors);
  section.boolean("allowed", limits.short_sale_allowed);
  section.boolean("require_locate", limits.short_sale_require_locate);
  section.finish();
}

void read_reject_burst(const Node& node, risk::Limits& limits, Errors& errors) {
  Section section(node, "'reject_burst_trips_kill'", errors);
  section.number("rejects", {1, 10'000}, limits.reject_burst, Need::required);
  read_int64(section, "window_ms", {1, 600'000}, limits.reject_burst_window_ms, Need::required);
  section.finish();
}

void read_self_trade(Section& section, risk::Limits& limits) {
  constexpr std::array<std::string_view, 2> kWords = {"off", "reject_new"};
  size_t word = 1;
  section.keyword("self_trade", kWords, word);
  limits.self_trade_reject = word == 1;
}

void read_sizes(Section& section, risk::Limits& limits, ProfilePlaces& places) {
  read_int64(section, "max_order_shares", {1, risk::kSharesMax}, limits.max_order_shares,
             Need::required);
  read_dollars(section, "max_order_notional_usd", limits.max_order_notional);
  read_int64(section, "price_collar_bps", {1, 10'000}, limits.price_collar_bps, Need::required);
  places.open_orders = place_of(
      section.number("max_open_orders", {1, 1u << 20}, limits.max_open_orders, Need::required));
  read_dollars(section, "max_gross_open_notional_usd", limits.max_gross_open_notional);
  read_dollars(section, "max_daily_traded_notional_usd", limits.max_daily_traded_notional);
  read_int64(section, "max_position_shares_per_symbol", {1, kSharesPositionMax},
             limits.max_position_shares_per_symbol, Need::required);
}

void read_profile(const Node& node, std::string name, Draft& draft, Errors& errors) {
  RiskProfile& profile = draft.config.risk.profiles.emplace_back();
  ProfilePlaces& places = draft.profiles.emplace_back();
  profile.name = std::move(name);
  risk::Limits& limits = profile.limits;
  Section section(node, "a risk profile", errors);
  read_sizes(section, limits, places);
  if (const Node* rate = section.find("rate", Need::required)) read_rate(*rate, limits, errors);
  if (const Node* duplicate = section.find("duplicate"))
    places.duplicate = read_duplicate(*duplicate, limits, errors);
  read_self_trade(section, limits);
  if (const Node* sale = section.find("short_sale")) read_short_sale(*sale, limits, errors);
  read_symbols(section, "restricted_symbols", kRestrictedMax, Need::optional,
               profile.restricted_symbols);
  if (const Node* burst = section.find("reject_burst_trips_kill"))
    read_reject_burst(*burst, limits, errors);
  section.finish();
}

void read_profiles(Section& section, Draft& draft) {
  const Node* node = section.find("profiles", Need::required);
  if (!node) return;
  const size_t count = node->members.size();
  if (node->kind != Node::Kind::mapping || count < 1 || count > kProfilesMax) {
    report(*node, "profiles", "1 to 64 entries, names and their limits", section.errors());
    return;
  }
  for (const Member& member : node->members) {
    if (kNameRule.accepts(member.key)) {
      read_profile(member.value, member.key, draft, section.errors());
      continue;
    }
    section.errors().add(member.place, quoted(member.key) + " is no name of a profile; expected " +
                                           std::string(kNameRule.expected));
  }
  draft.all_profiles = draft.profiles.size() == count;
}

void read_kill_switch(const Node& node, Draft& draft, Errors& errors) {
  RiskFileConfig& risk = draft.config.risk;
  Section section(node, "'kill_switch'", errors);
  draft.kill_file = place_of(section.text("file", kPathRule, risk.kill_file, Need::required));
  section.boolean("cancel_open_orders", risk.kill_cancels_open_orders);
  section.finish();
}

}  // namespace

void read_risk(Section& root, Draft& draft) {
  const Node* node = root.find("risk", Need::required);
  if (!node) return;
  Section section(*node, "'risk'", root.errors());
  draft.revision = place_of(
      section.number("file_revision", {1, UINT32_MAX}, draft.config.risk.revision, Need::required));
  read_profiles(section, draft);
  if (const Node* kill = section.find("kill_switch", Need::required))
    read_kill_switch(*kill, draft, root.errors());
  section.finish();
}

}  // namespace pinion::gateway
