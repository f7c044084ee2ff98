// IGMP, the host's part: version 3 (RFC 3376) with fall-back to the versions of older queriers
// (RFC 3376 7.2, RFC 2236): which queries are heard, and how reports leave. What they say is
// group_report.cpp's.
#include "wire/igmp.h"

#include <algorithm>

#include "net/net.h"
#include "wire/eth.h"

namespace pinion {
namespace {

constexpr uint8_t kIgmpTos = 0xc0;  // RFC 3376 4: internetwork control
// RFC 3376 8.12, with the querier's interval unknown; RFC 2236 8.11.
constexpr Nanos kV2QuerierPresent = 260 * kSecond, kV1RouterPresent = 400 * kSecond;

}  // namespace

uint8_t Net::igmp_version(const Interface& interface, Nanos now) const {
  if (now < interface.igmp.v1_until) return 1;
  return now < interface.igmp.v2_until ? std::min<uint8_t>(igmp_version_max_, 2)
                                       : igmp_version_max_;
}

Drop Net::igmp_input(const IpInput& in, Nanos now) {
  IgmpMessage m;
  if (const Drop why = igmp_parse(in.payload, m); why != Drop::none) return why;
  if (in.hop_limit != 1) return Drop::igmp_ttl;
  switch (m.type) {
    case kIgmpQuery:
      if (m.version > 1 && !in.router_alert) return Drop::igmp_router_alert;
      copy_to_all(in, Stray::groups);
      return igmp_query_input(in, m, now);
    case kIgmpV1Report:
    case kIgmpV2Report: {
      copy_to_all(in, Stray::groups);
      // RFC 2236 3: another host's report stands for ours.
      Group* g = groups_.find(in.interface->index, m.group);
      if (g != nullptr && igmp_version(*in.interface, now) < 3) groups_.cancel_answer(*g);
      break;
    }
    case kIgmpV2Leave:
    case kIgmpV3Report: break;
    default: return Drop::igmp_type;
  }
  ++counters_.igmp_received;
  return Drop::none;
}

// RFC 3376 5.2, 7.2.1 and 9.1.
Drop Net::igmp_query_input(const IpInput& in, const IgmpMessage& m, Nanos now) {
  Interface& interface = *in.interface;
  const Ipv4 to = in.destination.v4();
  const bool general = m.group.is_any();
  if (!general && !m.group.is_multicast()) return Drop::igmp_group;
  if (in.group && to != (general ? kAllSystems : m.group)) return Drop::igmp_group;
  if (!general && groups_.find(interface.index, m.group) == nullptr) {
    ++counters_.igmp_received;
    return Drop::none;
  }
  // Others cannot use up what the querier needs.
  TokenBucket& bucket = general && in.group ? igmp_general_queries_ : igmp_queries_;
  if (!bucket.take(now)) return Drop::igmp_rate;
  const uint8_t before = igmp_version(interface, now);
  // A querier asks all systems (4.1.12): what came otherwise is answered, and that is all.
  if (general && in.group) {
    if (m.version == 1) interface.igmp.v1_until = now + kV1RouterPresent;
    if (m.version == 2) interface.igmp.v2_until = now + kV2QuerierPresent;
    querier_seen(interface.igmp.querier, m.query(), in.source);
  }
  if (igmp_version(interface, now) != before) cancel_answers(interface, true);
  ++counters_.igmp_received;
  group_query(interface, m.query(), now);
  return Drop::none;
}

// RFC 2236 3, RFC 3376 7.2.1: of the whole group, without sources.
void Net::igmp_old_report(Interface& interface, const Group& group, Nanos now) {
  const bool v1 = igmp_version(interface, now) == 1;
  if (!group.wanted() && v1) return;  // version 1 has no leave
  if (!group.wanted() && wanted_elsewhere(interface, group.address)) return;
  Frame* frame = report_frame(interface);
  if (frame == nullptr) return;
  const uint8_t type = !group.wanted() ? kIgmpV2Leave : v1 ? kIgmpV1Report : kIgmpV2Report;
  igmp_emit(type, group.address.v4(), {frame->append(sizeof(IgmpHdr)), sizeof(IgmpHdr)});
  igmp_output(interface, frame, group.wanted() ? group.address.v4() : kAllRouters);
}

void Net::igmp_output(Interface& interface, Frame* frame, Ipv4 to) {
  Ipv4Header header{.tos = kIgmpTos,
                    .ttl = 1,
                    .protocol = kProtocolIgmp,
                    .source = address_towards(interface, to).v4(),
                    .destination = to,
                    .router_alert = true};
  header.total_length = static_cast<uint16_t>(frame->length + header.length());
  frame->push(header.length());
  ipv4_emit(header, frame->bytes(), true);
  eth_emit(interface, *frame, group_mac(to), kEthTypeIpv4);
  enqueue(interface, frame);
  ++counters_.igmp_reports_sent;
}

}  // namespace pinion
