// See capture_tap.h.
#include "port/capture_tap.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace pinion {

// Header, packet; empty-handed, and counted, when the ring is full.
std::byte* CaptureTap::push(const Header& header, const Frame& frame) {
  const MutableBytes out = ring_->push(sizeof header + frame.total_length());
  if (out.empty()) {
    __atomic_store_n(&lost_, lost_ + 1, __ATOMIC_RELAXED);
    return nullptr;
  }
  Header told = header;
  told.lost = lost_ - lost_told_;
  lost_told_ = lost_;
  std::memcpy(out.data(), &told, sizeof told);
  std::byte* at = std::copy_n(frame.data, frame.length, out.data() + sizeof told);
  if (frame.has_attached()) std::copy_n(frame.attached, frame.behind_length, at);
  for (const Frame* f = frame.second(); f != nullptr; f = f->next)
    at = std::copy_n(f->data, f->length, at);
  return out.data();
}

void CaptureTap::received(std::span<Frame* const> frames, Nanos now) {
  for (const Frame* f : frames) {
    const uint16_t tci = f->vlan_stripped ? f->vlan_tci : uint16_t{0};
    Header h;
    h.time = now, h.tagged = f->vlan_stripped, h.vlan_tci = tci;
    push(h, *f);
  }
  ring_->publish();
}

void CaptureTap::sending(std::span<Frame* const> frames, Nanos now) {
  STACK_DCHECK(frames.size() <= kBurstMax);
  Header h;
  h.time = now, h.sent = true;
  sending_ = frames.size();
  for (size_t i = 0; i < sending_; ++i) pushed_[i] = push(h, *frames[i]);
}

// Not published yet, so what is in the ring can still be taken back.
void CaptureTap::sent(size_t taken) {
  if (sending_ == 0) return;
  for (size_t i = taken; i < sending_; ++i) {
    if (pushed_[i] == nullptr) continue;
    Header h;
    std::memcpy(&h, pushed_[i], sizeof h);
    h.time = kNotTaken;
    std::memcpy(pushed_[i], &h, sizeof h);
  }
  sending_ = 0;
  ring_->publish();
}

void CaptureTap::start() {
  if (ring_ == nullptr) ring_ = std::make_unique<HandOver>(kRingBytes);
  while (!ring_->front().empty()) ring_->pop();  // of the one who looked before
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
