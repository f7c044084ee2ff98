// Out-of-order data of one connection, held in the owner's chunks until what is missing arrives
// (RFC 9293 SHLD-31), and the SACK blocks that tell the peer of it (RFC 2018, RFC 2883). Bounded by
// chunks, not by payload: what a peer can make us hold is real memory.
#pragma once
#include "base/seq.h"
#include "base/types.h"
#include "socket/stream.h"
#include "wire/tcp.h"

namespace pinion {

class OooQueue {
 public:
  bool empty() const { return head_ == nullptr && !has_fin_; }
  uint32_t chunks() const { return chunks_; }

  // Data of a segment inside the receive window and beyond RCV.NXT (of what is below, nothing is
  // stored; what begins at RCV.NXT may wait here for the owner's room). `fin`: a FIN stands behind
  // it. Bytes that are there already are kept as they were. Returns how many bytes were stored;
  // what was not (no chunk within chunks_max, or stream_take had none) counts as never received. A
  // part that was there before becomes a D-SACK. `came`: when the segment did.
  uint32_t insert(Socket& sk, Seq rcv_nxt, Seq seq, Bytes data, bool fin, uint32_t chunks_max,
                  const RxTime& came);

  // A part of a segment that lies below RCV.NXT, or all of it: it came twice (RFC 2883).
  void note_duplicate(Seq left, Seq right);
  // [left, right) came in order: a part of it may be here already.
  void note_overlap(Seq left, Seq right);

  // After rcv_nxt moved: what is in order now goes up by stream_deliver; chunks below rcv_nxt go
  // back. Returns the bytes delivered: rcv_nxt moves by that. If the owner takes less, the rest
  // stays; call again when there is room.
  uint32_t deliver(Socket& sk, Seq rcv_nxt, Nanos now);
  // All is delivered, and the FIN that came out of order is next: RCV.NXT passes it.
  bool fin_is_next(Seq rcv_nxt) const { return has_fin_ && fin_ == rcv_nxt; }

  // Whether an ACK should tell something: runs or a duplicate.
  bool has_sack(Seq rcv_nxt) const;
  // Writes at most `most` blocks: a D-SACK first if there is one (told once), then the run that has
  // the segment that came last, then those that were told last, then others. Returns how many.
  uint32_t sack_blocks(Seq rcv_nxt, SackBlock* out, uint32_t most);

  // The connection ends, or nothing of this is wanted any more: the chunks go back.
  void clear(Socket& sk);

 private:
  static constexpr uint32_t kRecent = TcpOptions::kSackBlocksMax;

  uint32_t store(Socket& sk, StreamChunk*& after, Seq seq, Bytes data, uint32_t chunks_max,
                 const RxTime& came);
  void drop_head(Socket& sk);
  SackBlock run_at(Seq seq) const;
  // The run that begins with c; c becomes the first chunk behind it.
  static SackBlock run_from(const StreamChunk*& c);
  void note_recent(Seq seq);
  static Seq begin(const StreamChunk* c) { return {c->seq}; }
  static Seq end(const StreamChunk* c) { return Seq{c->seq} + c->length; }

  StreamChunk* head_ = nullptr;  // by seq; they do not overlap
  StreamChunk* tail_ = nullptr;
  uint32_t chunks_ = 0;
  Seq recent_[kRecent];  // where segments came last, newest first
  uint32_t recent_count_ = 0;
  bool has_duplicate_ = false;
  SackBlock duplicate_;
  bool has_fin_ = false;
  Seq fin_;
};

}  // namespace pinion
