#include "tcp/isn.h"

namespace pinion {
namespace {

constexpr Nanos kIsnTick = 4 * kMicro;
constexpr uint16_t kMsses[8] = {64, 256, 536, 1024, 1220, 1400, 1440, 1460};

uint64_t hash(const SipKey& key, const FourTuple& flow, uint64_t more) {
  const Ip& local = flow.local.address;
  const Ip& remote = flow.remote.address;
  const uint64_t input[6] = {
      local.hi, local.lo, remote.hi, remote.lo, uint64_t{flow.local.port} << 16 | flow.remote.port,
      more};
  return siphash(key, std::as_bytes(std::span{input}));
}

// 5 bits of time, 3 of MSS, 24 of hash.
Seq cookie_of(const SipKey& key, const FourTuple& flow, Seq irs, uint32_t mss_index,
              uint64_t period) {
  const uint64_t input = uint64_t{irs.v} << 32 ^ period << 3 ^ mss_index;
  const auto tag = static_cast<uint32_t>(hash(key, flow, input)) & 0xffffff;
  return {static_cast<uint32_t>(period) << 27 | mss_index << 24 | tag};
}

uint64_t period_of(Nanos now) { return static_cast<uint64_t>(now / kCookiePeriod); }

}  // namespace

Seq initial_seq(const SipKey& key, const FourTuple& flow, Nanos now) {
  const auto m = static_cast<uint32_t>(now / kIsnTick);
  return {m + static_cast<uint32_t>(hash(key, flow, 1))};
}

uint32_t timestamp_offset(const SipKey& key, const FourTuple& flow) {
  return static_cast<uint32_t>(hash(key, flow, 2));
}

Seq cookie_make(const SipKey& key, const FourTuple& flow, Seq irs, uint16_t mss, Nanos now) {
  uint32_t index = 7;
  while (index > 0 && kMsses[index] > mss) --index;
  return cookie_of(key, flow, irs, index, period_of(now));
}

uint16_t cookie_check(const SipKey& key, const FourTuple& flow, Seq irs, Seq cookie, Nanos now) {
  const uint32_t index = cookie.v >> 24 & 7;
  for (uint64_t age = 0; age <= 1 && age <= period_of(now); ++age)
    if (cookie_of(key, flow, irs, index, period_of(now) - age) == cookie) return kMsses[index];
  return 0;
}

bool cookie_is_current(Seq cookie, Nanos now) {
  const uint64_t age = (period_of(now) - (cookie.v >> 27)) % 32;
  return age <= 1;
}

}  // namespace pinion
