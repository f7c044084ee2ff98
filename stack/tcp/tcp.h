// Tcp: every connection of a core (RFC 9293). Owned by Net, which brings it segments and ICMP
// errors and sends what it emits; called by rio for its sockets. What happens to a connection goes
// up through socket/stream.h.
#pragma once
#include "base/counters.h"
#include "net/token_bucket.h"
#include "tcp/challenge.h"
#include "tcp/isn.h"
#include "tcp/tcb.h"
#include "tcp/tcp_config.h"
#include "tcp/tcp_state.h"

namespace pinion {

class Net;

// What Tcp takes from the rest of NetConfig.
struct TcpSurroundings {
  uint16_t ephemeral_first = 32768, ephemeral_last = 60999;
  SipKey secret;  // the root
  uint32_t core = 0;
  PortDirectory* directory = nullptr;  // of a Mesh
};

// An ICMP error about a segment of ours, as the error quotes it.
struct TcpIcmpError {
  int error = 0;  // what it says to an application
  bool hard = false;
  bool fragmentation_needed = false;
  bool dont_fragment = false;  // of the segment
  uint16_t mtu = 0;            // fragmentation_needed: of the next hop; 0: not told
  uint16_t total_length = 0;   // of the segment
  Seq seq;
};

class Tcp {
 public:
  Tcp(const TcpConfig& config, const TcpSurroundings& around, Net& net, Counters& counters);
  ~Tcp();
  Tcp(const Tcp&) = delete;
  Tcp& operator=(const Tcp&) = delete;

  // For a socket's owner. All return 0 or a negative errno; the socket is a stream's.

  // Gives the socket a local endpoint; address 0 is the wildcard, port 0 asks for an ephemeral one
  // (RFC 6056). That the address is ours is for the caller to check. -EINVAL: bound already;
  // -EADDRINUSE; -ENOBUFS.
  int bind(Socket& sk, Endpoint local, bool reuse);
  // Of a bound socket. Again: a new backlog. -EINVAL: not bound, or connected; -EADDRINUSE: another
  // listens there; -ENOBUFS.
  int listen(Socket& sk, uint32_t backlog, Nanos now);
  // -EINPROGRESS: stream_connected or stream_failed follows, never within this call. Else nothing
  // has begun: -EINVAL; -EISCONN, -EALREADY: there is a connection; -EADDRINUSE: the 4-tuple is
  // taken; -EADDRNOTAVAIL: no ephemeral port is left; -ENETUNREACH; -ENOBUFS: no TCB.
  int connect(Socket& sk, Endpoint remote, Nanos now);
  // More to send, behind what was appended before: stream_read finds it from now on. Nothing leaves
  // yet. Also before the connection is established. Not after shutdown or close.
  void append(Socket& sk, uint32_t bytes, Nanos now);
  // Sends what the windows allow. `append` once or many times, then `output`.
  void output(Socket& sk, Nanos now);
  // stream_room has grown: a window update leaves, if it is worth one (RFC 9293 3.8.6.2.2).
  void room_grew(Socket& sk, Nanos now);
  // sk.stream, ttl or tos were changed.
  void options_changed(Socket& sk, Nanos now);
  // FIN behind everything appended. -ENOTCONN: there is no connection; -EINPROGRESS never. Again:
  // 0.
  int shutdown(Socket& sk, Nanos now);
  // The owner is done: FIN behind everything appended, and stream_released when it is acknowledged
  // or the connection has failed; at once, within this call, for a socket without a connection
  // (new, bound, listening, failed) and one that has nothing left to send. If the connection has
  // failed, sk.pending_error says why. No upcall but stream_read, stream_acked, stream_give and
  // that one follows. Data that arrives from now on resets the connection (RFC 1122 4.2.2.13). An
  // owner that holds received data which nobody read calls abort instead (RFC 2525 2.17). The local
  // endpoint is free again as far as this socket held it.
  void close(Socket& sk, Nanos now);
  // As close, but the peer gets a RST and nothing goes on: stream_failed(error), unless close was
  // called before, then stream_released, both within this call. For any socket.
  void abort(Socket& sk, int error, Nanos now);
  StreamInfo info(const Socket& sk) const;

  // For Net.

  // A segment that is whole, with a right checksum, from one host to this one. Why it was dropped,
  // if it was.
  Drop input(const TcpSegment& seg, const FourTuple& flow, Nanos now);
  // Of several cores: has this one what the segment is for, a connection or, if it begins one, a
  // listener? What it has not, another one may have.
  bool is_ours(const TcpSegment& seg, const FourTuple& flow, Nanos now) const;
  // False: it is about no connection of ours.
  bool icmp_error(const TcpIcmpError& error, const FourTuple& flow, Nanos now);
  // The end of a pass: what the segments and requests of this pass gave reason to send, ACKs above
  // all. One ACK stands for a burst, and rides on data if there is some.
  void flush(Nanos now);
  void expire(Nanos now);  // timers, a bounded number of them
  Nanos next_deadline() const { return pending_.empty() ? timers_.earliest() : 0; }

