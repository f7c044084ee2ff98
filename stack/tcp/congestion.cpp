#include "tcp/congestion.h"

#include <algorithm>

#include "base/check.h"

namespace pinion {
namespace {

// RFC 9438 4.6: beta_cubic is 0.7; 4.1: C is 0.4 segments a second cubed.
constexpr double kBeta = 0.7, kC = 0.4;

uint32_t beta_of(uint32_t bytes) { return static_cast<uint32_t>(uint64_t{bytes} * 7 / 10); }

// The largest number whose cube is not above x.
uint64_t cube_root(uint64_t x) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 20; bit != 0; bit >>= 1) {
    const uint64_t next = root | bit;
    if (next * next * next <= x) root = next;
  }
  return root;
}

}  // namespace

void Congestion::start(const CongestionConfig& config, CongestionControl which, uint32_t bytes,
                       bool syn_lost) {
  STACK_DCHECK(bytes > 0);
  *this = {};
  control = which;
  smss = bytes;
  // RFC 6928 section 2: min(10 MSS, max(2 MSS, 14600)), with the number of segments configured.
  const uint32_t segments = std::max(config.initial_window_segments, 1u);
  const uint32_t bound = std::max(std::min(segments, 2u) * smss, segments * 1460);
  cwnd = syn_lost ? smss : std::min({segments * smss, bound, config.cwnd_max});
}

void Congestion::set_smss(uint32_t bytes) {
  STACK_DCHECK(bytes > 0);
  if (bytes < smss) cwnd = static_cast<uint32_t>(uint64_t{cwnd} * bytes / smss);
  smss = bytes;
  // A full segment always fits: with nothing in flight nothing would make the window larger.
  cwnd = std::max(cwnd, smss);
  ssthresh = std::max(ssthresh, 2 * smss);
}

void Congestion::set_control(CongestionControl which) {
  control = which;
  cubic_ = {};
  acked_ = 0;
}

void Congestion::on_ack(const CongestionConfig& config, const CongestionAck& ack, Nanos now) {
  if (phase == CongestionPhase::recovery) return reduce_proportionally(ack);
  if (ack.acked == 0) return;
  // Only a window that was used grows (RFC 9438 5.8, RFC 7661): in slow start more than half of it,
  // for it doubles each round; else all of it but what no segment fits in.
  const uint64_t used = phase == CongestionPhase::open ? ack.flight_max : UINT32_MAX;
  if (in_slow_start()) {
    if (used * 2 > cwnd) slow_start(config, ack);
    return;
  }
  if (used + smss > cwnd) avoid(ack, now);
  cwnd = std::min(cwnd, config.cwnd_max);
}

void Congestion::slow_start(const CongestionConfig& config, const CongestionAck& ack) {
  const uint32_t limit = phase == CongestionPhase::loss ? 1 : config.slow_start_limit_segments;
  // Without a limit, what was SACKed before has had its answer: else the ACK that ends a reordering
  // would let it all out at once.
  uint64_t growth =
      std::min<uint64_t>(ack.acked, limit == 0 ? ack.delivered : uint64_t{limit} * smss);
  // Up to ssthresh. It may lie within the growth; the rest is congestion avoidance's, and small.
  growth = std::min<uint64_t>(growth, ssthresh - cwnd);
  cwnd = static_cast<uint32_t>(std::min<uint64_t>(cwnd + growth, config.cwnd_max));
}

void Congestion::avoid(const CongestionAck& ack, Nanos now) {
  switch (control) {
    case CongestionControl::newreno: return avoid_newreno(ack.acked);
    case CongestionControl::cubic: return avoid_cubic(ack.acked, ack.srtt, now);
  }
}

// RFC 5681 3.1 and RFC 3465 2.1: one SMSS for each window of bytes acknowledged.
void Congestion::avoid_newreno(uint32_t acked) {
  acked_ += acked;
  if (acked_ < cwnd) return;
  acked_ -= std::min(acked_, cwnd);
  cwnd += smss;
}

// RFC 9438 4.2 to 4.5. All windows in bytes: a segment of the RFC is smss.
void Congestion::avoid_cubic(uint32_t acked, Nanos srtt, Nanos now) {
  if (!cubic_.epoch) start_epoch(now);
  const double segment = smss;
  const auto window_at = [&](Nanos t) {
    const double s = static_cast<double>(t - cubic_.k) / kSecond;
    return kC * segment * s * s * s + cubic_.w_max;
  };
  const Nanos t = now - cubic_.epoch_start;
  const double window = cwnd;

  // 4.3: as AIMD would do, with the same average; from cwnd_prior on as Reno.
  const double alpha = cubic_.w_est >= cubic_.cwnd_prior ? 1.0 : 3 * (1 - kBeta) / (1 + kBeta);
  cubic_.w_est += alpha * segment * acked / window;

  double next = std::max(window, cubic_.w_est);
  if (window_at(t) >= cubic_.w_est) {
    // 4.4, 4.5; at most half the window more in a round (4.2).
    const double target = std::clamp(window_at(t + srtt), window, 1.5 * window);
    next = window + (target - window) * acked / window;
  }
  cubic_.rest += next - window;
  if (cubic_.rest < 1) return;
  const auto whole = static_cast<uint32_t>(std::min(cubic_.rest, window));
  cubic_.rest -= whole;
  cwnd += whole;
}

