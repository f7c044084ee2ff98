// The retransmission timeout (RFC 6298), in nanoseconds, and the minimum RTT over a window of time,
// which RACK asks for (RFC 8985 6.2 step 1). Pure arithmetic: no timer lives here.
#pragma once
#include "base/types.h"

namespace pinion {

struct RttConfig {
  Nanos rto_initial = kSecond;          // RFC 6298 2.1
  Nanos rto_min = 200 * kMilli;         // 2.4 says 1 s; on a LAN a few milliseconds are right
  Nanos rto_max = 120 * kSecond;        // 2.5: at least 60 s
  Nanos rto_syn_timeout = 3 * kSecond;  // 5.7: the least RTO of data after the SYN timed out
  Nanos granularity = kMilli;           // G: how late a timer may be
  Nanos min_rtt_window = 300 * kSecond;
};

struct Rtt {
  Nanos srtt = 0, rttvar = 0;  // 0: nothing measured yet
  uint32_t backoffs = 0;       // timeouts in a row: the RTO is doubled this many times
  uint32_t samples = 0;        // free-running
  Nanos patience = 0;          // the least RTO, for a while: see be_patient

  void start(const RttConfig& config);
  // A round-trip time of a segment that was sent once, or that its timestamp identifies (Karn, RFC
  // 6298 section 3). expected_samples: how many are taken in one window (RFC 7323 appendix G).
  // Ends the backoff.
  void sample(const RttConfig& config, Nanos rtt, Nanos now, uint32_t expected_samples = 1);
  // For the minimum alone: of several segments of one ACK the one sent last, which says the least.
  void note_min(const RttConfig& config, Nanos rtt, Nanos now);
  // The timer fired: 5.5. The doubled value stays until there is a sample.
  void back_off() { backoffs += backoffs < 31; }
  // The peer had what was sent to it again by time alone: it holds its ACKs back, and what was sent
  // twice is no sample, so the RTO would never learn of it. Halved every kPatientFor samples.
  void be_patient(Nanos least) { patience = least; }
  static constexpr uint32_t kPatientFor = 64;
  // The handshake is done, and its SYN or SYN-ACK timed out at least once: 5.7.
  void handshake_timed_out(const RttConfig& config);

  bool measured() const { return srtt != 0; }
  // The RTO with its backoff, rto_min..rto_max.
  Nanos rto(const RttConfig& config) const;
  // Without backoff.
  Nanos base_rto(const RttConfig& config) const;
  // The least of the last min_rtt_window; kNever: nothing measured.
  Nanos min_rtt() const { return least_[0].rtt; }

 private:
  // Samples that are each the least since the one before: the window's least is always the first.
  struct Least {
    Nanos rtt = kNever, at = 0;
  };

  Nanos rto_ = kSecond;
  Least least_[3];
};

}  // namespace pinion
