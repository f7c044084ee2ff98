// See ledger.h.
#include "sim/ledger.h"

#include "base/rng.h"

namespace pinion::sim {

std::byte Ledger::content(uint64_t number, uint32_t at) const {
  if (at < sizeof number) return static_cast<std::byte>(number >> at * 8);
  const uint64_t word = mix64(seed_ ^ mix64(number) ^ at / 8);
  return static_cast<std::byte>(word >> at % 8 * 8);
}

uint64_t Ledger::send(const Endpoint& from, const Endpoint& to, MutableBytes out) {
  const uint64_t number = records_.size();
  for (uint32_t i = 0; i < out.size(); ++i) out[i] = content(number, i);
  records_.push_back({from, to, static_cast<uint32_t>(out.size()), 0, false});
  return number;
}

void Ledger::completed(uint64_t number, int32_t status) {
  Record& r = records_[number];
  r.unsent = status != 0;
  if (r.unsent && r.copies != 0) fail("datagram " + std::to_string(number) + " failed and arrived");
}

void Ledger::delivered(const Endpoint& from, const Endpoint& to, Bytes front,
                       uint32_t true_length) {
  uint64_t number = 0;
  if (front.size() < kDatagramMin) return fail("a datagram nobody sent: too short");
  std::memcpy(&number, front.data(), sizeof number);
  const std::string name = "datagram " + std::to_string(number);
  if (number >= records_.size()) return fail("a datagram nobody sent");
  Record& r = records_[number];
  if (!(r.to == to)) return fail(name + " reached another socket");
  if (!(r.from == from)) return fail(name + " has another sender");
  if (r.length != true_length) return fail(name + " has another length");
  for (uint32_t i = 0; i < front.size(); ++i)
    if (front[i] != content(number, i)) return fail(name + " differs at byte " + std::to_string(i));
  if (r.unsent) fail(name + " failed and arrived");
  if (++r.copies > copies_) fail(name + " arrived too often");
  ++deliveries_;
  last_delivered_ = number;
}

}  // namespace pinion::sim
