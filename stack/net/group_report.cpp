// What routers and switches are told of groups, for IGMP and MLD alike: which answer a query gets,
// and the records of a report of the newest version, which differ in the length of an address (RFC
// 3376 4.2 and 5.2, RFC 3810 5.2 and 6.2). What is joined is GroupTable's to know; how a message
// leaves, and what the older versions say, stands in igmp.cpp and mld.cpp.
#include <algorithm>

#include "net/net.h"

namespace pinion {
namespace {

constexpr uint32_t kReportsPerPass = 64;  // groups
constexpr size_t kSourcesAskedMax = 16;   // of a query that are looked at one by one
// RFC 3376 8.11, RFC 3810 9.11; RFC 2236 8.10, RFC 2710 7.10: Unsolicited Report Interval.
constexpr Nanos kUnsolicited = kSecond, kUnsolicitedOld = 10 * kSecond;
constexpr size_t kReportHdrBytes = 8;  // of either family
static_assert(sizeof(IgmpReportHdr) == kReportHdrBytes && sizeof(IcmpHdr) == kReportHdrBytes);

}  // namespace

// Records of a report that is being written; sent when it is full, and at the end. What finds no
// frame is lost: changes are told again, and queriers ask again.
struct Net::GroupReport {
  bool ipv4 = true;
  Interface* interface = nullptr;
  Frame* frame = nullptr;
  uint16_t records = 0;

