// The congestion window: NewReno (RFC 5681, 6582, 6928) or CUBIC (RFC 9438), with proportional rate
// reduction in recovery (RFC 9937). Called by Loss, which knows what was delivered and lost; it
// does not know segments. All quantities are bytes.
#pragma once
#include "base/types.h"

namespace pinion {

enum class CongestionControl : uint8_t { newreno = 1, cubic = 2 };  // rio.h's numbers

struct CongestionConfig {
  uint32_t initial_window_segments = 10;  // RFC 6928; its bound in bytes holds for MSS > 1460 too
  uint32_t cwnd_max = 1u << 30;
  // Appropriate byte counting (RFC 3465): what one ACK may add in slow start, in segments. 0: no
  // bound but what the ACK delivered. After a timeout it is one (RFC 3465 2.3).
  uint32_t slow_start_limit_segments = 2;
  bool idle_restart = true;  // RFC 5681 4.1
};

enum class CongestionPhase : uint8_t {
  open,      // slow start or congestion avoidance
  recovery,  // fast recovery, until what was sent before it is acknowledged
  loss,      // after a timeout, until what was sent before it is acknowledged: slow start again
};

struct CongestionAck {
  uint32_t acked = 0;       // bytes that the ACK moved SND.UNA by
  uint32_t delivered = 0;   // bytes newly acknowledged or SACKed
  uint32_t pipe = 0;        // RFC 6675's, after the ACK and what it marked lost
  uint32_t flight_max = 0;  // the most that was in flight in the last round: was cwnd used?
  bool must_send = false;   // a segment at least, whatever is in flight (RFC 6582: partial ACK)
  bool lost_more = false;  // the ACK marked more lost, or did not advance: not a SafeACK (RFC 9937)
  Nanos srtt = 0;
};

struct Congestion {
  CongestionControl control = CongestionControl::cubic;
  CongestionPhase phase = CongestionPhase::open;
  uint32_t smss = 0;  // SMSS: payload bytes of a full segment
  uint32_t cwnd = 0;
  uint32_t ssthresh = UINT32_MAX;

  // At establishment. `syn_lost`: the handshake had a retransmission: one segment (RFC 5681 3.1).
  void start(const CongestionConfig& config, CongestionControl which, uint32_t smss, bool syn_lost);
  // The effective MSS has changed (path MTU, option): a smaller one leaves the window as many
  // segments as it was.
  void set_smss(uint32_t bytes);
  // The application chose another one; the window stays.
  void set_control(CongestionControl which);

  bool in_slow_start() const { return cwnd < ssthresh; }

  // Every ACK that acknowledges or SACKs something, or is a duplicate without SACK, in any phase.
  void on_ack(const CongestionConfig& config, const CongestionAck& ack, Nanos now);
  // Loss was detected, and phase is open: fast recovery begins. flight_size: RFC 5681's;
  // recover_fs: RFC 9937's; the ACK that did it follows with on_ack.
  void enter_recovery(uint32_t flight_size, uint32_t recover_fs);
  // What was outstanding at its begin is acknowledged; also ends CongestionPhase::loss.
  void exit_recovery();
  // A loss was found after it had been repaired by a probe (RFC 8985 7.4): as if recovery had begun
  // and ended.
  void on_repaired_loss(uint32_t flight_size);
  // The retransmission timer fired. `again`: for a segment that it has already resent: ssthresh
  // stays (RFC 5681 3.1).
  void on_timeout(uint32_t flight_size, bool again);
  // Any transmission, of new data or again.
  void on_sent(uint32_t bytes) { prr_out_ += bytes; }
  // About to send after nothing was in flight: `idle` since the last transmission.
  void on_idle(const CongestionConfig& config, Nanos idle, Nanos rto);

 private:
  struct Cubic {
    uint32_t w_max = 0;       // 0: none yet
    uint32_t cwnd_prior = 0;  // when the window was last set back
    bool epoch = false;       // congestion avoidance goes on since epoch_start
    bool after_timeout = false;
    Nanos epoch_start = 0;
    Nanos k = 0;
    double w_est = 0;  // bytes
    double rest = 0;   // of cwnd, below a byte
  };

  void set_back(uint32_t flight_size);
  void slow_start(const CongestionConfig& config, const CongestionAck& ack);
  void avoid(const CongestionAck& ack, Nanos now);
  void avoid_newreno(uint32_t acked);
  void avoid_cubic(uint32_t acked, Nanos srtt, Nanos now);
  void reduce_proportionally(const CongestionAck& ack);
  void start_epoch(Nanos now);

  uint32_t acked_ = 0;  // NewReno: bytes since cwnd grew (RFC 3465 2.1)
  uint32_t prr_delivered_ = 0, prr_out_ = 0, recover_fs_ = 0;
  Cubic cubic_;
};

}  // namespace pinion
