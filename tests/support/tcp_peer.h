// TCP conversations for the packet tests: the remote end of a connection, written in relative
// sequence numbers; an application's stream socket on real rings; and a bed that brings a
// connection of the stack into any of RFC 9293's states. All over Peer, which checks I1 to I7.
#pragma once
#include <optional>
#include <string>

#include "support/peer.h"

namespace pinion::testing {

inline constexpr Endpoint kOurEndpoint{kOurIp, kOurPort};

// A segment. seq counts from its sender's ISS, ack from its receiver's, as the SYN is 0.
struct Seg {
  uint8_t flags = kAck;
  uint32_t seq = 0;
  std::optional<uint32_t> ack = {};  // sent: all that came, if not said. Expected: not compared
  std::string data = {};
  std::optional<uint16_t> window = {};
  std::optional<std::string> options = {};  // sent, if not said: what was negotiated
  uint16_t urgent = 0;
  std::optional<uint16_t> checksum = {};
  uint8_t tos = 0;
};

// The remote end of one connection.
class TcpEnd {
 public:
  explicit TcpEnd(Peer& peer, Endpoint remote = kPeerEndpoint, Endpoint local = kOurEndpoint)
      : remote(remote), local(local), peer_(peer) {}

  Packet frame(const Seg& seg) const;
  void sends(const Seg& seg) { peer_.sends(frame(seg)); }
  void queues(const Seg& seg) { peer_.queues(frame(seg)); }
  // Why it is dropped, if it is.
  Drop reaction_to(const Seg& seg) { return peer_.reaction_to(frame(seg)); }

  // The next frame is this segment of this connection: flags (PSH aside), seq, data; ack, window
  // and options where they are said. Times of retransmission are the test's own business.
  Decoded expects(const Seg& seg, Where where = Where::current());
  // The next frame is a segment of this connection; its fields, the numbers relative.
  Seg expects_any(Where where = Where::current());
  void expects_nothing(Where where = Where::current()) { peer_.expects_nothing(where); }
  // Segments of full size with the stream's bytes [from, to) leave; data is not compared.
  void expects_data(uint32_t from, uint32_t to, uint32_t segment_bytes,
                    Where where = Where::current());
  // What has left, relative; nothing of it is judged.
  std::vector<Seg> take_all(Where where = Where::current());

  Endpoint remote, local;
  uint32_t iss = 1000;
  uint32_t irs = 0;  // the stack's, known from its SYN
  uint16_t window = 0xffff;
  bool timestamps = false;  // negotiated: in every segment
  uint32_t ts_ahead = 5000;  // of our clock of milliseconds
  uint32_t ts_echo = 0;      // the stack's last
  uint32_t ts_now() const { return ts_ahead + static_cast<uint32_t>(peer_.now / kMilli); }
  uint32_t received = 0;  // of the stack's numbers, relative: one behind the last that came

 private:
  Seg relative(const Decoded& decoded);

  Peer& peer_;
};

struct StreamSocketOptions {
  uint32_t session = 0;
  Endpoint local = kOurEndpoint;  // port 0: not bound
  uint32_t receives = 16, sends = 16;
  uint32_t queue_flags = 0;
  bool queue = true;
};

// A stream socket of an application, with queues of its own.
class TcpSocket {
 public:
  explicit TcpSocket(Peer& peer, StreamSocketOptions options = {});
  // One that was accepted.
  TcpSocket(Peer& peer, StreamSocketOptions options, uint32_t handle);

  int listen(uint32_t backlog = 8);
  std::optional<uint32_t> accept();  // a handle; nothing: none yet
  rio_control accept_reply();
  int connect(Endpoint remote = kPeerEndpoint);
  int connect_status();
  int shutdown();
  int close();
  void create_queue();

  // Posts; no pass runs.
  void receive(uint64_t context, uint32_t length = 2048, uint16_t flags = 0);
  void send(const std::string& text, uint64_t context = 0, uint16_t flags = 0);
  void commit() { app().commit(rq_); }

  rio_abi_completion expects_completion(Where where = Where::current());
  void expects_sent(uint64_t context, Where where = Where::current());
  void expects_failed(uint64_t context, int32_t status, Where where = Where::current());
  std::string expects_received(uint64_t context, Where where = Where::current());
  // The stream has ended: status 0 and no bytes.
  void expects_end(uint64_t context, Where where = Where::current());
  void expects_no_completion(Where where = Where::current());

  int set_option(uint32_t option, uint64_t value);
  int64_t option(uint32_t option);
  TcpState state() { return static_cast<TcpState>(option(RIO_SO_STATE)); }
  int error() { return static_cast<int>(option(RIO_SO_ERROR)); }
  std::string area(uint64_t context, uint32_t length);
  Endpoint name(bool peer);

  RawApp& app() { return peer_.app(options_.session); }
  RawRq& rq() { return rq_; }
  RawCq& cq() { return cq_; }
  uint32_t handle() const { return handle_; }

 private:
  rio_control call(uint16_t opcode, uint32_t a = 0, uint64_t size = 0,
                   std::optional<Endpoint> address = {});

  Peer& peer_;
  StreamSocketOptions options_;
  uint32_t handle_ = 0;
  RawCq cq_;
  RawRq rq_;
  std::map<uint64_t, uint32_t> areas_;  // by context
};

struct TcpBedOptions {
  PeerOptions peer = {};
  std::string syn_options = mss(1460);  // of the remote end
  uint32_t iss = 1000;                  // of the remote end
  uint16_t window = 0xffff;
  bool active = false;  // the stack's application connects; else it listens
  StreamSocketOptions socket = {};
  uint32_t backlog = 8;
  bool pinned = true;  // the remote end's address; else it was learned, and may change
};

// A stack with one connection.
class TcpBed {
 public:
  explicit TcpBed(TcpBedOptions options = {});
  TcpBed(TcpState state, TcpBedOptions options = {}) : TcpBed(std::move(options)) { reach(state); }

  // From CLOSED into that state; every way there is RFC 9293's figure 5. Nothing is left to be
  // expected. LISTEN and SYN-RECEIVED have a listener, the others beyond SYN-SENT a socket.
  void reach(TcpState state, Where where = Where::current());
  void wait(Nanos duration) { peer.wait(duration); }
  void expects_state(TcpState state, Where where = Where::current());

  Peer peer;
  TcpEnd remote;
  std::optional<TcpSocket> listener, socket;
  // The relative number that each end sends next, and that the other expects.
  uint32_t ours = 1, theirs = 1;

 private:
  void open(TcpState state);
  void open_actively(TcpState state);
  void open_passively(TcpState state);
  void close_first(TcpState state);
  void close_second(TcpState state);

  TcpBedOptions options_;
};

// The states in which a connection is synchronised.
inline constexpr TcpState kSynchronised[] = {
    TcpState::established, TcpState::fin_wait_1, TcpState::fin_wait_2, TcpState::close_wait,
    TcpState::closing,     TcpState::last_ack,   TcpState::time_wait};

}  // namespace pinion::testing
