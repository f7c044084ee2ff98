// A small good file, one line of it spoilt, and what load_text() must then say: all of it, as exact
// text.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/config/load.h"

namespace pinion::gateway {

// As short as the keys without a default allow. Each line is found by its first word.
inline const std::vector<std::string>& small_file() {
  static const std::vector<std::string> kLines = {
      "version: 1",                                                              // 1
      "stack: {kernel: sockets}",                                                // 2
      "nics: {lo: 127.0.0.1, md: 10.0.0.1}",                                     // 3
      "state_dir: /var/lib/gw",                                                  // 4
      "venues:",                                                                 // 5
      "  - name: sim",                                                           // 6
      "    market_data:",                                                        // 7
      "      lines: [{nic: md, group: 239.1.2.3, port: 5000}]",                  // 8
      "      symbols: [AAPL, MSFT]",                                             // 9
      "    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, "  // 10
      "password_env: P, firm: ABCD}",
      "sessions:",                                                        // 11
      "  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, "  // 12
      "sender_comp_id: GW, target_comp_id: C1, risk: main}",
      "risk:",                                            // 13
      "  file_revision: 1",                               // 14
      "  profiles:",                                      // 15
      "    main:",                                        // 16
      "      max_order_shares: 100",                      // 17
      "      max_order_notional_usd: 1000",               // 18
      "      price_collar_bps: 500",                      // 19
      "      max_open_orders: 10",                        // 20
      "      max_gross_open_notional_usd: 2000",          // 21
      "      max_daily_traded_notional_usd: 3000",        // 22
      "      max_position_shares_per_symbol: 400",        // 23
      "      rate: {orders_per_s: 10, burst_orders: 5}",  // 24
      "  kill_switch: {file: /var/lib/gw/kill}",          // 25
      "journal: {dir: /var/lib/gw/journal}",              // 26
  };
  return kLines;
}

inline std::string_view first_word(std::string_view line) {
  line.remove_prefix(std::min(line.find_first_not_of(" -"), line.size()));
  return line.substr(0, line.find(':'));
}
inline size_t indent(std::string_view line) { return line.find_first_not_of(' '); }

// The line with the same first word and indent, with what stands below it, gives way to `text`;
// without one, `text` is added as the last line.
inline std::string spoilt_file(const std::string& text) {
  std::string file;
  bool done = text.empty(), below = false;
  for (const std::string& line : small_file()) {
    if (below && indent(line) > indent(text)) continue;
    below = !done && first_word(line) == first_word(text) && indent(line) == indent(text);
    done |= below;
    file += below ? text : line;
    file += '\n';
  }
  return done ? file : file + text + "\n";
}

inline std::string shown(const ConfigErrors& errors) {
  std::string text;
  for (const config::ConfigError& error : errors) {
    if (!text.empty()) text += '\n';
    text += std::to_string(error.line);
    text += ':';
    text += std::to_string(error.column);
    text += ": ";
    text += error.message;
  }
  return text;
}

inline std::string errors_of(const std::string& file) {
  Config config;
  ConfigErrors errors;
  const int status = load_text(file, "f", config, errors);
  EXPECT_EQ(status, errors.empty() ? 0 : -EINVAL) << file;
  return shown(errors);
}

struct BadLine {
  std::string text;
  std::string errors;  // "line:column: message", one a line, all of them
};

inline void expect_errors(const std::vector<BadLine>& lines) {
  for (const BadLine& line : lines)
    EXPECT_EQ(errors_of(spoilt_file(line.text)), line.errors) << line.text;
}

}  // namespace pinion::gateway
