#include "tcp/rtt.h"

#include <algorithm>
#include <cstdlib>

#include "base/check.h"

namespace pinion {

void Rtt::start(const RttConfig& config) {
  *this = {};
  rto_ = config.rto_initial;
}

void Rtt::sample(const RttConfig& config, Nanos rtt, Nanos now, uint32_t expected_samples) {
  STACK_DCHECK(rtt >= 0 && expected_samples > 0);
  rtt = std::clamp<Nanos>(rtt, 1, kSecond * 3600);  // 0 means "nothing measured"
  backoffs = 0;
  if (++samples % kPatientFor == 0) patience /= 2;
  note_min(config, rtt, now);
  if (srtt == 0) {  // 2.2
    srtt = rtt;
    rttvar = rtt / 2;
  } else if (expected_samples == 1) {  // 2.3; by constants, which takes no division
    rttvar += (std::abs(srtt - rtt) - rttvar) / 4;
    srtt = std::max<Nanos>(srtt + (rtt - srtt) / 8, 1);
  } else {  // with alpha and beta divided by the samples of a window (RFC 7323 appendix G)
    const Nanos n = expected_samples;
    rttvar += (std::abs(srtt - rtt) - rttvar) / (4 * n);
    srtt = std::max<Nanos>(srtt + (rtt - srtt) / (8 * n), 1);
  }
  rto_ = srtt + std::max(config.granularity, 4 * rttvar);
}

void Rtt::handshake_timed_out(const RttConfig& config) {
  backoffs = 0;  // of the SYN: "re-initialized"
  rto_ = std::max(rto_, config.rto_syn_timeout);
}

Nanos Rtt::base_rto(const RttConfig& config) const {
  return std::clamp(std::max(rto_, patience), config.rto_min, config.rto_max);
}

Nanos Rtt::rto(const RttConfig& config) const {
  const Nanos base = base_rto(config);
  return base > config.rto_max >> backoffs ? config.rto_max : base << backoffs;
}

// The least of the last window at [0], then the least of what came after it, and after that. What
// is older than the window leaves at the front.
void Rtt::note_min(const RttConfig& config, Nanos rtt, Nanos now) {
  rtt = std::max<Nanos>(rtt, 1);  // 0 would leave no room for reordering (RFC 8985 6.2)
  const Least latest{rtt, now};
  if (rtt <= least_[0].rtt || now - least_[2].at > config.min_rtt_window) {
    least_[0] = least_[1] = least_[2] = latest;
    return;
  }
  if (rtt <= least_[1].rtt) least_[1] = least_[2] = latest;
  else if (rtt <= least_[2].rtt) least_[2] = latest;

  const Nanos age = now - least_[0].at;
  if (age > config.min_rtt_window) {
    least_[0] = least_[1], least_[1] = least_[2], least_[2] = latest;
    if (now - least_[0].at > config.min_rtt_window) {
      least_[0] = least_[1], least_[1] = least_[2], least_[2] = latest;
    }
  } else if (least_[1].at == least_[0].at && age > config.min_rtt_window / 4) {
    least_[1] = least_[2] = latest;  // a quarter passed without a second choice
  } else if (least_[2].at == least_[1].at && age > config.min_rtt_window / 2) {
    least_[2] = latest;
  }
}

}  // namespace pinion
