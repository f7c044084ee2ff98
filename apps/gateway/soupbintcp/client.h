// The client's side of a SoupBinTCP 3.00 session, without a socket: told what happens to the
// connection and what comes, it says what to send and when to connect or close. The caller owns
// the transport and the buffers. Sequenced messages are counted here, so after a break the login
// asks for what is missing and every message is delivered once, in order.
//
//     down --connect--> connecting --> login_sent --A--> active --Z--> ended
//      ^                    |              | J: rejected    |
//      +---- back-off ------+--- break, silence, error -----+
#pragma once
#include "gateway/soupbintcp/soupbintcp.h"

namespace pinion::soupbintcp {

struct ClientConfig {
  Alpha<6> username = Alpha<6>::of("");
  Alpha<10> password = Alpha<10>::of("");
  Nanos heartbeat = kSecond;
  Nanos peer_timeout = 15 * kSecond;  // of silence, also for the connection and the login's answer
  Nanos reconnect_first = 100 * kMilli;
  Nanos reconnect_max = 5 * kSecond;
};

enum class ClientState : uint8_t {
  down,        // waits for its time to connect
  connecting,  // the transport is at it
  login_sent,
  active,
  ended,     // the server ended the session: nothing more will come
  rejected,  // the login: not tried again with the same credentials
  failed,    // the server's stream is not the one we know: a person must look
};

enum class ClientFault : uint8_t {
  none,
  malformed,           // a packet without a type, or shorter than its layout
  unexpected,          // a packet that has no place in this state
  silence,             // of the server
  session_changed,     // another session than the one we resume
  sequence_went_back,  // the server would send again what it had sent: it lost its memory
};

const char* text_of(ClientFault fault);

class Client {
 public:
  explicit Client(const ClientConfig& config) : config_(config), backoff_(config.reconnect_first) {}

  // Where to go on: after a restart, what the journal knows. Only while down.
  void resume(const Alpha<10>& session, uint64_t next_sequence) {
    session_ = session;
    next_ = next_sequence;
  }

  ClientState state() const { return state_; }
  ClientFault fault() const { return fault_; }  // why the connection was last given up
  char reject_reason() const { return reject_reason_; }
  const Alpha<10>& session() const { return session_; }
  uint64_t next_sequence() const { return next_; }
  uint64_t missed() const { return missed_; }  // messages that the server says it will not send

  // The transport.
  bool wants_connection(Nanos now) const { return state_ == ClientState::down && now >= retry_at_; }
  bool wants_close() const { return wants_close_; }
  void on_connecting(Nanos now) {
    state_ = ClientState::connecting;
    fault_ = ClientFault::none;
    last_heard_ = now;
  }
  void on_connected(Nanos now);
  void on_closed(Nanos now);

  // Takes whole packets from the front of the stream, on_message(number, bytes) for each sequenced
  // one. Returns how many bytes it is done with; the rest is an incomplete packet.
  template <class OnMessage>
  size_t input(Bytes stream, Nanos now, OnMessage&& on_message) {
    size_t total = 0, used = 0;
    Bytes packet, message;
    if (!stream.empty()) last_heard_ = now;
    while (takes_input()) {
      const Framing framing = next_packet(stream.subspan(total), packet, used);
      if (framing == Framing::incomplete) break;
      if (framing == Framing::malformed) {
        give_up(ClientFault::malformed);
        break;
      }
      total += used;
      if (on_packet(packet, message)) on_message(next_++, message);
    }
    return total;
  }

  // Something has come that cannot be read yet: that is no silence.
  void on_heard(Nanos now) { last_heard_ = now; }
  // Time passes: notices silence.
  void poll(Nanos now);
  // When poll, output or wants_connection will have something to say at the latest.
  Nanos next_deadline() const;

  // Writes what the session itself has to send (login, heartbeat, logout). 0: nothing, or no room.
  size_t output(MutableBytes out, Nanos now);
  // Writes an unsequenced packet with this message. 0: not logged in, or no room.
  size_t send(Bytes message, MutableBytes out, Nanos now);
  // Says good-bye with the next output; the server closes.
  void logout() { logout_ = state_ == ClientState::active; }

 private:
  bool awaits_peer() const {
    return takes_input() || (!wants_close_ && state_ == ClientState::connecting);
  }
  bool takes_input() const {
    return !wants_close_ && (state_ == ClientState::login_sent || state_ == ClientState::active);
  }
  bool on_packet(Bytes packet, Bytes& message);
  void on_accepted(const LoginAccepted& accepted);
  void give_up(ClientFault fault) {
    fault_ = fault;
    wants_close_ = true;
  }
  void stop(ClientState state, ClientFault fault) {
    give_up(fault);
    state_ = state;
  }

  ClientConfig config_;
  ClientState state_ = ClientState::down;
  ClientFault fault_ = ClientFault::none;
  bool wants_close_ = false, login_due_ = false, logout_ = false;
  char reject_reason_ = 0;
  Alpha<10> session_ = Alpha<10>::of("");
  uint64_t next_ = 1, missed_ = 0;
  Nanos backoff_, retry_at_ = INT64_MIN;
  Nanos last_heard_ = 0, last_sent_ = 0, accepted_at_ = 0;
};

}  // namespace pinion::soupbintcp
