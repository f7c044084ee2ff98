#include "tcp/loss.h"

#include <algorithm>
#include <array>

#include "base/check.h"

namespace pinion {

void Loss::start(const LossConfig& config, Seq next, bool sack, CongestionControl control,
                 uint32_t smss, bool syn_lost) {
  STACK_DCHECK(board_.empty());
  congestion.start(config.congestion, control, smss, syn_lost);
  if (syn_lost) rtt.handshake_timed_out(config.rtt);
  snd_una_ = snd_nxt_ = round_end_ = rack_.fack = next;
  recover_ = next - 1;  // ISS (RFC 6582 3.2 step 1)
  sack_ = sack;
}

void Loss::clear(SegmentPool& pool) {
  board_.clear(pool);
  snd_una_ = snd_nxt_;
  rto_at_ = pto_at_ = reorder_at_ = kNever;
}

// ---- sending

void Loss::begin_output(const LossConfig& config, Nanos now) {
  if (!board_.empty()) return;
  congestion.on_idle(config.congestion, now - idle_since_, rtt.rto(config.rtt));
  idle_since_ = now;
}

uint32_t Loss::pipe() const {
  const uint64_t left = uint64_t{dup_acks_} * congestion.smss;
  const uint32_t in_flight = board_.in_flight_bytes();
  return in_flight > left ? static_cast<uint32_t>(in_flight - left) : 0;
}

uint32_t Loss::quota() const {
  const uint32_t used = pipe();
  return congestion.cwnd > used ? congestion.cwnd - used : 0;
}

SentSegment* Loss::next_lost(SegmentPool& pool, uint32_t max_bytes) {
  STACK_DCHECK(max_bytes > 0);
  SentSegment* s = board_.first_lost();
  if (s != nullptr && s->length > max_bytes) board_.split(pool, s, s->seq + max_bytes);
  return s;
}

void Loss::retransmitted(const LossConfig& config, SentSegment* s, Nanos now) {
  board_.resent(s, now);
  ++stats.retransmitted_segments;
  stats.retransmitted_bytes += s->length;
  congestion.on_sent(s->length);
  idle_since_ = now;
  round_pipe_ = std::max(round_pipe_, pipe());
  // The oldest has a new chance, and a whole RTO for it.
  if (s == board_.front()) rto_at_ = now + rtt.rto(config.rtt);
}

void Loss::sent(const LossConfig& config, SegmentPool& pool, uint32_t length, Nanos now) {
  board_.push(pool, snd_nxt_, length, now);
  snd_nxt_ += length;
  congestion.on_sent(length);
  idle_since_ = now;
  round_pipe_ = std::max(round_pipe_, pipe());
  if (rto_at_ == kNever) rto_at_ = now + rtt.rto(config.rtt);  // RFC 6298 5.1
  tlp_arm(config, now);
}

SentSegment* Loss::probe_segment(SegmentPool& pool, uint32_t max_bytes) {
  SentSegment* s = board_.back();
  if (s == nullptr || s->length <= max_bytes) return s;
  return board_.split(pool, s, s->end() - max_bytes) ? board_.back() : nullptr;
}

void Loss::probe_sent(const LossConfig& config, bool sent, bool again, Nanos now) {
  pto_at_ = kNever;
  if (!sent) return;  // the RTO goes on
  ++stats.probes;
  tlp_ = {true, again, snd_nxt_, rtt.samples};
  rto_at_ = now + rtt.rto(config.rtt);  // RFC 8985 7.3
}

void Loss::path_mtu_fell(uint32_t smss) {
  congestion.set_smss(smss);
  for (SentSegment* s = board_.front(); s != nullptr; s = Scoreboard::next(s)) {
    if (s->fate == SegmentFate::in_flight && s->length > smss) mark_lost(s);
  }
}

// ---- an ACK

LossOutcome Loss::on_ack(const LossConfig& config, SegmentPool& pool, const LossAck& ack,
                         Nanos now) {
  STACK_DCHECK(ack.ack <= snd_nxt_);
  if (ack.ack < snd_una_ && (!sack_ || ack.sack.empty())) return {};
  Walk walk{config, pool, ack, now};
  const uint32_t flight_before = flight_size();
  round_pipe_ = std::max(round_pipe_, pipe());
  const std::span<const SackBlock> blocks = take_dsack(walk);
  take_acked(walk);
  take_sacked(walk, blocks);
  count_duplicate(walk);
  take_sample(walk, flight_before);
  end_recovery(walk);
  tlp_process_ack(walk, flight_before);
  rack_adapt(walk.out.dsack, walk.out.recovery_ended);
  detect_loss(walk);
  if (congestion.phase == CongestionPhase::open && has_lost() &&
      (walk.out.marked_lost || walk.out.recovery_ended)) {
    begin_recovery(flight_before, walk.out.delivered);
    walk.out.recovery_began = true;
  }
  // The ACK that ends a fast recovery sets cwnd to ssthresh, and no more (RFC 6582 3.2 step 3).
  if (!walk.reduction_ended || walk.out.recovery_began) advance_window(config, walk.out, now);
  if (walk.out.acked != 0) {
    timeouts_ = 0;
    rto_at_ = board_.empty() ? kNever : now + rtt.rto(config.rtt);  // RFC 6298 5.2, 5.3
  }
  if (walk.out.delivered != 0) tlp_arm(config, now);
  return walk.out;
}

// RFC 2883 section 4: a first block below the ACK, or within the second, tells of what came twice.
// Only what we sent twice counts: the network's own copies are none of our doing. Returns the rest.
std::span<const SackBlock> Loss::take_dsack(Walk& walk) {
  const std::span<const SackBlock> all = walk.ack.sack;
  if (!sack_ || all.empty()) return {};
  const SackBlock& first = all[0];
  if (first.right <= first.left || snd_nxt_ < first.right) return all;
  const bool below = first.right <= walk.ack.ack;
  const bool within = all.size() > 1 && all[1].left <= first.left && first.right <= all[1].right;
  if (!below && !within) return all;
  if (stats.retransmitted_segments != 0) {
    walk.out.dsack = true;
    ++stats.dsacks;
    walk.dsack_of_probe = tlp_.outstanding && first.right == tlp_.end_seq;
    // A quarter more, for a timer of the peer's that is late.
    if (walk.dsack_of_probe) rtt.be_patient(walk.config.max_ack_delay / 4 * 5);
  }
  return all.subspan(1);
}

// What is acknowledged or SACKed for the first time.
void Loss::note_delivered(Walk& walk, const SentSegment& s) {
  walk.out.delivered += s.length;
  if (sack_) rack_update(walk, s);
  if (s.retransmissions != 0) return;
  walk.latest = walk.latest == kNever ? s.sent_at : std::max(walk.latest, s.sent_at);
}

void Loss::take_acked(Walk& walk) {
  const Seq ack = max(walk.ack.ack, snd_una_);
  walk.out.acked = ack - snd_una_;
  for (SentSegment* s = board_.front(); s != nullptr && s->seq < ack; s = board_.front()) {
    if (s->retransmissions != 0) walk.acked_retransmission = true;
    if (ack < s->end()) {
      if (s->fate != SegmentFate::sacked) walk.out.delivered += ack - s->seq;
      board_.trim_front(s, ack);
      break;
    }
    if (s->fate != SegmentFate::sacked) {
      if (walk.oldest == kNever && s->retransmissions == 0) walk.oldest = s->sent_at;
      note_delivered(walk, *s);
    }
    board_.drop_front(walk.pool, s);
  }
  snd_una_ = ack;
  if (round_end_ <= snd_una_) {
    last_round_pipe_ = round_pipe_;
    round_pipe_ = pipe();
    round_end_ = snd_nxt_;
  }
}

void Loss::take_sacked(Walk& walk, std::span<const SackBlock> blocks) {
  // By sequence number: a higher block first would look like reordering.
  std::array<SackBlock, TcpOptions::kSackBlocksMax> sorted;
  size_t count = 0;
  for (const SackBlock& b : blocks.first(std::min(blocks.size(), sorted.size()))) {
    const Seq left = max(b.left, snd_una_);
    // Of bytes that are acknowledged, or were never sent (RFC 2018 says nothing of such).
    if (b.right <= left || snd_nxt_ < b.right || b.right <= b.left) continue;
    size_t at = count++;
    for (; at > 0 && left < sorted[at - 1].left; --at) sorted[at] = sorted[at - 1];
    sorted[at] = {left, b.right};
  }
  SentSegment* s = board_.front();
  for (size_t i = 0; i < count && s != nullptr; ++i) s = mark_block(walk, s, sorted[i]);
}

// From s on. Returns where the next block may begin.
SentSegment* Loss::mark_block(Walk& walk, SentSegment* s, SackBlock block) {
  while (s != nullptr && s->end() <= block.left) s = Scoreboard::next(s);
  while (s != nullptr && s->seq < block.right) {
    SentSegment* const next = Scoreboard::next(s);
    if (s->fate == SegmentFate::sacked) {
      s = next;
      continue;
    }
    if (s->seq < block.left) {  // its end only
      if (!may_split(walk.pool) || !board_.split(walk.pool, s, block.left)) {
        s = next;
        continue;
      }
      s = Scoreboard::next(s);
    }
    if (block.right < s->end()) {  // its begin only
      if (!may_split(walk.pool) || !board_.split(walk.pool, s, block.right)) return s;
    }
    if (walk.sacked == kNever && s->retransmissions == 0) walk.sacked = s->sent_at;
    note_delivered(walk, *s);
    board_.mark(s, SegmentFate::sacked);
    s = Scoreboard::next(board_.merge_sacked(walk.pool, s));
  }
  return s;
}

// A peer that SACKs crumbs gets no more elements than a few for each full segment: what is not
// split counts as not SACKed.
bool Loss::may_split(const SegmentPool& pool) const {
  return pool.has_room() && board_.segments() < 2 * (flight_size() / congestion.smss + 4);
}

// RFC 5681's duplicate ACKs, without SACK: each tells that one segment more has arrived. After a
// timeout they may be of anything, and tell nothing (RFC 6582 section 4).
void Loss::count_duplicate(Walk& walk) {
  LossOutcome& out = walk.out;
  if (sack_) {
    out.duplicate = out.acked == 0 && out.delivered != 0;
    return;
  }
  const uint32_t smss = congestion.smss;
  if (out.acked == 0) {
    out.duplicate = walk.ack.plain && !board_.empty();
    if (!out.duplicate || congestion.phase == CongestionPhase::loss || pipe() == 0) return;
    ++dup_acks_;
    out.delivered = smss;
    return;
  }
  // Of what the ACK covers, all but the segment that filled the hole were counted already.
  const uint32_t counted = std::min(dup_acks_, (out.acked - 1) / smss);
  out.delivered = std::max(out.acked - counted * smss, std::min(out.acked, smss));
  dup_acks_ = congestion.phase == CongestionPhase::recovery ? dup_acks_ - counted : 0;
}

// Karn (RFC 6298 section 3): never of what was sent again; nor, without SACK, of what may have
// waited at the peer for it.
void Loss::take_sample(Walk& walk, uint32_t flight_before) {
  Nanos sent_at = walk.acked_retransmission ? kNever : walk.oldest;
  if (sent_at == kNever) sent_at = walk.sacked;
  // Of one that is sampled as well, the sample notes it.
  const bool several = walk.latest != kNever && walk.latest != sent_at;
  if (several && (sack_ || !walk.acked_retransmission))
    rtt.note_min(walk.config.rtt, walk.now - walk.latest, walk.now);
  if (sent_at == kNever) return;
  const uint32_t window = 2 * congestion.smss;
  const uint32_t samples = flight_before < window ? 1 : flight_before / window + 1;
  rtt.sample(walk.config.rtt, walk.now - sent_at, walk.now, samples);
}

// ---- loss

void Loss::end_recovery(Walk& walk) {
  if (congestion.phase == CongestionPhase::open || snd_una_ < recover_) return;
  walk.reduction_ended = congestion.phase == CongestionPhase::recovery;
  congestion.exit_recovery();
  dup_acks_ = 0;
  walk.out.recovery_ended = true;
}

void Loss::detect_loss(Walk& walk) {
  if (sack_) {
    walk.out.marked_lost = rack_detect_loss(walk.config, walk.now);
    return;
  }
  SentSegment* first = board_.front();
  if (first == nullptr || first->fate == SegmentFate::lost) return;
  switch (congestion.phase) {
    case CongestionPhase::open:  // RFC 6582 3.2 step 2: not for what was sent before `recover`
      if (dup_acks_ < walk.config.dup_thresh || snd_una_ <= recover_) return;
      break;
    case CongestionPhase::recovery:  // a partial ACK: the next hole begins where it ends
      if (walk.out.acked == 0) return;
      break;
    case CongestionPhase::loss: return;
  }
  mark_lost(first);
  walk.out.marked_lost = true;
}

void Loss::begin_recovery(uint32_t flight, uint32_t delivered) {
  ++stats.fast_recoveries;
  recover_ = snd_nxt_;
  tlp_.outstanding = false;
  pto_at_ = kNever;
  // RecoverFS of RFC 9937 section 6: without what was SACKed before this ACK.
  const uint32_t gone = sack_ ? board_.sacked_bytes() : dup_acks_ * congestion.smss;
  const uint32_t outstanding = flight_size();
  congestion.enter_recovery(flight, (outstanding > gone ? outstanding - gone : 0) + delivered);
}

void Loss::advance_window(const LossConfig& config, const LossOutcome& out, Nanos now) {
  if (out.delivered == 0 && out.acked == 0 && !out.marked_lost) return;
  congestion.on_ack(config.congestion,
                    {.acked = out.acked,
                     .delivered = out.delivered,
                     .pipe = pipe(),
                     .flight_max = std::max(round_pipe_, last_round_pipe_),
                     .must_send = !sack_ && out.marked_lost,
                     .lost_more = out.marked_lost,
                     .srtt = rtt.srtt},
                    now);
}

// ---- time

Nanos Loss::deadline() const { return std::min({rto_at_, pto_at_, reorder_at_}); }

LossTimer Loss::on_timer(const LossConfig& config, Nanos now) {
  if (reorder_at_ <= now) {
    LossOutcome out;
    out.marked_lost = rack_detect_loss(config, now);
    if (out.marked_lost && congestion.phase == CongestionPhase::open) {
      begin_recovery(flight_size(), 0);
    }
    advance_window(config, out, now);
    return LossTimer::reorder;
  }
  if (pto_at_ <= now) {
    pto_at_ = kNever;
    // RFC 8985 7.3: at most one probe for each RTT that was measured.
    if (!board_.empty() && rtt.samples != tlp_.samples) return LossTimer::probe;
  }
  if (rto_at_ > now) return LossTimer::none;
  rto_at_ = kNever;
  if (board_.empty()) return LossTimer::none;
  on_rto(config, now);
  return LossTimer::timeout;
}

void Loss::on_rto(const LossConfig& config, Nanos now) {
  ++stats.timeouts;
  ++timeouts_;
  SentSegment* first = board_.front();
  congestion.on_timeout(flight_size(), first->timed_out);
  if (first->fate == SegmentFate::sacked) {  // the peer has let go of it (RFC 2018 section 8)
    ++stats.reneged;
    for (SentSegment* s = first; s != nullptr; s = Scoreboard::next(s)) mark_lost(s);
  } else if (sack_) {
    rack_mark_on_rto(config, now);
  } else {
    for (SentSegment* s = first; s != nullptr; s = Scoreboard::next(s)) mark_lost(s);
  }
  first->timed_out = true;
  recover_ = snd_nxt_;  // RFC 6582 3.2 step 4
  dup_acks_ = 0;
  tlp_.outstanding = false;
  pto_at_ = reorder_at_ = kNever;
  rtt.back_off();
  rto_at_ = now + rtt.rto(config.rtt);
}

}  // namespace pinion
