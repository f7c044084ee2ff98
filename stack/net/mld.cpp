// Multicast listener discovery (RFC 3810, a listener's part): that switches which listen to it let
// the frames of neighbour discovery through. The groups are those of our own addresses.
#include "wire/mld.h"

#include <algorithm>

#include "net/net.h"

namespace pinion {
namespace {

constexpr Nanos kUnsolicitedInterval = kSecond;        // 9.11
constexpr uint8_t kRobustness = 2;                     // 9.1
constexpr Nanos kOlderVersionPresent = 260 * kSecond;  // 9.12: 2 * 125 s + 10 s
constexpr Nanos kLinkDownRetry = 100 * kMilli;
constexpr uint8_t kMldHopLimit = 1;
constexpr size_t kReportGroupsMax = 32;

// Hop-by-hop options: router alert, "MLD" (RFC 2711), and a pad.
struct RouterAlertHdr {
  uint8_t next_header, length;
  uint8_t option, option_length;
  be16 value;
  uint8_t pad, pad_length;
};
static_assert(sizeof(RouterAlertHdr) == 8);

}  // namespace

Drop Net::mld_input(const IpInput& in, const IcmpMessage& message, Nanos now) {
  // 5.1.14, 6.2: from this link alone.
  if (in.hop_limit != kMldHopLimit || !in.source.is_link_local() || !in.router_alert)
    return Drop::mld_source;
  MldQuery query;
  if (const Drop why = mld_query_parse(message, query); why != Drop::none) return why;
  Interface& interface = *in.interface;
  if (query.group != kAnyIpv6 && !is_member(interface, query.group)) return Drop::mld_not_joined;
  if (!mld_queries_.take(now)) return Drop::mld_rate;
  if (query.version_1) interface.mld_version_1_until = now + kOlderVersionPresent;
  const Nanos at = now + static_cast<Nanos>(rng_.below(query.max_response_ms + 1)) * kMilli;
  interface.mld_deadline = std::min(interface.mld_deadline, at);
  ipv6_deadline_ = std::min(ipv6_deadline_, interface.mld_deadline);
  ++counters_.mld_queries_received;
  return Drop::none;
}

// What we listen to has changed: said, and said again.
void Net::mld_begin(Interface& interface, Nanos now) {
  interface.mld_changes_left = kRobustness;
  interface.mld_deadline = now;
  ipv6_deadline_ = std::min(ipv6_deadline_, now);
}

// A report of all groups, whatever was asked: it answers each question.
void Net::mld_due(Interface& interface, Nanos now) {
  interface.mld_deadline = kNever;
  if (!ports_[interface.port].link_up) {
    interface.mld_deadline = now + kLinkDownRetry;
    return;
  }
  const bool change = interface.mld_changes_left > 0;
  if (now < interface.mld_version_1_until) {
    for (const Ip group : interface.groups) mld_report_v1(interface, group);
  } else {
    for (size_t at = 0; at < interface.groups.size(); at += kReportGroupsMax) {
      const size_t n = std::min(kReportGroupsMax, interface.groups.size() - at);
      mld_report(interface, {interface.groups.data() + at, n}, change);
    }
  }
  if (change && --interface.mld_changes_left > 0)
    interface.mld_deadline =
        now + static_cast<Nanos>(rng_.below(static_cast<uint32_t>(kUnsolicitedInterval)));
}

void Net::mld_report(Interface& interface, std::span<const Ip> groups, bool change) {
  std::byte wire[sizeof(RouterAlertHdr) + mld_report_bytes(kReportGroupsMax)];
  const size_t length = mld_report_bytes(groups.size());
  const Ip source = ipv6_address_towards(interface, kMldRouters);
  mld_report_emit(groups, change ? MldRecord::to_exclude : MldRecord::is_exclude, source,
                  {wire + sizeof(RouterAlertHdr), length});
  mld_send(interface, source, kMldRouters, {wire, sizeof(RouterAlertHdr) + length});
}

void Net::mld_report_v1(Interface& interface, Ip group) {
  std::byte wire[sizeof(RouterAlertHdr) + kMldReportV1Bytes];
  const Ip source = ipv6_address_towards(interface, group);
  mld_report_v1_emit(group, source, {wire + sizeof(RouterAlertHdr), kMldReportV1Bytes});
  mld_send(interface, source, group, wire);
}

void Net::mld_send(Interface& interface, Ip source, Ip destination, MutableBytes payload) {
  constexpr uint8_t kHopByHop = 0, kRouterAlert = 5, kPadN = 1;
  const RouterAlertHdr alert{kProtocolIcmp6, 0, kRouterAlert, 2, {}, kPadN, 0};
  std::memcpy(payload.data(), &alert, sizeof alert);
  const Drop why = ipv6_send_own(interface,
                                 {.next_header = kHopByHop,
                                  .hop_limit = kMldHopLimit,
                                  .source = source,
                                  .destination = destination},
                                 mac_of_group(destination), payload);
  if (why == Drop::none) ++counters_.mld_reports_sent;
  else counters_.drop(why);
}

}  // namespace pinion
