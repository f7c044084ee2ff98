// GroupTable: who has joined which multicast group on which interface, with which sources, and what
// routers are still to be told of it: of both families, whose protocols have one state machine (RFC
// 3376 5 and RFC 3810 6; RFC 2236 3 and RFC 2710 4 for the older ones). It is pure: Net asks what
// is due and sends it. A socket either joins a group with every source (EXCLUDE of none) or
// with single sources (INCLUDE), so an interface's filter is EXCLUDE{} as soon as one wants all,
// and else the INCLUDE of all sources that anybody wants.
#pragma once
#include <memory>
#include <vector>

#include "base/list.h"
#include "base/pool.h"
#include "base/rng.h"
#include "base/timer_heap.h"
#include "base/types.h"
#include "socket/socket.h"

namespace pinion {

struct Group;
struct GroupSource;

// One join of one socket: the group from every source, or from one.
struct GroupMember {
  Socket* sk = nullptr;
  Group* group = nullptr;
  Ip source;                         // 0: every
  GroupSource* wants = nullptr;      // that source: it stays as long as the join
  GroupMember* of_socket = nullptr;  // its next join
  Link<GroupMember> of_group;
};

// A source that members want, or that routers must still be told nobody wants any more.
struct GroupSource {
  Ip address;
  uint32_t members = 0;
  uint8_t changes_left = 0;  // reports of ALLOW or BLOCK
  bool asked = false;        // by a query of group and source
  GroupSource* next = nullptr;
};

struct Group {
  Ip address;
  uint32_t interface = 0;
  bool own = false;             // the stack's, whoever else joins: one more that wants every source
  uint32_t any_members = 0;     // that want every source
  uint32_t source_members = 0;  // that want one
  List<GroupMember, &GroupMember::of_group> members;
  GroupSource* sources = nullptr;
  uint8_t mode_changes_left = 0;          // reports of TO_IN or TO_EX
  Nanos change_at = kNever;               // the next of these reports
  Nanos answer_at = kNever;               // the answer to a query for this group
  bool answer_sources = false;            // of the sources that were asked for only
  uint64_t received = 0, not_wanted = 0;  // datagrams: for members, for nobody's port or source
  Group* next = nullptr;                  // of its bucket
  Link<Group> listed;
  TimerNode timer;

  bool wanted() const { return any_members + source_members != 0; }
};

struct GroupLimits {
  uint32_t groups_max = 1024;   // own ones count
  uint32_t members_max = 4096;  // joins of all sockets
  uint8_t robustness = 2;
  uint64_t secret = 0;  // of the hash table
  uint64_t seed = 0;    // of the pauses before answers
};

class GroupTable {
 public:
  explicit GroupTable(const GroupLimits& limits);

  // source 0: every. 0; -EADDRINUSE: the socket has joined so before; -EINVAL: it has joined the
  // group the other way (every source, single ones); -ENOBUFS: a limit is reached.
  int join(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now);
  // interface UINT32_MAX: wherever it joined. -EADDRNOTAVAIL: the socket has not joined so.
  int leave(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now);
  void leave_all(Socket& sk, Nanos now);
  // A group of our own, for ever; once a group, before anybody joins it.
  void add_own(uint32_t interface, Ip group, Nanos now);
  // The group, if a member is left; nullptr.
  Group* find(uint32_t interface, Ip group) const;

  // A query that concerns the group, to be answered `delay` from now at the latest: with its whole
  // filter, or with those of its sources for which on_query_source is called before.
  void on_query(Group& group, Nanos delay, bool sources, Nanos now);
  static void on_query_source(Group& group, Ip source);
  // The link came up, or there is an address to say it with: tell everything of that family anew.
  void announce(uint32_t interface, bool ipv4, Nanos now);

  // A group with a report due; nullptr: none. Net reports, then calls reported.
  Group* due(Nanos now) { return timers_.pop_due(now); }
  Nanos next_deadline() const { return timers_.earliest(); }
  // What was due at `now` has been sent, or could not be: `interval` is the longest time to the
  // next report of a change. A group without members may be gone afterwards.
  void reported(Group& group, Nanos interval, Nanos now);
  // Nothing is owed for it at this time (a report of another host stands for ours).
  void cancel_answer(Group& group);
  // In 0..max: when to answer.
  Nanos delay(Nanos max) { return max <= 0 ? 0 : static_cast<Nanos>(rng_.next() % (max + 1u)); }

  // For status, which another thread reads: any recent values will do. `i` is below capacity().
  const Group& slot(uint32_t i) const { return pool_[i]; }
  uint32_t capacity() const { return pool_.capacity(); }
  // As a querier of that family's protocol has it.
  void set_robustness(bool ipv4, uint8_t value) { robustness_[ipv4] = value; }
  const List<Group, &Group::listed>& groups() const { return groups_; }

 private:
  size_t bucket_of(uint32_t interface, Ip group) const;
  Group* lookup(uint32_t interface, Ip group) const;
  Group* create(uint32_t interface, Ip group);
  void remove(Group& group);
  GroupSource* want_source(Group& group, Ip address);
  void add(Group& group, GroupMember& member, Nanos now);
  void drop(GroupMember& member, Nanos now);
  void change(Group& group, Nanos now);
  void change_of(Group& group, GroupSource& source);
  void forget_told(Group& group);
  void set_timer(Group& group);

  uint8_t robustness(const Group& group) const { return robustness_[group.address.is_v4()]; }

  uint8_t robustness_[2];  // of IPv6, of IPv4
  uint64_t secret_;
  Rng rng_;
  Pool<Group> pool_;
  Pool<GroupMember> members_;
  Pool<GroupSource> sources_;
  TimerHeap<Group, &Group::timer> timers_;
  List<Group, &Group::listed> groups_;
  std::vector<Group*> buckets_;
};

}  // namespace pinion
