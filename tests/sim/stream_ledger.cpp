// See stream_ledger.h.
#include "sim/stream_ledger.h"

#include <algorithm>
#include <cerrno>

#include "base/rng.h"

namespace pinion::sim {

std::byte StreamLedger::content(uint32_t end, uint64_t at) const {
  const uint64_t check = mix64(seed_ ^ end) << 32;
  const uint64_t word = at < kHead ? check | end : mix64(seed_ ^ mix64(end) ^ at / 8);
  return static_cast<std::byte>(word >> at % 8 * 8);
}

std::string StreamLedger::name_of(uint32_t end) const {
  const End& e = ends_[end];
  return "end " + std::to_string(end) + " (host " + std::to_string(e.local.address.v4().v & 0xff) +
         ", port " + std::to_string(e.local.port) + " to " + std::to_string(e.remote.port) + ")";
}

uint32_t StreamLedger::open(const Endpoint& local, const Endpoint& remote, Nanos since) {
  const auto end = static_cast<uint32_t>(ends_.size());
  End e;
  e.local = local, e.remote = remote, e.since = since;
  ends_.push_back(e);
  by_local_[local].push_back(end);
  return end;
}

void StreamLedger::send(uint32_t end, MutableBytes out) {
  End& e = ends_[end];
  for (std::byte& b : out) b = content(end, e.posted++);
  bytes_sent_ += out.size();
}

void StreamLedger::sent(uint32_t end, uint64_t from, const SendOutcome& outcome) {
  End& e = ends_[end];
  if (outcome.status == 0) {
    if (!outcome.copied_only && from + outcome.length > e.never_left_from)
      fail(name_of(end) + ": a send went behind one that failed");
    return;
  }
  if (!outcome.unsent) return;
  e.never_left_from = std::min(e.never_left_from, from);
  if (e.peer != kNone && ends_[e.peer].peer == end && ends_[e.peer].received > from)
    fail(name_of(end) + ": a send that never left arrived");
}

// The first bytes are complete: they say who sent them.
void StreamLedger::meet(uint32_t end) {
  End& e = ends_[end];
  const auto peer = static_cast<uint32_t>(e.head);
  if (peer >= ends_.size() || e.head != ((mix64(seed_ ^ peer) << 32) | peer))
    return fail(name_of(end) + " received a stream that nobody sent");
  if (!mirrors(e, ends_[peer]))
    return fail(name_of(end) + " received the stream of " + name_of(peer));
  const uint32_t other = ends_[peer].peer;
  if (other != kNone && other != end)
    return fail(name_of(end) + " received of " + name_of(peer) + ", which received of " +
                name_of(other));
  for (const uint32_t n : by_local_[e.local])
    if (n != end && ends_[n].peer == peer)
      return fail(name_of(end) + " received of " + name_of(peer) + ", as " + name_of(n) + " did");
  e.peer = peer;
}

void StreamLedger::delivered(uint32_t end, Bytes data) {
  End& e = ends_[end];
  if (e.ended && !data.empty()) return fail(name_of(end) + " received behind the end");
  for (const std::byte b : data) {
    const uint64_t at = e.received++;
    if (at < kHead) {
      e.head |= static_cast<uint64_t>(b) << at * 8;
      if (at == kHead - 1) meet(end);
      if (!failure_.empty()) return;
    } else if (b != content(e.peer, at)) {
      return fail(name_of(end) + " of " + name_of(e.peer) + " differs at byte " +
                  std::to_string(at));
    }
  }
  bytes_delivered_ += data.size();
  if (e.peer == kNone) return;
  const End& from = ends_[e.peer];
  if (e.received > std::min(from.posted, from.never_left_from))
    fail(name_of(end) + " received more than was sent");
}

void StreamLedger::end_of_stream(uint32_t end) {
  End& e = ends_[end];
  if (!e.ended) ++streams_whole_;
  e.ended = true;
  const auto whole = [&](const End& from) {
    return mirrors(e, from) && from.finished && from.posted == e.received;
  };
  if (e.peer != kNone) {
    if (!whole(ends_[e.peer]))
      fail(name_of(end) + " of " + name_of(e.peer) + " ended at byte " +
           std::to_string(e.received) + " of " + std::to_string(ends_[e.peer].posted));
    return;
  }
  const auto& ends = by_local_[e.remote];
  if (std::none_of(ends.begin(), ends.end(), [&](uint32_t n) { return whole(ends_[n]); }))
    fail(name_of(end) + " ended at byte " + std::to_string(e.received) + ", and nobody's did");
}

void StreamLedger::leave(uint32_t end, Nanos now) {
  End& e = ends_[end];
  e.left_at = std::min(e.left_at, now);
}

// The other end left, or failed; or, while it is not known, nobody was there to take the
// connection, or had no room for it.
bool StreamLedger::reset_has_reason(const End& e) const {
  const auto evicted = evicted_.find(e.remote.address.v4().v);
  if (evicted != evicted_.end() && evicted->second >= e.since) return true;
  if (e.peer != kNone) return ends_[e.peer].left_at != kNever;
  const auto listener = listeners_.find(e.remote);
  if (listener != listeners_.end() && (!listener->second.on || listener->second.changed >= e.since))
    return true;
  const auto no_room = no_room_.find(e.remote.address.v4().v);
  if (no_room != no_room_.end() && no_room->second >= e.since) return true;
  const auto ends = by_local_.find(e.remote);
  if (ends == by_local_.end()) return false;
  return std::any_of(ends->second.begin(), ends->second.end(), [&](uint32_t n) {
    const End& other = ends_[n];
    return mirrors(e, other) && other.left_at != kNever && other.left_at >= e.since;
  });
}

void StreamLedger::failed(uint32_t end, int error, Nanos now) {
  End& e = ends_[end];
  if (e.failed) return;
  e.failed = true;
  ++failures_;
  const bool own = e.left_at != kNever;  // it closed: data that came then reset the connection
  leave(end, now);
  const std::string what = name_of(end) + " failed with " + std::to_string(error);
  if (own) return;
  switch (-error) {
    case ECONNREFUSED:
    case ECONNRESET:
      if (!reset_has_reason(e)) fail(what + " without a reason");
      return;
    case ETIMEDOUT:
    case EHOSTUNREACH:
      if (e.peer != kNone && !reset_has_reason(e)) fail(what + " though its peer was there");
      return;
    default: fail(what);
  }
}

}  // namespace pinion::sim