  // For status and tests.
  uint32_t tcbs_used() const { return tcbs_.used(); }
  uint32_t segments_used() const { return segments_.used(); }
  uint32_t half_open() const { return half_open_; }
  uint32_t listeners() const { return listeners_.used(); }
  size_t time_waiting() const { return waiting_.size(); }
  size_t orphans() const { return orphans_.size(); }
  const TcpConfig& config() const { return config_; }

 private:
  // While a call works on a TCB it stays where it is, whatever the upcalls of that call cause. The
  // last one to leave sets its timer, or gives it back.
  class Hold {
   public:
    Hold(Tcp& tcp, Tcb& tcb) : tcp_(tcp), tcb_(tcb) { ++tcb_.holds; }
    ~Hold() {
      if (--tcb_.holds == 0) tcp_.settle(tcb_);
    }
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

   private:
    Tcp& tcp_;
    Tcb& tcb_;
  };
  struct NewSegment {
    uint32_t length = 0;  // over SMSS: of several full ones, for the port to cut
    bool fin = false;
    bool push = false;  // whether or not it is the end of what there is
    bool any() const { return length != 0 || fin; }
  };

  // life.cpp
  Tcb* make_tcb(const FourTuple& flow, const Socket& from, Nanos now);
  bool evict(Nanos now);
  void settle(Tcb& tcb);
  void destroy(Tcb& tcb);
  void bury(Tcb& tcb, Nanos now);
  Seq next_iss(const Tcb& old, Nanos now) const;
  void fail(Tcb& tcb, int error, Nanos now);
  void detach(Tcb& tcb, Nanos now);
  void let_go_if_done(Tcb& tcb, Nanos now);
  void establish(Tcb& tcb, const TcpSegment& seg, Nanos now);
  void enter_fin_wait_2(Tcb& tcb, Nanos now);
  void enter_time_wait(Tcb& tcb, Nanos now);
  void queue_fin(Tcb& tcb, Nanos now);
  void pend(Tcb& tcb) {
    if (!pending_.contains(&tcb)) pending_.push_back(&tcb);
  }
  void pend_output(Tcb& tcb);

  // input.cpp: 3.10.7.4
  Drop arrives(Tcb& tcb, const TcpSegment& seg, Nanos now);
  Drop check_timestamp(Tcb& tcb, const TcpSegment& seg, Nanos now);
  Drop check_sequence(Tcb& tcb, const TcpSegment& seg, Nanos now);
  void note_timestamp(Tcb& tcb, const TcpSegment& seg, Nanos now);
  Drop on_reset(Tcb& tcb, const TcpSegment& seg, Nanos now);
  Drop on_syn(Tcb& tcb, const TcpSegment& seg, Nanos now);
  Drop on_handshake_ack(Tcb& tcb, const TcpSegment& seg, Nanos now);
  Drop challenge(Tcb& tcb, Drop why, Nanos now);
  void reply_ack(Tcb& tcb, bool limited, Nanos now);

  // input_ack.cpp: 3.10.7.4, fifth
  Drop on_ack(Tcb& tcb, const TcpSegment& seg, Nanos now);
  void take_probed_byte(Tcb& tcb, const TcpSegment& seg);
  void update_window(Tcb& tcb, const TcpSegment& seg);
  void on_acked(Tcb& tcb, uint32_t acked, bool fin, Nanos now);
  void on_fin_acked(Tcb& tcb, Nanos now);
  Nanos echoed_until(const Tcb& tcb, const TcpSegment& seg, Nanos now) const;

  // input_text.cpp: 3.10.7.4, seventh and eighth
  Drop on_text(Tcb& tcb, const TcpSegment& seg, Nanos now);
  struct InOrder {  // text that begins at RCV.NXT, and whether a FIN stands behind it
    Bytes data;
    bool push = false, fin = false;
    RxTime came;
  };
  Drop take_in_order(Tcb& tcb, const InOrder& text, Nanos now);
  void drain_out_of_order(Tcb& tcb, Nanos now);
  void on_fin(Tcb& tcb, Nanos now);
  void want_ack(Tcb& tcb, Nanos now);

  // input_closed.cpp: 3.10.7.1 to 3.10.7.3
  Drop closed_input(const TcpSegment& seg, const FourTuple& flow, Nanos now);
  Drop unconnected_input(const TcpSegment& seg, const FourTuple& flow, const Seq* iss, Nanos now);
  Drop time_wait_syn(Tcb& tcb, const TcpSegment& seg, const FourTuple& flow, Nanos now);
  Drop syn_sent_input(Tcb& tcb, const TcpSegment& seg, Nanos now);
  void take_syn(Tcb& tcb, const TcpSegment& seg, Nanos now);
  void keep_text(Tcb& tcb, const TcpSegment& seg);

