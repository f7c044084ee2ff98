// The small words of the gateway's file: endpoints, symbols, the identities of FIX, names of
// environment variables, times. Each says what it must look like (config/section.h).
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/types.h"
#include "config/section.h"
#include "gateway/config/draft.h"

namespace pinion::gateway {

extern const config::TextRule kEnvironmentRule;  // names a variable
extern const config::TextRule kSymbolRule;
extern const config::TextRule kFirmRule;
extern const config::TextRule kCompIdRule;
extern const config::TextRule kStateDirRule;
extern const config::TextRule kStackFileRule;
extern const config::TextRule kZoneRule;

inline constexpr config::Range kPorts{1, UINT16_MAX};

// "hh:mm:ss" -> seconds of the day.
std::optional<int64_t> parse_time_of_day(std::string_view text);

// "10.20.0.5:9878" in a scalar. Of a host, or a loopback address, which draft remembers.
config::Place read_endpoint(const config::Node& node, std::string_view key, Endpoint& out,
                            Draft& draft, config::Errors& errors);
// An IPv4 address of a host or a loopback address, likewise.
config::Place read_host(const config::Node& node, std::string_view key, std::string& out,
                        Draft& draft, config::Errors& errors);

// A number into a signed one, and into a time of that unit.
const config::Node* read_int64(config::Section& section, std::string_view key, config::Range range,
                               int64_t& out, config::Need need = config::Need::optional);
const config::Node* read_nanos(config::Section& section, std::string_view key, config::Range range,
                               Nanos unit, Nanos& out);
// One of words, which must be said.
template <class Enum>
const config::Node* read_choice(config::Section& section, std::string_view key,
                                std::span<const std::string_view> words, Enum& out) {
  section.find(key, config::Need::required);
  return section.keyword(key, words, out);
}

// A list of symbols, each once.
void read_symbols(config::Section& section, std::string_view key, size_t symbols_max,
                  config::Need need, std::vector<std::string>& out);

}  // namespace pinion::gateway
