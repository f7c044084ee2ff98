// IGMP, the host's part: version 3 (RFC 3376) with fall-back to the versions of older queriers
// (RFC 3376 7.2, RFC 2236). What is joined is GroupTable's to know; here is what is said of it.
#include <algorithm>

#include "base/check.h"
#include "net/net.h"
#include "wire/eth.h"
#include "wire/igmp.h"

namespace pinion {
namespace {

constexpr uint32_t kReportsPerPass = 64;  // groups
constexpr size_t kSourcesAskedMax = 16;   // of a query that are looked at one by one
constexpr uint8_t kIgmpTos = 0xc0;        // RFC 3376 4: internetwork control
// RFC 3376 8.11, RFC 2236 8.10: Unsolicited Report Interval.
constexpr Nanos kUnsolicitedV3 = kSecond, kUnsolicitedV2 = 10 * kSecond;
// RFC 3376 8.12, with the querier's interval unknown; RFC 2236 8.11.
constexpr Nanos kV2QuerierPresent = 260 * kSecond, kV1RouterPresent = 400 * kSecond;
constexpr size_t kRecordMin = sizeof(IgmpRecordHdr) + sizeof(be32);

}  // namespace

// Records of a report that is being written; sent when it is full, and at the end. What finds no
// frame is lost: changes are told again, and queriers ask again.
struct Net::GroupReport {
  Interface* interface = nullptr;
  Frame* frame = nullptr;
  uint16_t records = 0;

