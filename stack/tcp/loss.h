// Loss: what a connection has sent, what became of it, and how it is repaired: cumulative ACK, SACK
// (RFC 2018, 6675, 2883), RACK-TLP (RFC 8985), NewReno without SACK (RFC 5681, 6582, 3042), the
// retransmission timer (RFC 6298), and through Congestion how much may be in flight. One in each
// Tcb; it knows no Tcb, no frame and no window of the peer.
//
//   SND.UNA                                                   SND.NXT
//      | in flight | SACKed | lost | SACKed (merged) | in flight |
//
// The owner calls, in its order of events:
//   established          start
//   there is to send     begin_output once, then as long as quota() is enough for a segment:
//                        first next_lost -> transmit -> retransmitted; if there is none, and
//                        pool.has_room(), new data -> transmit -> sent
//   an acceptable ACK    on_ack; then output
//   deadline() is due    on_timer; what it answers says what to do
//   the end              clear
#pragma once
#include "tcp/congestion.h"
#include "tcp/rtt.h"
#include "tcp/scoreboard.h"
#include "wire/tcp.h"

namespace pinion {

struct LossConfig {
  RttConfig rtt;
  CongestionConfig congestion;
  uint32_t dup_thresh = 3;      // DupThresh (RFC 5681, RFC 6675)
  bool tail_loss_probe = true;  // RFC 8985 7
  // The peer's delayed ACK: added to the PTO when a single segment is in flight (7.2).
  Nanos max_ack_delay = 40 * kMilli;
};

// Of one ACK, which is acceptable: ack <= SND.NXT. One below SND.UNA was overtaken by a later one;
// what it SACKs counts all the same (RFC 6675 section 5: of any ACK).
struct LossAck {
  Seq ack;
  std::span<const SackBlock> sack{};  // as received; what makes no sense is ignored
  // Timestamps: the end of the clock tick whose TSval the segment echoes (that is, the first moment
  // at which TSval was greater). kNever: no timestamps.
  Nanos echoed_until = kNever;
  // It could be a duplicate: no payload, no SYN, no FIN, and the window is the one before (RFC 5681
  // section 2). Only looked at without SACK.
  bool plain = true;
};

struct LossOutcome {
  uint32_t acked = 0;      // bytes that SND.UNA moved by
  uint32_t delivered = 0;  // with those newly SACKed
  bool duplicate = false;  // a duplicate ACK (without SACK: RFC 5681's; else: it SACKed something)
  bool dsack = false;      // the peer got something twice (RFC 2883)
  bool marked_lost = false;
  bool recovery_began = false, recovery_ended = false;
};

enum class LossTimer : uint8_t {
  none,     // nothing was due
  reorder,  // RACK's reordering timer: segments may be lost now. Call output.
  probe,    // PTO: send one segment, whatever quota() says: of new data, if the peer's window
            // allows that, else probe_segment(); tell it as always, then call probe_sent
  timeout,  // RTO: the first segment at least is lost. Decide by timeouts() and oldest_sent_at()
            // whether to go on; if so, call output.
};

struct LossStats {
  uint32_t retransmitted_segments = 0, timeouts = 0, fast_recoveries = 0, probes = 0, dsacks = 0,
           reneged = 0;
  uint64_t retransmitted_bytes = 0;
};

class Loss {
 public:
  Rtt rtt;  // also for SYN, before start
  Congestion congestion;
  LossStats stats;

  // The first byte of data will be `next` (ISS + 1). rtt has been started (and has a sample, if the
  // handshake gave one); smss: payload of a full segment, without the options of each segment.
  void start(const LossConfig& config, Seq next, bool sack, CongestionControl control,
             uint32_t smss, bool syn_lost);
  // The connection ends: all elements go back.
  void clear(SegmentPool& pool);

  // ---- sending
  // Once before a pass of output: restarts the window after idle time (RFC 5681 4.1).
  void begin_output(const LossConfig& config, Nanos now);
  // cwnd - pipe: how many bytes the congestion window allows now, new or again. Send a segment if
  // it is at least as long, or SMSS; the window of the peer is the owner's business.
  uint32_t quota() const;
  // What to send again now, at most max_bytes of it (it is split if it is longer and there is room:
  // else send the first max_bytes). nullptr: nothing is lost. quota() decides whether it may.
  SentSegment* next_lost(SegmentPool& pool, uint32_t max_bytes);
  // `s` was transmitted again (by next_lost or probe_segment). If it did not leave (no frame), do
  // not call this: it stays what it is.
  void retransmitted(const LossConfig& config, SentSegment* s, Nanos now);
  // New data [SND.NXT, SND.NXT + length) was transmitted; a FIN counts one. pool.has_room() was
  // true.
  void sent(const LossConfig& config, SegmentPool& pool, uint32_t length, Nanos now);
  // The last segment sent, for a probe: at most max_bytes from its end. nullptr: none.
  SentSegment* probe_segment(SegmentPool& pool, uint32_t max_bytes);
  // The probe left; `again`: it was probe_segment, not new data. If none could leave: `sent` false.
  void probe_sent(const LossConfig& config, bool sent, bool again, Nanos now);

