// The account of received frames (I4): each is handled or dropped, by one counter. One that could
// not be answered may count by a tx_ name, as frames of our own that did not leave do.
#pragma once
#include <array>
#include <string_view>

#include "base/counters.h"

namespace pinion::testing {

struct Account {
  uint64_t received = 0;
  uint64_t named = 0;  // handled, or dropped as received
  uint64_t ours = 0;   // tx_ drops

  bool balanced() const { return named <= received && received <= named + ours; }
  friend Account operator-(const Account& a, const Account& b) {
    return {a.received - b.received, a.named - b.named, a.ours - b.ours};
  }
};

inline Account account_of(const Counters& c) {
  static const auto is_ours = [] {
    std::array<bool, kDropCount> table{};
    for (size_t i = 0; i < kDropCount; ++i)
      table[i] = std::string_view(drop_name(static_cast<Drop>(i))).starts_with("tx_");
    return table;
  }();
  Account a{c.rx_frames,
            c.arp_received + c.fragments_received + c.udp_received + c.tcp_received +
                c.icmp_echo_replies + c.icmp_errors_received + c.igmp_received + c.nd_received +
                c.mld_received,
            0};
  for (size_t i = 0; i < kStrayCount; ++i) a.received += c.taken[i], a.named += c.handed_over[i];
  for (size_t i = 0; i < kDropCount; ++i) (is_ours[i] ? a.ours : a.named) += c.drops[i];
  return a;
}

}  // namespace pinion::testing