  size_t room() const {
    const size_t most = interface->mtu_bytes - sizeof(Ipv4Hdr) - kRouterAlertBytes;
    return std::min<size_t>(most - frame->length, frame->tailroom);
  }
};

uint8_t Net::igmp_version(const Interface& interface, Nanos now) const {
  if (now < interface.igmp.v1_until) return 1;
  return now < interface.igmp.v2_until ? std::min<uint8_t>(igmp_version_max_, 2)
                                       : igmp_version_max_;
}

Drop Net::igmp_input(const IpInput& in, const Ipv4Header& header, Nanos now) {
  IgmpMessage m;
  if (const Drop why = igmp_parse(in.payload, m); why != Drop::none) return why;
  if (header.ttl != 1) return Drop::igmp_ttl;
  switch (m.type) {
    case kIgmpQuery:
      if (m.version > 1 && !header.router_alert) return Drop::igmp_router_alert;
      return igmp_query_input(in, m, now);
    case kIgmpV1Report:
    case kIgmpV2Report: {
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
  IgmpState& state = interface.igmp;
  const uint8_t before = igmp_version(interface, now);
  // A querier asks all systems (4.1.12): what came otherwise is answered, and that is all.
  if (general && in.group) {
    if (m.version == 1) state.v1_until = now + kV1RouterPresent;
    if (m.version == 2) state.v2_until = now + kV2QuerierPresent;
    state.querier = in.source.v4(), state.querier_version = m.version;
    if (m.robustness != 0) groups_.set_robustness(m.robustness);
  }
  if (igmp_version(interface, now) != before) igmp_cancel(interface);
  ++counters_.igmp_received;
  if (!general) {
    Group* g = groups_.find(interface.index, m.group);
    // More than a few sources are answered with the whole filter, as by a host that wants every
    // one.
    const bool few = m.sources.size() <= kSourcesAskedMax * sizeof(be32);
    for (Bytes s = few ? m.sources : Bytes{}; !s.empty(); s = s.subspan(sizeof(be32)))
      GroupTable::on_query_source(*g, Ipv4{load<be32>(s.data()).get()});
    groups_.on_query(*g, groups_.delay(m.max_response), few && !m.sources.empty(), now);
    return Drop::none;
  }
  // Version 3 tells of all groups in as few messages as they fit in; the older ones spread them.
  const bool v3 = igmp_version(interface, now) == 3;
  const Nanos together = groups_.delay(m.max_response);
  for (Group* g = groups_.groups().front(); g != nullptr; g = groups_.groups().next(g)) {
    if (g->interface != interface.index || !g->wanted() || !g->address.is_v4()) continue;
    groups_.on_query(*g, v3 ? together : groups_.delay(m.max_response), false, now);
  }
  return Drop::none;
}

// RFC 3376 7.2.1: with the version change whatever was pending.
void Net::igmp_cancel(const Interface& interface) {
  for (Group* g = groups_.groups().front(); g != nullptr; g = groups_.groups().next(g))
    if (g->interface == interface.index) groups_.cancel_answer(*g);
}

// What is due, a bounded number of groups; those of one interface share messages.
void Net::igmp_report(Nanos now) {
  GroupReport report;
  for (uint32_t i = 0; i < kReportsPerPass; ++i) {
    Group* g = groups_.due(now);
    if (g == nullptr) break;
    Interface& interface = interfaces_[g->interface];
    if (report.interface != &interface) igmp_flush(report);
    report.interface = &interface;
    const bool v3 = igmp_version(interface, now) == 3;
    if (v3) igmp_records(report, *g, now);
    else igmp_old_report(interface, *g, now);
    groups_.reported(*g, v3 ? kUnsolicitedV3 : kUnsolicitedV2, now);
  }
  igmp_flush(report);
}

void Net::igmp_records(GroupReport& report, const Group& group, Nanos now) {
  const bool any = group.any_members != 0;
  const auto wanted = [](const GroupSource& s) { return s.members != 0; };
  const auto none = [](const GroupSource&) { return false; };
  if (group.answer_at <= now && group.wanted()) {
    if (any) igmp_record(report, group, GroupRecord::is_exclude, true, none);
    else if (group.answer_sources)
      igmp_record(report, group, GroupRecord::is_include, false,
                  [](const GroupSource& s) { return s.members != 0 && s.asked; });
    else igmp_record(report, group, GroupRecord::is_include, false, wanted);
  }
  if (group.change_at > now) return;
  if (group.mode_changes_left != 0) {
    if (any) igmp_record(report, group, GroupRecord::to_exclude, true, none);
    else igmp_record(report, group, GroupRecord::to_include, true, wanted);
    return;
  }
  igmp_record(report, group, GroupRecord::allow, false,
              [](const GroupSource& s) { return s.changes_left != 0 && s.members != 0; });
  igmp_record(report, group, GroupRecord::block, false,
              [](const GroupSource& s) { return s.changes_left != 0 && s.members == 0; });
}

// A record with the sources that `pick` picks, or several where one message cannot hold them
// (RFC 3376 4.2.16). `empty`: it says something without sources as well.
template <class Pick>
void Net::igmp_record(GroupReport& report, const Group& group, GroupRecord type, bool empty,
                      Pick pick) {
  const GroupSource* s = group.sources;
  for (bool first = true;; first = false) {
    while (s != nullptr && !pick(*s)) s = s->next;
    if (s == nullptr && !(first && empty)) return;
    if (!igmp_begin(report)) return;
    IgmpRecordHdr h{static_cast<uint8_t>(type), 0, {}, be32::of(group.address.v4().v)};
    std::byte* at = report.frame->append(sizeof h);
    uint16_t sources = 0;
    for (; s != nullptr && report.room() >= sizeof(be32); s = s->next) {
      if (!pick(*s)) continue;
      const be32 address = be32::of(s->address.v4().v);
      std::memcpy(report.frame->append(sizeof address), &address, sizeof address);
      ++sources;
    }
    h.sources = be16::of(sources);
    std::memcpy(at, &h, sizeof h);
    ++report.records;
  }
}

// Room for a record with one source, in a new message if need be. False: it cannot be sent.
bool Net::igmp_begin(GroupReport& report) {
  if (report.frame != nullptr && report.room() < kRecordMin) igmp_flush(report);
  if (report.frame != nullptr) return true;
  report.frame = igmp_frame(*report.interface);
  if (report.frame != nullptr) report.frame->append(sizeof(IgmpReportHdr));
  return report.frame != nullptr;
}

void Net::igmp_flush(GroupReport& report) {
  if (report.frame == nullptr) return;
  igmp_emit_report(report.records, report.frame->bytes());
  igmp_output(*report.interface, report.frame, kIgmpV3Routers);
  report.frame = nullptr;
  report.records = 0;
}

// RFC 2236 3, RFC 3376 7.2.1: of the whole group, without sources.
void Net::igmp_old_report(Interface& interface, const Group& group, Nanos now) {
  const bool v1 = igmp_version(interface, now) == 1;
  if (!group.wanted() && v1) return;  // version 1 has no leave
  Frame* frame = igmp_frame(interface);
  if (frame == nullptr) return;
  const uint8_t type = !group.wanted() ? kIgmpV2Leave : v1 ? kIgmpV1Report : kIgmpV2Report;
  igmp_emit(type, group.address.v4(), {frame->append(sizeof(IgmpHdr)), sizeof(IgmpHdr)});
  igmp_output(interface, frame, group.wanted() ? group.address.v4() : kAllRouters);
}

Frame* Net::igmp_frame(Interface& interface) {
  PortState& p = ports_[interface.port];
  const bool room = p.link_up && p.queued < tx_queue_max_;
  Frame* frame = room ? frame_alloc(interface) : nullptr;
  if (frame == nullptr)
    counters_.drop(room ? Drop::tx_no_frame : p.link_up ? Drop::tx_port_full : Drop::tx_link_down);
  return frame;
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