// Congestion avoidance begins (4.2), after slow start or a reduction.
void Congestion::start_epoch(Nanos now) {
  cubic_.epoch = true;
  cubic_.epoch_start = now;
  cubic_.w_est = cwnd;
  cubic_.rest = 0;
  // After a timeout (4.8), and with nothing known (4.10), the plateau is here.
  if (cubic_.after_timeout || cubic_.w_max <= cwnd) {
    cubic_.w_max = cwnd;
    cubic_.k = 0;
  } else {  // K = cbrt((W_max - cwnd_epoch) / C), in milliseconds
    const uint64_t cubed = uint64_t{cubic_.w_max - cwnd} * 2'500'000'000u / smss;
    cubic_.k = static_cast<Nanos>(cube_root(cubed)) * kMilli;
  }
  cubic_.after_timeout = false;
}

// ssthresh after a loss: RFC 5681 equation 4, RFC 9438 4.6. flight_size without what limited
// transmit has added (RFC 3042).
void Congestion::set_back(uint32_t flight_size) {
  const uint32_t flight = std::min(flight_size, cwnd);
  acked_ = 0;
  switch (control) {
    case CongestionControl::newreno: ssthresh = std::max(flight / 2, 2 * smss); return;
    case CongestionControl::cubic:
      // 4.7, fast convergence: who has less than before leaves room for a newcomer.
      cubic_.w_max = cwnd < cubic_.w_max ? static_cast<uint32_t>(cwnd * (1 + kBeta) / 2) : cwnd;
      cubic_.cwnd_prior = cwnd;
      cubic_.epoch = false;
      ssthresh = std::max(beta_of(flight), 2 * smss);
      return;
  }
}

void Congestion::enter_recovery(uint32_t flight_size, uint32_t recover_fs) {
  STACK_DCHECK(phase == CongestionPhase::open);
  set_back(flight_size);
  phase = CongestionPhase::recovery;
  prr_delivered_ = prr_out_ = 0;
  recover_fs_ = std::max(recover_fs, 1u);
}

// RFC 9937 section 6.
void Congestion::reduce_proportionally(const CongestionAck& ack) {
  prr_delivered_ += ack.delivered;
  uint64_t send = 0;
  if (ack.pipe > ssthresh) {
    const uint64_t share = (uint64_t{prr_delivered_} * ssthresh + recover_fs_ - 1) / recover_fs_;
    send = share > prr_out_ ? share - prr_out_ : 0;
  } else {
    const uint32_t saved = prr_delivered_ > prr_out_ ? prr_delivered_ - prr_out_ : 0;
    send = std::max(saved, ack.delivered);  // conservation of packets
    const bool safe = ack.acked != 0 && !ack.lost_more;
    if (safe) send += smss;  // one more, as slow start would
    send = std::min<uint64_t>(send, ssthresh - ack.pipe);
  }
  // The fast retransmit leaves at once. And a window below a segment, with nothing in flight that
  // would open it, would wait for the timer.
  if (prr_out_ == 0 || ack.must_send) send = std::max<uint64_t>(send, smss);
  cwnd = static_cast<uint32_t>(std::clamp<uint64_t>(ack.pipe + send, smss, UINT32_MAX));
}

void Congestion::exit_recovery() {
  if (phase == CongestionPhase::recovery) cwnd = ssthresh;
  phase = CongestionPhase::open;
}

void Congestion::on_repaired_loss(uint32_t flight_size) {
  if (phase != CongestionPhase::open) return;
  set_back(flight_size);
  cwnd = std::min(cwnd, ssthresh);
}

void Congestion::on_timeout(uint32_t flight_size, bool again) {
  if (!again) set_back(flight_size);
  cubic_.epoch = false;
  cubic_.after_timeout = true;
  acked_ = 0;
  cwnd = smss;  // the loss window (RFC 5681 3.1)
  phase = CongestionPhase::loss;
}

// RFC 5681 4.1. CUBIC's clock does not run while nothing is sent (RFC 9438 5.8).
void Congestion::on_idle(const CongestionConfig& config, Nanos idle, Nanos rto) {
  if (cubic_.epoch) cubic_.epoch_start += idle;
  if (!config.idle_restart || idle <= rto || phase == CongestionPhase::recovery) return;
  Congestion fresh;
  fresh.start(config, control, smss, false);
  // What was found out stays in ssthresh: at least three quarters of the window (RFC 2861 3).
  if (cwnd > fresh.cwnd) {
    ssthresh = std::max(ssthresh, static_cast<uint32_t>(uint64_t{cwnd} * 3 / 4));
    cwnd = fresh.cwnd;
    cubic_.epoch = false;
  }
}

}  // namespace pinion
