// RACK-TLP (RFC 8985): which segments are lost, by the time at which they and what was delivered
// were sent; and a probe for the tail, behind which nothing is delivered. A part of Loss.
#include <algorithm>

#include "base/check.h"
#include "tcp/loss.h"

namespace pinion {
namespace {

// RACK_sent_after (6.1). Parts of what was one segment were sent at once: there the end decides.
bool sent_after(uint32_t n1, Seq end1, uint32_t n2, Seq end2) {
  return n1 == n2 ? end2 < end1 : static_cast<int32_t>(n1 - n2) > 0;
}

}  // namespace

// Steps 2 and 3 of 6.2, for a segment that is newly acknowledged or SACKed.
void Loss::rack_update(const Walk& walk, const SentSegment& s) {
  if (rack_.fack < s.end()) rack_.fack = s.end();
  else if (s.end() < rack_.fack && s.retransmissions == 0) rack_.reordering_seen = true;

  const Nanos measured = walk.now - s.sent_at;
  // Sent again, and yet it is the first transmission that has arrived: says its timestamp, or the
  // time, which is too short.
  if (s.retransmissions != 0 && (walk.ack.echoed_until <= s.sent_at || measured < rtt.min_rtt())) {
    return;
  }
  rack_.rtt = measured;
  if (!rack_.any || sent_after(s.nth, s.end(), rack_.nth, rack_.end_seq)) {
    rack_.any = true;
    rack_.nth = s.nth;
    rack_.end_seq = s.end();
  }
}

// Step 4: the reordering window grows by each round that had a D-SACK, and is small again after 16
// recoveries without.
void Loss::rack_adapt(bool dsack, bool recovery_ended) {
  if (!sack_) return;
  if (rack_.in_dsack_round && rack_.dsack_round <= snd_una_) rack_.in_dsack_round = false;
  if (dsack && !rack_.in_dsack_round) {
    rack_.in_dsack_round = true;
    rack_.dsack_round = snd_nxt_;
    rack_.reo_wnd_mult += rack_.reo_wnd_mult < UINT16_MAX;
    rack_.reo_wnd_persist = 16;
  } else if (recovery_ended) {
    if (rack_.reo_wnd_persist > 0) --rack_.reo_wnd_persist;
    if (rack_.reo_wnd_persist == 0) rack_.reo_wnd_mult = 1;
  }
}

Nanos Loss::rack_reo_wnd(const LossConfig& config) const {
  if (!rack_.reordering_seen && (congestion.phase != CongestionPhase::open ||
                                 board_.sacked_segments() >= config.dup_thresh)) {
    return 0;
  }
  const Nanos least = rtt.min_rtt() == kNever ? rtt.srtt : rtt.min_rtt();
  return std::min(rack_.reo_wnd_mult * (least / 4), rtt.srtt);
}

// Step 5. Those in flight stand in the order in which they were sent: the first that was sent after
// what was delivered ends it. Arms the reordering timer for those that have time left.
bool Loss::rack_detect_loss(const LossConfig& config, Nanos now) {
  reorder_at_ = kNever;
  if (!rack_.any) return false;
  const Nanos patience = rack_.rtt + rack_reo_wnd(config);
  bool marked = false;
  for (SentSegment* s = board_.earliest_sent(); s != nullptr;) {
    if (!sent_after(rack_.nth, rack_.end_seq, s->nth, s->end())) break;
    SentSegment* const next = Scoreboard::next_sent(s);
    if (s->sent_at + patience <= now) {
      mark_lost(s);
      marked = true;
    } else {
      reorder_at_ = s->sent_at + patience;  // the latest of them
    }
    s = next;
  }
  return marked;
}

// 6.3: the first, and what was sent so long ago that its ACK should be here.
void Loss::rack_mark_on_rto(const LossConfig& config, Nanos now) {
  const Nanos patience = rack_.rtt + rack_reo_wnd(config);
  for (SentSegment* s = board_.earliest_sent(); s != nullptr;) {
    SentSegment* const next = Scoreboard::next_sent(s);
    if (s->sent_at + patience > now) break;
    mark_lost(s);
    s = next;
  }
  mark_lost(board_.front());
}

// 7.2: after new data was sent, or acknowledged. Not while loss is being repaired or suspected, and
// not for a probe.
void Loss::tlp_arm(const LossConfig& config, Nanos now) {
  pto_at_ = kNever;
  if (!config.tail_loss_probe || !sack_ || board_.empty() || tlp_.outstanding ||
      congestion.phase != CongestionPhase::open || board_.sacked_bytes() != 0) {
    return;
  }
  Nanos pto = rtt.measured() ? std::max(2 * rtt.srtt, config.rtt.granularity) : kSecond;
  if (board_.segments() == 1) pto = std::max(pto + config.max_ack_delay, rtt.patience);
  pto_at_ = std::min(now + pto, rto_at_);
}

// 7.4.2: whether a probe that was a retransmission has repaired a loss, of which nobody else tells.
void Loss::tlp_process_ack(const Walk& walk, uint32_t flight_before) {
  if (!tlp_.outstanding || walk.ack.ack < tlp_.end_seq) return;
  const bool beyond = tlp_.end_seq < walk.ack.ack;
  // Both have arrived: a D-SACK says so, or a duplicate of a peer that knows none.
  const bool twice = walk.dsack_of_probe ||
                     (!beyond && walk.out.acked == 0 && walk.ack.plain && walk.ack.sack.empty());
  if (tlp_.is_retrans && !twice && !beyond) return;  // a later ACK will tell
  tlp_.outstanding = false;
  if (tlp_.is_retrans && !twice) congestion.on_repaired_loss(flight_before);
}

}  // namespace pinion