  // listener.cpp
  Drop listen_input(Socket& sk, const TcpSegment& seg, const FourTuple& flow, const Seq* iss,
                    Nanos now);
  bool has_room(const Listener& listener) const;
  Drop answer_syn(Listener& listener, const TcpSegment& seg, const FourTuple& flow, const Seq* iss,
                  Nanos now);
  Drop answer_with_cookie(Listener& listener, const TcpSegment& seg, const FourTuple& flow,
                          Drop why, Nanos now);
  bool counts_cookies(const Listener& listener, Nanos now) const;
  bool acks_cookie(const Tcb& tcb, const TcpSegment& seg, const FourTuple& flow, Nanos now) const;
  Drop cookie_input(Listener& listener, const TcpSegment& seg, const FourTuple& flow, Nanos now);
  bool accept(Tcb& tcb, Nanos now);
  void add_half_open(Listener& listener, Tcb& tcb);
  void remove_half_open(Tcb& tcb);
  void end_listening(Socket& sk);

  // output.cpp
  void transmit(Tcb& tcb, Nanos now);
  int send_lost(Tcb& tcb, uint32_t& left, Nanos now);
  int send_new(Tcb& tcb, uint32_t& left, Nanos now);
  uint32_t full_segments(Tcb& tcb, uint32_t left) const;
  bool another(const Tcb& tcb, uint32_t length) const;
  uint64_t may_leave(const Tcb& tcb) const;
  NewSegment next_new(const Tcb& tcb) const;
  int send_segment(Tcb& tcb, const NewSegment& segment, Nanos now);
  int send_again(Tcb& tcb, const SentSegment& s, Nanos now);
  void send_tail_probe(Tcb& tcb, Nanos now);
  void blocked(Tcb& tcb, int status, Nanos now);
  void arm_waits(Tcb& tcb, Nanos now);

  // segment.cpp
  int emit(Tcb& tcb, uint8_t flags, Seq seq, uint32_t offset, uint32_t length, Nanos now);
  void put_options(Tcb& tcb, uint8_t flags, uint32_t length, Nanos now, TcpOptions& out);
  bool send_ack(Tcb& tcb, Nanos now);
  void send_syn(Tcb& tcb, Nanos now);
  void send_reset(Tcb& tcb, Nanos now);
  void reset_at(Tcb& tcb, uint8_t flags, Seq seq, Nanos now);
  void reply_reset(const TcpSegment& seg, const FourTuple& flow, Nanos now);
  int emit_stateless(TcpSegment& seg, const FourTuple& flow, Nanos now);
  uint32_t ts_now(const Tcb& tcb, Nanos now) const;

  // window.cpp
  void start_receiving(Tcb& tcb);
  uint32_t room(const Tcb& tcb) const;
  Seq next_edge(const Tcb& tcb) const;
  uint32_t buffer(const Tcb& tcb) const;
  bool window_worth_telling(const Tcb& tcb) const;
  uint16_t take_window(Tcb& tcb, bool syn);
  uint8_t scale_for(const StreamOptions& options) const;
  void set_smss(Tcb& tcb);

  // timer.cpp
  void on_timers(Tcb& tcb, Nanos now);
  void on_timer(Tcb& tcb, TcpTimer timer, Nanos now);
  void on_loss_timer(Tcb& tcb, Nanos now);
  void doubt(const Tcb& tcb, Nanos now);
  void on_handshake_timer(Tcb& tcb, Nanos now);
  void on_persist_timer(Tcb& tcb, Nanos now);
  void on_keepalive_timer(Tcb& tcb, Nanos now);
  void arm_handshake(Tcb& tcb, Nanos now);
  void arm_keepalive(Tcb& tcb, Nanos now);
  void arm_user(Tcb& tcb, Nanos now);
  Nanos user_timeout(const Tcb& tcb) const;
  Nanos delayed_ack(const Tcb& tcb) const;

  // icmp.cpp
  void lower_path_mtu(Tcb& tcb, const TcpIcmpError& error);

  Net& net_;
  Counters& counters_;
  const TcpConfig config_;
  LossConfig loss_;
  SipKey isn_key_, timestamp_key_, cookie_key_;
  TcpDemux demux_;
  Pool<Tcb> tcbs_;
  SegmentPool segments_;
  Pool<Listener> listeners_;
  TimerHeap<Tcb, &Tcb::timer> timers_;
  List<Tcb, &Tcb::pending> pending_;
  List<Tcb, &Tcb::waiting> waiting_;   // TIME-WAIT and graves, oldest first
  List<Tcb, &Tcb::orphaned> orphans_;  // the owner has left, and a FIN is still due; oldest first
  uint32_t half_open_ = 0;
  ChallengeLimit challenges_;
  TokenBucket resets_;
};

}  // namespace pinion
