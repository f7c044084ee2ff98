#include "net/reassembly.h"

#include <algorithm>
#include <bit>

#include "base/check.h"
#include "wire/checksum.h"

namespace pinion {

Reassembly::Reassembly(const ReassemblyLimits& limits)
    : limits_(limits),
      slots_(limits.datagrams_max),
      memory_(
          std::make_unique_for_overwrite<std::byte[]>(size_t{limits.datagrams_max} * kSlotBytes)) {
  STACK_CHECK(limits.datagrams_max == 0 || limits.per_source_max != 0);
}

Drop Reassembly::add(const Fragment& fragment, Datagram& out, Nanos now) {
  if (!enabled()) return Drop::fragment_off;
  Slot& slot = *find_or_begin(fragment.key, now);
  if (slot.refused) return Drop::fragment_overlap;
  if (const Drop why = place(slot, fragment); why != Drop::none) {
    slot.refused = why != Drop::fragment_duplicate;
    return why;
  }
  ++slot.fragments;
  if (!is_complete(slot)) return Drop::none;
  if (is_too_long(slot)) {
    slot.refused = true;
    return Drop::fragment_too_long;
  }
  finish(slot, out);
  return Drop::none;
}

// The newest is looked at first: a datagram's fragments come one behind the other.
Reassembly::Slot* Reassembly::find_or_begin(const Key& key, Nanos now) {
  uint32_t of_source = 0;
  Slot* oldest_of_source = nullptr;
  for (Slot* s = by_age_.back(); s != nullptr; s = by_age_.previous(s)) {
    if (s->key == key && s->deadline > now) return s;
    if (s->key.source != key.source) continue;
    ++of_source;
    oldest_of_source = s;
  }
  // No room: the oldest gives way, that of the same source if it has its share. What a sender
  // means to be whole comes in one go; what waits longest is the least likely to become whole.
  if (oldest_of_source != nullptr && of_source >= limits_.per_source_max) {
    give(*oldest_of_source);
    ++evicted_;
  } else if (slots_.used() == slots_.capacity()) {
    give(*by_age_.front());
    ++evicted_;
  }
  return begin(key, now);
}

Reassembly::Slot* Reassembly::begin(const Key& key, Nanos now) {
  Slot* slot = slots_.take();
  STACK_CHECK(slot != nullptr);  // one was made free
  *slot = Slot{};
  slot->key = key;
  slot->deadline = now + limits_.timeout;
  by_age_.push_back(slot);
  return slot;
}

void Reassembly::give(Slot& slot) {
  by_age_.remove(&slot);
  slots_.give(&slot);
}

std::byte* Reassembly::payload_of(const Slot& slot) const {
  return memory_.get() + size_t{slots_.index(&slot)} * kSlotBytes + kHeaderRoom;
}

// RFC 5722, for IPv4 as well: two fragments that claim the same bytes are an attack or a mix-up of
// two datagrams, and nobody can tell which to believe. Only what is there already, byte for byte,
// is a network's copy (RFC 8200 4.5): A and B lines that carry the same packets make those.
Drop Reassembly::place(Slot& slot, const Fragment& fragment) {
  if (contradicts(slot, fragment)) return Drop::fragment_overlap;
  const auto length = static_cast<uint32_t>(fragment.payload.size());
  const uint32_t first = fragment.offset / 8, behind = (fragment.offset + length + 7) / 8;
  std::byte* at = payload_of(slot) + fragment.offset;
  if (const uint32_t there = mark(slot, first, behind, false); there != 0) {
    const bool same =
        there == behind - first && std::memcmp(at, fragment.payload.data(), length) == 0;
    return same ? Drop::fragment_duplicate : Drop::fragment_overlap;
  }
  std::memcpy(at, fragment.payload.data(), length);
  slot.units += mark(slot, first, behind, true);
  slot.end = std::max(slot.end, fragment.offset + length);
  if (!fragment.more) slot.total = fragment.offset + length;
  if (fragment.offset != 0) return Drop::none;
  STACK_DCHECK(fragment.header.size() <= kHeaderRoom);
  slot.header_bytes = static_cast<uint32_t>(fragment.header.size());
  slot.next_header_at = fragment.next_header_at;
  slot.first_bytes = length;
  std::memcpy(at - slot.header_bytes, fragment.header.data(), slot.header_bytes);
  return Drop::none;
}

// Two ends, or something behind the end.
bool Reassembly::contradicts(const Slot& slot, const Fragment& fragment) const {
  const auto end = fragment.offset + static_cast<uint32_t>(fragment.payload.size());
  if (slot.total != 0) return fragment.more ? end >= slot.total : end != slot.total;
  return !fragment.more && end <= slot.end;
}

// Counts the bits of [first, behind) that are set, or sets them all and counts those.
uint32_t Reassembly::mark(Slot& slot, uint32_t first, uint32_t behind, bool set) {
  uint32_t count = 0;
  for (uint32_t at = first; at < behind;) {
    const uint32_t in_word = at % 64, n = std::min(behind - at, 64 - in_word);
    const uint64_t mask = (n == 64 ? UINT64_MAX : (uint64_t{1} << n) - 1) << in_word;
    uint64_t& word = slot.bits[at / 64];
    if (set) word |= mask;
    count += static_cast<uint32_t>(std::popcount(word & mask));
    at += n;
  }
  return count;
}

bool Reassembly::is_complete(const Slot& slot) const {
  return slot.total != 0 && slot.units == (slot.total + 7) / 8;
}

// Only at the end is it known how long the whole is, its headers counted: of IPv6 those between the
// first header and the fragment header.
bool Reassembly::is_too_long(const Slot& slot) {
  constexpr uint32_t kNotCounted = sizeof(Ipv6Hdr) + sizeof(Ipv6FragmentHdr);
  const uint32_t headers = slot.header_bytes - (slot.key.source.is_v4() ? 0 : kNotCounted);
  return headers + slot.total > UINT16_MAX;
}

void Reassembly::finish(Slot& slot, Datagram& out) {
  STACK_DCHECK(slot.header_bytes != 0 && slot.total >= slot.first_bytes);
  const MutableBytes packet = slot.key.source.is_v4() ? finish_ipv4(slot) : finish_ipv6(slot);
  out = {.key = slot.key,
         .packet = packet,
         .header_bytes = static_cast<uint32_t>(packet.size()) - slot.total,
         .fragments = slot.fragments};
  give(slot);
}

// The header of the first fragment becomes that of the whole (RFC 791 3.2, step 16).
MutableBytes Reassembly::finish_ipv4(const Slot& slot) const {
  std::byte* ip = payload_of(slot) - slot.header_bytes;
  const uint32_t length = slot.header_bytes + slot.total;
  Ipv4Hdr h;
  std::memcpy(&h, ip, sizeof h);
  h.total_length = be16::of(static_cast<uint16_t>(length));
  h.flags_fragment = h.checksum = be16{};
  std::memcpy(ip, &h, sizeof h);
  h.checksum = be16::of(checksum({ip, slot.header_bytes}));
  std::memcpy(ip, &h, sizeof h);
  return {ip, length};
}

// The headers before the first fragment's fragment header, the last of which now names what that
// one did (RFC 8200 4.5). They move up over it.
MutableBytes Reassembly::finish_ipv6(const Slot& slot) const {
  constexpr size_t kGone = sizeof(Ipv6FragmentHdr);
  std::byte* ip = payload_of(slot) - slot.header_bytes;
  ip[slot.next_header_at] = ip[slot.header_bytes - kGone];
  std::memmove(ip + kGone, ip, slot.header_bytes - kGone);
  ip += kGone;
  const size_t length = slot.header_bytes - kGone + slot.total;
  const be16 payload_length = be16::of(static_cast<uint16_t>(length - sizeof(Ipv6Hdr)));
  std::memcpy(ip + offsetof(Ipv6Hdr, payload_length), &payload_length, sizeof payload_length);
  return {ip, length};
}

bool Reassembly::expire(Datagram& out, Nanos now) {
  Slot* slot = by_age_.front();
  if (slot == nullptr || slot->deadline > now) return false;
  out = {.key = slot->key,
         .packet = {},
         .header_bytes = slot->header_bytes,
         .fragments = slot->fragments};
  if (slot->header_bytes != 0 && !slot->refused)
    out.packet = {payload_of(*slot) - slot->header_bytes,
                  size_t{slot->header_bytes} + slot->first_bytes};
  give(*slot);
  return true;
}

Nanos Reassembly::next_deadline() const {
  return by_age_.empty() ? kNever : by_age_.front()->deadline;
}

}  // namespace pinion
