#include "net/groups.h"

#include <algorithm>
#include <bit>
#include <cerrno>

#include "base/check.h"

namespace pinion {

GroupTable::GroupTable(const GroupLimits& limits)
    : robustness_{limits.robustness, limits.robustness},
      secret_(limits.secret),
      rng_(limits.seed),
      pool_(limits.groups_max),
      members_(limits.members_max),
      sources_(limits.members_max),
      timers_(limits.groups_max),
      buckets_(std::bit_ceil(size_t{limits.groups_max}), nullptr) {}

size_t GroupTable::bucket_of(uint32_t interface, Ip group) const {
  const uint64_t hash = mix_words(group.hi ^ interface, group.lo, secret_, ~secret_);
  return hash & (buckets_.size() - 1);
}

Group* GroupTable::lookup(uint32_t interface, Ip group) const {
  Group* g = buckets_[bucket_of(interface, group)];
  while (g != nullptr && (g->address != group || g->interface != interface)) g = g->next;
  return g;
}

Group* GroupTable::find(uint32_t interface, Ip group) const {
  Group* g = lookup(interface, group);
  return g != nullptr && g->wanted() ? g : nullptr;
}

// One without members, that is only kept for its last reports, gives way.
Group* GroupTable::create(uint32_t interface, Ip group) {
  Group* g = pool_.take();
  if (g == nullptr) {
    Group* idle = groups_.front();
    while (idle != nullptr && idle->wanted()) idle = groups_.next(idle);
    if (idle == nullptr) return nullptr;
    remove(*idle);
    g = pool_.take();
  }
  *g = Group{};
  g->address = group, g->interface = interface;
  Group*& bucket = buckets_[bucket_of(interface, group)];
  g->next = bucket;
  bucket = g;
  groups_.push_back(g);
  return g;
}

void GroupTable::remove(Group& group) {
  STACK_DCHECK(!group.wanted());
  Group** link = &buckets_[bucket_of(group.interface, group.address)];
  while (*link != &group) link = &(*link)->next;
  *link = group.next;
  while (GroupSource* s = group.sources) {
    group.sources = s->next;
    sources_.give(s);
  }
  timers_.remove(&group);
  groups_.remove(&group);
  group.any_members = group.source_members = 0;
  pool_.give(&group);
}

int GroupTable::join(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now) {
  for (const GroupMember* m = sk.groups; m != nullptr; m = m->of_socket) {
    if (m->group->address != group || m->group->interface != interface) continue;
    if (m->source == source) return -EADDRINUSE;
    if (m->source.is_any() || source.is_any()) return -EINVAL;
  }
  GroupMember* member = members_.take();
  if (member == nullptr) return -ENOBUFS;
  Group* g = lookup(interface, group);
  if (g == nullptr) g = create(interface, group);
  if (g == nullptr) {
    members_.give(member);
    return -ENOBUFS;
  }
  *member = {.sk = &sk, .group = g, .source = source, .of_socket = sk.groups, .of_group = {}};
  sk.groups = member;
  add(*g, *member, now);
  return 0;
}

void GroupTable::add_own(uint32_t interface, Ip group, Nanos now) {
  Group* g = create(interface, group);
  STACK_CHECK(g != nullptr);
  g->own = true;
  g->any_members = 1;
  g->mode_changes_left = robustness(*g);
  change(*g, now);
}

// As many sources as joins: those that nobody wants any more give theirs back when they are needed.
GroupSource* GroupTable::want_source(Group& group, Ip address) {
  for (GroupSource* s = group.sources; s != nullptr; s = s->next)
    if (s->address == address) return s;
  GroupSource* s = sources_.take();
  for (Group* g = groups_.front(); s == nullptr && g != nullptr; g = groups_.next(g)) {
    for (GroupSource** link = &g->sources; *link != nullptr; link = &(*link)->next) {
      if ((*link)->members != 0) continue;
      s = *link;
      *link = s->next;
      break;
    }
  }
  STACK_CHECK(s != nullptr);
  *s = {.address = address, .next = group.sources};
  group.sources = s;
  return s;
}

void GroupTable::add(Group& group, GroupMember& member, Nanos now) {
  const bool was_any = group.any_members != 0;
  group.members.push_back(&member);
  if (member.source.is_any()) {
    if (group.any_members++ != 0) return;
    group.mode_changes_left = robustness(group);
    forget_told(group);
    return change(group, now);
  }
  ++group.source_members;
  GroupSource* s = member.wants = want_source(group, member.source);
  if (s->members++ != 0 || was_any) return;
  change_of(group, *s);
  change(group, now);
}

int GroupTable::leave(Socket& sk, uint32_t interface, Ip group, Ip source, Nanos now) {
  for (GroupMember** link = &sk.groups; *link != nullptr; link = &(*link)->of_socket) {
    GroupMember& m = **link;
    const bool there = interface == UINT32_MAX || m.group->interface == interface;
    if (m.group->address != group || !there || m.source != source) continue;
    *link = m.of_socket;
    drop(m, now);
    return 0;
  }
  return -EADDRNOTAVAIL;
}

void GroupTable::leave_all(Socket& sk, Nanos now) {
  while (GroupMember* m = sk.groups) {
    sk.groups = m->of_socket;
    drop(*m, now);
  }
}

void GroupTable::drop(GroupMember& member, Nanos now) {
  Group& group = *member.group;
  group.members.remove(&member);
  const Ip source = member.source;
  GroupSource* s = member.wants;
  members_.give(&member);
  if (source.is_any()) {
    if (--group.any_members != 0) return;
    group.mode_changes_left = robustness(group);
    forget_told(group);
    return change(group, now);
  }
  --group.source_members;
  if (--s->members != 0 || group.any_members != 0) return;
  change_of(group, *s);
  change(group, now);
}

// While reports of the whole filter are due, they tell of the source as well.
void GroupTable::change_of(Group& group, GroupSource& source) {
  if (group.mode_changes_left != 0) group.mode_changes_left = robustness(group);
  else source.changes_left = robustness(group);
}

// A report of the whole filter follows: no source needs one of its own.
void GroupTable::forget_told(Group& group) {
  for (GroupSource** link = &group.sources; *link != nullptr;) {
    GroupSource* s = *link;
    s->changes_left = 0;
    if (s->members != 0) {
      link = &s->next;
      continue;
    }
    *link = s->next;
    sources_.give(s);
  }
}

void GroupTable::change(Group& group, Nanos now) {
  group.change_at = now;
  set_timer(group);
}

// RFC 3376 5.2: an answer that is due earlier stands for this one too. A query for sources is
// answered for those that are wanted (by the whole filter, if that is every source), one for the
// group with the whole filter.
void GroupTable::on_query(Group& group, Nanos delay, bool sources, Nanos now) {
  const bool pending = group.answer_at != kNever;
  group.answer_sources = sources && (!pending || group.answer_sources);
  group.answer_at = std::min(group.answer_at, now + delay);
  set_timer(group);
}

void GroupTable::on_query_source(Group& group, Ip source) {
  for (GroupSource* s = group.sources; s != nullptr; s = s->next)
    if (s->address == source) s->asked = true;
}

void GroupTable::announce(uint32_t interface, bool ipv4, Nanos now) {
  for (Group* g = groups_.front(); g != nullptr; g = groups_.next(g)) {
    if (g->interface != interface || !g->wanted() || g->address.is_v4() != ipv4) continue;
    g->mode_changes_left = robustness(*g);
    forget_told(*g);
    change(*g, now);
  }
}

void GroupTable::cancel_answer(Group& group) {
  group.answer_at = kNever;
  group.answer_sources = false;
  set_timer(group);
}

void GroupTable::reported(Group& group, Nanos interval, Nanos now) {
  if (group.answer_at <= now) {
    group.answer_at = kNever;
    group.answer_sources = false;
    for (GroupSource* s = group.sources; s != nullptr; s = s->next) s->asked = false;
  }
  if (group.change_at <= now) {
    bool left = false;
    if (group.mode_changes_left != 0) {
      left = --group.mode_changes_left != 0;
    } else {
      for (GroupSource** link = &group.sources; *link != nullptr;) {
        GroupSource* s = *link;
        if (s->changes_left != 0) --s->changes_left;
        left = left || s->changes_left != 0;
        const bool over = s->changes_left == 0 && s->members == 0;
        if (over) *link = s->next, sources_.give(s);
        else link = &s->next;
      }
    }
    group.change_at = left ? now + delay(interval) : kNever;
  }
  if (!group.wanted() && group.change_at == kNever) return remove(group);
  set_timer(group);
}

void GroupTable::set_timer(Group& group) {
  timers_.set(&group, std::min(group.change_at, group.answer_at));
}

}  // namespace pinion
