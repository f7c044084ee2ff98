// See link.h.
#include "sim/link.h"

namespace pinion::sim {

namespace {
constexpr uint32_t kReorderedBy = 8;            // delays that a reordered frame may stay behind
constexpr double kBurstGoesOn = 0.8;            // five frames on average
constexpr size_t kContentAt = 14 + 20 + 8 + 8;  // behind the number of a datagram
constexpr size_t kHeadersMax = 14 + 20 + 60;  // of a segment
}  // namespace

std::vector<Link::Copy> Link::carry(const Packet& frame, Nanos now) {
  std::vector<Copy> copies;
  in_burst_ = rng_.chance(in_burst_ ? kBurstGoesOn : faults_.burst);
  if (!in_burst_ && !rng_.chance(faults_.loss)) copies.push_back(copy(frame, now));
  if (copies.empty() && frame.size() > kHeadersMax) ++lost_;
  if (!copies.empty() && rng_.chance(faults_.duplicate)) copies.push_back(copy(frame, now));
  return copies;
}

Link::Copy Link::copy(const Packet& frame, Nanos now) {
  Copy c{now + faults_.delay, frame};
  if (faults_.jitter > 0) c.at += rng_.below(static_cast<uint32_t>(faults_.jitter));
  if (rng_.chance(faults_.reorder))
    c.at += rng_.below(static_cast<uint32_t>(faults_.delay) * kReorderedBy);
  if (rng_.chance(faults_.corrupt)) {
    const uint32_t bit = rng_.below(static_cast<uint32_t>(frame.size()) * 8);
    c.frame[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
  }
  if (rng_.chance(faults_.complementary)) flip_complementary(c.frame);
  return c;
}

// One bit of the content goes from 0 to 1, and the same bit of another word from 1 to 0.
void Link::flip_complementary(Packet& frame) {
  const auto set = [&](size_t at, std::byte bit) { return (frame[at] & bit) != std::byte{}; };
  const bool ipv4 = frame[12] == std::byte{0x08} && frame[13] == std::byte{0};
  if (!ipv4 || frame.size() < kContentAt + 4) return;
  const auto words = static_cast<uint32_t>(frame.size() - kContentAt) / 2;
  const size_t one = kContentAt + 2 * rng_.below(words), two = kContentAt + 2 * rng_.below(words);
  const auto bit = static_cast<std::byte>(1u << rng_.below(8));
  if (set(one, bit) == set(two, bit)) return;
  frame[one] ^= bit, frame[two] ^= bit;
}

}  // namespace pinion::sim
