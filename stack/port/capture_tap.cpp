// See capture_tap.h.
#include "port/capture_tap.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace pinion {

// What a former looker lost is not the new one's.
void CaptureTap::begin() {
  const uint32_t starts = __atomic_load_n(&starts_, __ATOMIC_RELAXED);
  if (starts == starts_seen_) return;
  starts_seen_ = starts;
  told_ = lost_;
}

// What hangs on a frame it has only on its way out: of a received one the same words say other
// things.
void CaptureTap::push(Header header, const Frame& frame) {
  const uint32_t length = header.sent ? frame.total_length() : frame.length;
  const MutableBytes out = ring_->push(sizeof header + length);
  if (out.empty()) {
    ++lost_;
    return;
  }
  header.lost = lost_ - told_;
  told_ = lost_;
  std::memcpy(out.data(), &header, sizeof header);
  std::byte* at = std::copy_n(frame.data, frame.length, out.data() + sizeof header);
  if (!header.sent) return;
  if (frame.has_attached()) std::copy_n(frame.attached, frame.behind_length, at);
  for (const Frame* f = frame.second(); f != nullptr; f = f->next)
    at = std::copy_n(f->data, f->length, at);
}

void CaptureTap::publish() {
  __atomic_store_n(&lost_shown_, lost_, __ATOMIC_RELAXED);
  ring_->publish();
}

void CaptureTap::received(std::span<Frame* const> frames, Nanos now) {
  begin();
  for (const Frame* f : frames) {
    Header h;
    h.time = now, h.tagged = f->vlan_stripped;
    h.vlan_tci = f->vlan_stripped ? f->vlan_tci : uint16_t{0};
    push(h, *f);
  }
  publish();
}

void CaptureTap::sending(std::span<Frame* const> frames, Nanos now) {
  STACK_DCHECK(frames.size() <= kBurstMax);
  begin();
  Header h;
  h.time = now, h.sent = true;
  sending_ = frames.size();
  for (size_t i = 0; i < sending_; ++i) {
    marks_[i] = {ring_->mark(), lost_, told_};
    push(h, *frames[i]);
  }
}

// The port takes from the front, and nothing is published yet: the rest never was, lost or not.
void CaptureTap::sent(size_t taken) {
  if (taken < sending_) {
    const Mark& mark = marks_[taken];
    ring_->take_back(mark.position);
    lost_ = mark.lost, told_ = mark.told;
  }
  if (sending_ != 0) publish();
  sending_ = 0;
}

MutableBytes CaptureTap::ring_memory() {
  if (ring_ == nullptr) ring_ = std::make_unique<HandOver>(kRingBytes);
  return ring_->memory();
}

void CaptureTap::start() {
  (void)ring_memory();
  while (!ring_->front().empty()) ring_->pop();  // of the one who looked before
  __atomic_store_n(&starts_, starts_ + 1, __ATOMIC_RELAXED);
  __atomic_store_n(&on_, true, __ATOMIC_RELEASE);
}

bool CaptureTap::front(Packet& out) const {
  const MutableBytes record = ring_->front();
  if (record.empty()) return false;
  Header h;
  std::memcpy(&h, record.data(), sizeof h);
  out.time = h.time, out.lost = h.lost, out.sent = h.sent;
  out.tagged = h.tagged, out.vlan_tci = h.vlan_tci;
  out.bytes = record.subspan(sizeof h);
  return true;
}

}  // namespace pinion
