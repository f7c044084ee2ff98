// Any bytes as a gateway's configuration file. load_text() ends, either with a configuration that
// can be used or with errors that can be shown; it never does both, and it says the same twice.
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "gateway/config/load.h"

namespace {

using namespace pinion;
using gateway::Config;
using gateway::ConfigErrors;

template <class Entries>
bool has_name(const Entries& entries, std::string_view name) {
  return std::ranges::any_of(entries, [name](const auto& entry) { return entry.name == name; });
}

void check_limits(const risk::Limits& limits) {
  const risk::Amount amounts[] = {limits.max_order_notional, limits.max_gross_open_notional,
                                  limits.max_daily_traded_notional};
  for (const risk::Amount amount : amounts)
    STACK_CHECK(amount >= risk::kUnit && amount <= risk::kAmountMax);
  STACK_CHECK(limits.max_order_shares >= 1 && limits.max_order_shares <= risk::kSharesMax);
  STACK_CHECK(risk::recent_orders(limits) <= risk::kRecentOrdersMax);
}

void check_usable(const Config& config) {
  const gateway::MarketDataConfig& data = config.venue.market_data;
  STACK_CHECK(!data.lines.empty() && data.lines.size() <= 2 && !data.symbols.empty());
  for (const gateway::LineConfig& line : data.lines)
    STACK_CHECK(has_name(config.nics, line.nic) && !line.address.empty() && line.port != 0);
  STACK_CHECK(!config.venue.order_entry.address.empty());
  STACK_CHECK(config.venue.order_entry.server.port != 0);
  for (const gateway::ClientConfig& client : config.clients) {
    STACK_CHECK(!client.address.empty() && client.port != 0 && !client.sender_comp_id.empty());
    STACK_CHECK(client.drop_copy ? client.risk.empty()
                                 : has_name(config.risk.profiles, client.risk));
  }
  for (const gateway::RiskProfile& profile : config.risk.profiles) {
    check_limits(profile.limits);
    STACK_CHECK(profile.limits.max_open_orders <= config.open_orders_max);
  }
}

void check_showable(const ConfigErrors& errors, std::string_view text) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  for (const config::ConfigError& error : errors) {
    STACK_CHECK(error.line >= 1 && error.line <= text.size() + 1);
    STACK_CHECK(error.column >= 1 && error.column <= text.size() + 1);
    STACK_CHECK(!error.message.empty() && std::ranges::all_of(error.message, printable));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Config config;
  ConfigErrors errors;
  const int result = gateway::load_text(text, "fuzz.yaml", config, errors);
  STACK_CHECK(result == 0 || result == -EINVAL);
  STACK_CHECK((result == 0) == errors.empty());
  if (result == 0) check_usable(config);
  check_showable(errors, text);

  Config again;
  ConfigErrors errors_again;
  STACK_CHECK(gateway::load_text(text, "fuzz.yaml", again, errors_again) == result);
  STACK_CHECK(config::format_errors(errors_again) == config::format_errors(errors));
  return 0;
}