  size_t room() const {
    const size_t headers = ipv4 ? sizeof(Ipv4Hdr) + kRouterAlertBytes : sizeof(Ipv6Hdr);
    const size_t used = headers + frame->length, most = interface->mtu_bytes;
    return used < most ? std::min<size_t>(most - used, frame->tailroom) : 0;
  }
};

void Net::querier_seen(Querier& querier, const GroupQuery& query, Ip source) {
  querier = {source, query.version};
  if (query.robustness != 0) groups_.set_robustness(query.group.is_v4(), query.robustness);
}

// RFC 3376 7.2.1: with the version change whatever answers were pending.
void Net::cancel_answers(const Interface& interface, bool ipv4) {
  for (Group* g = groups_.groups().front(); g != nullptr; g = groups_.groups().next(g))
    if (g->interface == interface.index && g->address.is_v4() == ipv4) groups_.cancel_answer(*g);
}

// Of a group that was joined, or of all. The newest versions tell of all groups in as few messages
// as they fit in; the older ones spread them.
void Net::group_query(Interface& interface, const GroupQuery& query, Nanos now) {
  const bool ipv4 = query.group.is_v4();
  if (!query.group.is_any()) {
    Group* g = groups_.find(interface.index, query.group);
    if (g == nullptr) return;
    // More than a few sources are answered with the whole filter, as by a host that wants every
    // one.
    const size_t each = address_bytes(ipv4);
    const bool few = query.sources.size() <= kSourcesAskedMax * each;
    for (Bytes s = few ? query.sources : Bytes{}; !s.empty(); s = s.subspan(each))
      GroupTable::on_query_source(*g, address_at(s.data(), ipv4));
    groups_.on_query(*g, groups_.delay(query.max_response), few && !query.sources.empty(), now);
    return;
  }
  const bool newest = tells_sources(interface, ipv4, now);
  const Nanos together = groups_.delay(query.max_response);
  for (Group* g = groups_.groups().front(); g != nullptr; g = groups_.groups().next(g)) {
    if (g->interface != interface.index || !g->wanted() || g->address.is_v4() != ipv4) continue;
    groups_.on_query(*g, newest ? together : groups_.delay(query.max_response), false, now);
  }
}

bool Net::tells_sources(const Interface& interface, bool ipv4, Nanos now) const {
  return ipv4 ? igmp_version(interface, now) == 3 : now >= interface.mld.v1_until;
}

// What is due, a bounded number of groups; those of one interface and family share messages.
void Net::report_groups(Nanos now) {
  GroupReport reports[2];
  for (uint32_t i = 0; i < kReportsPerPass; ++i) {
    Group* g = groups_.due(now);
    if (g == nullptr) break;
    Interface& interface = interfaces_[g->interface];
    const bool ipv4 = g->address.is_v4();
    GroupReport& report = reports[ipv4];
    if (report.interface != &interface) report_flush(report);
    report.interface = &interface, report.ipv4 = ipv4;
    const bool newest = tells_sources(interface, ipv4, now);
    if (newest) report_group(report, *g, now);
    else if (ipv4) igmp_old_report(interface, *g, now);
    else mld_old_report(interface, *g);
    groups_.reported(*g, newest ? kUnsolicited : kUnsolicitedOld, now);
  }
  for (GroupReport& report : reports) report_flush(report);
}

void Net::report_group(GroupReport& report, const Group& group, Nanos now) {
  const bool any = group.any_members != 0;
  const auto wanted = [](const GroupSource& s) { return s.members != 0; };
  const auto none = [](const GroupSource&) { return false; };
  if (group.answer_at <= now && group.wanted()) {
    if (any) report_record(report, group, GroupRecord::is_exclude, true, none);
    else if (group.answer_sources)
      report_record(report, group, GroupRecord::is_include, false,
                    [](const GroupSource& s) { return s.members != 0 && s.asked; });
    else report_record(report, group, GroupRecord::is_include, false, wanted);
  }
  if (group.change_at > now) return;
  // While another core has joined, nothing is taken back: a switch that believes one host behind a
  // port would cut it off. The last core that leaves says so, and queries find out the rest.
  const bool others = wanted_elsewhere(*report.interface, group.address);
  if (group.mode_changes_left != 0) {
    if (any) report_record(report, group, GroupRecord::to_exclude, true, none);
    else if (others) report_record(report, group, GroupRecord::allow, false, wanted);
    else report_record(report, group, GroupRecord::to_include, true, wanted);
    return;
  }
  report_record(report, group, GroupRecord::allow, false,
                [](const GroupSource& s) { return s.changes_left != 0 && s.members != 0; });
  if (others) return;
  report_record(report, group, GroupRecord::block, false,
                [](const GroupSource& s) { return s.changes_left != 0 && s.members == 0; });
}

// A record with the sources that `pick` picks, or several where one message cannot hold them
// (RFC 3376 4.2.16, RFC 3810 5.2.15). `empty`: it says something without sources as well.
template <class Pick>
void Net::report_record(GroupReport& report, const Group& group, GroupRecord type, bool empty,
                        Pick pick) {
  const size_t each = address_bytes(report.ipv4);
  const GroupSource* s = group.sources;
  for (bool first = true;; first = false) {
    while (s != nullptr && !pick(*s)) s = s->next;
    if (s == nullptr && !(first && empty)) return;
    if (!report_begin(report)) return;
    std::byte* at = report.frame->append(static_cast<uint32_t>(sizeof(GroupRecordHdr) + each));
    address_emit(group.address, at + sizeof(GroupRecordHdr));
    uint16_t sources = 0;
    for (; s != nullptr && report.room() >= each; s = s->next) {
      if (!pick(*s)) continue;
      address_emit(s->address, report.frame->append(static_cast<uint32_t>(each)));
      ++sources;
    }
    const GroupRecordHdr h{static_cast<uint8_t>(type), 0, be16::of(sources)};
    std::memcpy(at, &h, sizeof h);
    ++report.records;
  }
}

// Room for a record with one source, in a new message if need be. False: it cannot be sent.
bool Net::report_begin(GroupReport& report) {
  const size_t least = sizeof(GroupRecordHdr) + 2 * address_bytes(report.ipv4);
  if (report.frame != nullptr && report.room() < least) report_flush(report);
  if (report.frame != nullptr) return true;
  report.frame = report.ipv4 ? report_frame(*report.interface) : mld_frame(*report.interface);
  if (report.frame != nullptr) report.frame->append(kReportHdrBytes);
  return report.frame != nullptr;
}

void Net::report_flush(GroupReport& report) {
  if (report.frame == nullptr) return;
  if (report.ipv4) {
    igmp_emit_report(report.records, report.frame->bytes());
    igmp_output(*report.interface, report.frame, kIgmpV3Routers);
  } else {
    mld_report(*report.interface, report.frame, report.records);
  }
  report.frame = nullptr;
  report.records = 0;
}

Frame* Net::report_frame(Interface& interface) {
  PortState& p = ports_[interface.port];
  const bool room = p.link_up && p.queued < tx_queue_max_;
  Frame* frame = room ? frame_alloc(interface) : nullptr;
  if (frame == nullptr)
    counters_.drop(room ? Drop::tx_no_frame : p.link_up ? Drop::tx_port_full : Drop::tx_link_down);
  return frame;
}

}  // namespace pinion