  // ---- receiving
  LossOutcome on_ack(const LossConfig& config, SegmentPool& pool, const LossAck& ack, Nanos now);

  // ---- time
  Nanos deadline() const;  // the earliest of all three; kNever: none
  LossTimer on_timer(const LossConfig& config, Nanos now);

  // ---- what is the case
  Seq snd_una() const { return snd_una_; }
  Seq snd_nxt() const { return snd_nxt_; }
  uint32_t flight_size() const { return snd_nxt_ - snd_una_; }
  uint32_t pipe() const;  // RFC 6675: what is thought to be in the network
  bool has_lost() const { return board_.lost_bytes() != 0; }
  uint32_t timeouts() const { return timeouts_; }  // since SND.UNA moved last
  // When the oldest unacknowledged byte was sent first; kNever: none is outstanding.
  Nanos oldest_sent_at() const { return board_.empty() ? kNever : board_.front()->first_sent_at; }
  const Scoreboard& scoreboard() const { return board_; }

  // An ICMP error says that nothing longer than a new SMSS passes (RFC 1191): what was longer is
  // lost and is sent again in smaller pieces, without a change of ssthresh.
  void path_mtu_fell(uint32_t smss);

 private:
  // RFC 8985 5.2; names as there. For RACK.xmit_ts stands the number of the transmission: all that
  // leaves in one pass of the core has one time, whether it was sent again or for the first time.
  struct Rack {
    uint32_t nth = 0;
    Seq end_seq;
    Nanos rtt = 0;
    Seq fack;
    bool any = false;  // nth and so on are valid
    bool reordering_seen = false;
    bool in_dsack_round = false;
    Seq dsack_round;
    uint32_t reo_wnd_mult = 1;
    uint32_t reo_wnd_persist = 16;
  };
  struct Tlp {
    bool outstanding = false;  // end_seq is not None
    bool is_retrans = false;
    Seq end_seq;
    uint32_t samples = 0;  // rtt.samples when the last probe left
  };
  // What one ACK has done so far.
  struct Walk {
    const LossConfig& config;
    SegmentPool& pool;
    const LossAck& ack;
    Nanos now;
    LossOutcome out{};
    bool acked_retransmission = false;
    Nanos oldest = kNever, latest = kNever;  // sent_at of segments that can be measured (Karn)
    Nanos sacked = kNever;                   // the same, of those SACKed
    bool dsack_of_probe = false;
    bool reduction_ended = false;  // of fast recovery, not of a timeout
  };

  // loss.cpp
  void take_acked(Walk& walk);
  void take_sacked(Walk& walk, std::span<const SackBlock> blocks);
  SentSegment* mark_block(Walk& walk, SentSegment* s, SackBlock block);
  bool may_split(const SegmentPool& pool) const;
  std::span<const SackBlock> take_dsack(Walk& walk);
  void note_delivered(Walk& walk, const SentSegment& s);
  void count_duplicate(Walk& walk);
  void take_sample(Walk& walk, uint32_t flight_before);
  void detect_loss(Walk& walk);
  void end_recovery(Walk& walk);
  void begin_recovery(uint32_t flight_size, uint32_t delivered);
  void advance_window(const LossConfig& config, const LossOutcome& out, Nanos now);
  void on_rto(const LossConfig& config, Nanos now);
  void mark_lost(SentSegment* s) { board_.mark(s, SegmentFate::lost); }
  // rack.cpp
  void rack_update(const Walk& walk, const SentSegment& s);
  void rack_adapt(bool dsack, bool recovery_ended);
  Nanos rack_reo_wnd(const LossConfig& config) const;
  bool rack_detect_loss(const LossConfig& config, Nanos now);
  void rack_mark_on_rto(const LossConfig& config, Nanos now);
  void tlp_arm(const LossConfig& config, Nanos now);
  void tlp_process_ack(const Walk& walk, uint32_t flight_before);

  Scoreboard board_;
  Seq snd_una_, snd_nxt_;
  Seq recover_;  // RFC 6582: SND.NXT when recovery, or the timeout, began
  bool sack_ = false;
  uint32_t dup_acks_ = 0;  // without SACK: each stands for a segment that has left the network
  uint32_t timeouts_ = 0;
  uint32_t round_pipe_ = 0, last_round_pipe_ = 0;  // the most in flight in this round, in the last
  Seq round_end_;
  Nanos idle_since_ = 0;  // nothing was sent since
  Nanos rto_at_ = kNever, pto_at_ = kNever, reorder_at_ = kNever;
  Rack rack_;
  Tlp tlp_;
};

}  // namespace pinion
