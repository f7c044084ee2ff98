// Multicast listener discovery, a listener's part: version 2 (RFC 3810), and the first for old
// queriers (RFC 2710): which messages are heard, and how reports leave. What they say is
// group_report.cpp's. The groups of our own addresses are told like those that sockets join, so
// that switches let neighbour discovery through.
#include "wire/mld.h"

#include "net/net.h"
#include "wire/eth.h"

namespace pinion {
namespace {

constexpr Nanos kOlderVersionPresent = 260 * kSecond;  // 9.12: 2 * 125 s + 10 s
constexpr uint8_t kMldHopLimit = 1;
constexpr uint8_t kHopByHop = 0, kRouterAlertOption = 5, kPadN = 1;

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
  copy_to_all(in, Stray::groups);
  const Drop why = message.type == kIcmp6MldQuery ? mld_query_input(in, message, now)
                                                  : mld_report_input(in, message, now);
  if (why == Drop::none) ++counters_.mld_received;
  return why;
}

Drop Net::mld_query_input(const IpInput& in, const IcmpMessage& message, Nanos now) {
  GroupQuery query;
  if (const Drop why = mld_query_parse(message, query); why != Drop::none) return why;
  Interface& interface = *in.interface;
  const bool general = query.group.is_any();
  if (!general && groups_.find(interface.index, query.group) == nullptr)
    return Drop::mld_not_joined;
  // A querier asks all nodes, or those of a group (5.1.15): what came otherwise is answered, and
  // that is all.
  const bool of_querier = general && in.destination == kAllNodes;
  // Others cannot use up what it needs.
  TokenBucket& bucket = of_querier ? mld_general_queries_ : mld_queries_;
  if (!bucket.take(now)) return Drop::mld_rate;
  const bool was_newest = tells_sources(interface, false, now);
  if (in.group && query.version == 1) interface.mld.v1_until = now + kOlderVersionPresent;
  if (of_querier) querier_seen(interface.mld.querier, query, in.source);
  if (tells_sources(interface, false, now) != was_newest) cancel_answers(interface, false);
  group_query(interface, query, now);
  return Drop::none;
}

// RFC 2710 4: another listener's report stands for ours. Not so in version 2.
Drop Net::mld_report_input(const IpInput& in, const IcmpMessage& message, Nanos now) {
  Ip group;
  if (const Drop why = mld_v1_parse(message, group); why != Drop::none) return why;
  Group* g = groups_.find(in.interface->index, group);
  if (g == nullptr) return Drop::mld_not_joined;
  if (!tells_sources(*in.interface, false, now)) groups_.cancel_answer(*g);
  return Drop::none;
}

// RFC 2710 4, RFC 3810 8.2.1: of the whole group, without sources.
void Net::mld_old_report(Interface& interface, const Group& group) {
  if (!group.wanted() && wanted_elsewhere(interface, group.address)) return;
  Frame* frame = mld_frame(interface);
  if (frame == nullptr) return;
  const Ip source = mld_source(interface), to = group.wanted() ? group.address : kAllRouters6;
  mld_v1_emit(group.wanted() ? kIcmp6MldReport : kIcmp6MldDone, group.address, source, to,
              {frame->append(kMldV1Bytes), kMldV1Bytes});
  mld_output(interface, frame, source, to);
}

// Of version 2. The records stand in the frame, behind room for the header.
void Net::mld_report(Interface& interface, Frame* frame, uint16_t records) {
  const Ip source = mld_source(interface);
  icmp6_emit({.type = kIcmp6MldReportV2, .rest = records, .body = {}}, source, kMldRouters,
             frame->bytes().subspan(sizeof(RouterAlertHdr)));
  mld_output(interface, frame, source, kMldRouters);
}

// The link-local address, or "::" as long as there is none (5.2.13, RFC 3590).
Ip Net::mld_source(const Interface& interface) const {
  return ipv6_address_towards(interface, kMldRouters);
}

// With what stands between the IPv6 header and the message.
Frame* Net::mld_frame(Interface& interface) {
  Frame* frame = report_frame(interface);
  if (frame == nullptr) return nullptr;
  const RouterAlertHdr alert{kProtocolIcmp6, 0, kRouterAlertOption, 2, {}, kPadN, 0};
  std::memcpy(frame->append(sizeof alert), &alert, sizeof alert);
  return frame;
}

void Net::mld_output(Interface& interface, Frame* frame, Ip source, Ip destination) {
  ipv6_output_own(interface, frame,
                  {.next_header = kHopByHop,
                   .hop_limit = kMldHopLimit,
                   .source = source,
                   .destination = destination},
                  group_mac(destination));
  ++counters_.mld_reports_sent;
}

}  // namespace pinion
