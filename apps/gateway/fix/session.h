// The FIX session layer: one session with one counterparty, over whatever wire it logs on with. A
// state machine and nothing else: the moment is an argument, bytes come in as frames and go out
// through a Wire, what must last is in the Store, and the messages of the application go through a
// small interface. Allocates at construction alone.
//
// FIX 4.2 volume 2 ("Session protocol"), FIX 4.4 volume 2. Where those leave a choice the behaviour
// is that which QuickFIX's acceptance definitions expect.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/fix/dictionary.h"
#include "gateway/fix/encoder.h"
#include "gateway/fix/message.h"
#include "gateway/fix/pending.h"
#include "gateway/fix/schedule.h"
#include "gateway/fix/store.h"

namespace pinion::fix {

class Session;

struct Now {
  int64_t monotonic_ns = 0;  // for timers
  int64_t utc_ns = 0;        // for SendingTime and the schedule
};

// The connection that a session is logged on with.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual bool send(std::string_view message) = 0;  // all of it, or false: the peer does not read
  virtual size_t room() const = 0;                  // bytes that send() takes now
  virtual void close() = 0;                         // behind what was sent
};

enum class Answer : uint8_t { done, unsupported };

class Application {
 public:
  virtual ~Application() = default;
  virtual void on_logon(Session&, const Now&) {}
  virtual void on_logout(Session&, const Now&) {}  // for whatever reason
  // A message that passed every check, once and in order; after a crash of this process, and with
  // PossDupFlag set, possibly again. `unsupported`: the session answers BusinessMessageReject.
  virtual Answer on_message(Session&, const Message&, const Now&) = 0;
  // The peer has rejected (3 or j) one of ours.
  virtual void on_reject(Session&, const Message&, const Now&) {}

  // For a journal: the bytes that pass between the two sides while a connection is the session's.
  // Neither may call the session. In: each frame that is whole (BodyLength and CheckSum are right),
  // in the order in which they came, before anything comes of it; the Logon and session messages
  // too, and those that will be rejected. Once: not again when it waited behind a gap.
  virtual void on_frame_in(Session&, std::string_view /*frame*/, const Now&) {}
  // Out: everything that is handed to the wire, before it is: also what is sent again. What is sent
  // while nobody is connected is only stored, and comes here when the counterparty asks for it.
  virtual void on_frame_out(Session&, std::string_view /*frame*/, const Now&) {}
};

struct SessionConfig {
  Version version = Version::fix42;
  std::string sender_comp_id = {}, target_comp_id = {};  // ours, and the counterparty's
  uint32_t heartbeat_s = 30;  // an initiator's; an acceptor takes the peer's
  bool reset_on_logon = false;
  int64_t sending_time_tolerance_s = 120;
  int64_t logon_timeout_s = 10, logout_timeout_s = 2;
  size_t pending_max = 256;               // messages kept behind a gap
  std::optional<Schedule> schedule = {};  // none: always on, one day for ever
};

// Further header fields of an application message.
struct Routing {
  std::string_view on_behalf_of = {}, on_behalf_of_sub = {}, on_behalf_of_location = {};
  std::string_view deliver_to = {}, deliver_to_sub = {}, deliver_to_location = {};
  bool poss_resend = false;
};
Routing routing_of(const Message& message);
Routing reversed(const Message& message);  // for an answer to it

struct SessionCounters {
  uint64_t sent = 0, received = 0, garbled = 0, rejects_sent = 0, resends = 0, gaps = 0,
           duplicates = 0, pending_dropped = 0, logons = 0, store_full = 0;
};

class Session {
 public:
  enum class State : uint8_t { down, logon_sent, active, logout_sent };

  Session(const SessionConfig& config, Store& store, Application& application);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const SessionConfig& config() const { return config_; }
  const SessionCounters& counters() const { return counters_; }
  State state() const { return state_; }
  bool connected() const { return wire_ != nullptr; }
  const Store& store() const { return store_; }

  // The Logon comes from this session's counterparty (BeginString and both CompIDs).
  bool is_for_us(const Message& logon) const;

  // Acceptor: the first message of a connection. True: the session has the wire, until it calls
  // close() on it or on_disconnect() is called. False: it must be dropped without an answer; *why
  // says why, for people.
  bool accept(Wire& wire, std::string_view frame, const Now& now, const char** why = nullptr);
  // Initiator: the wire is connected.
  void initiate(Wire& wire, const Now& now);

  // Each frame that the wire brings (FrameStatus::message, and garbled), in order.
  void on_frame(std::string_view frame, const Now& now);
  void on_garbled() { ++counters_.garbled; }
  // The peer is gone; the session does not use the wire any more.
  void on_disconnect(const Now& now);
  // Timers. As often as a heartbeat may be late.
  void poll(const Now& now);

  // An application message: begin, add the fields of its body, send. It has a number and is stored
  // when it is sent, connected or not: a counterparty that was away asks for it. False: it did not
  // fit into a message or into the store.
  Encoder begin(std::string_view type, const Now& now, const Routing& routing = {});
  bool send(Encoder& message, const Now& now);
  // Asks to end the session, and waits for the answer until logout_timeout_s.
  void logout(std::string_view text, const Now& now);

 private:
  const char* why_no_logon(std::string_view frame, const Now& now);
  Encoder header(std::string_view type, uint64_t number, const Now& now, const Routing& routing,
                 std::string_view original_time);
  void transmit(std::string_view message, const Now& now);
  void send_logon(bool reset, const Now& now);
  void send_reject(uint64_t number, const Refusal& refusal, const Now& now);
  void send_unsupported(uint64_t number, const Now& now);
  void ask_again(const Now& now);
  void send_gap_fill(uint64_t from, uint64_t next, const Now& now);
  bool send_again(const Store::Sent& sent, const Now& now);
  void resend(const Now& now);

  void handle(const Now& now);
  void handle_type(uint64_t number, const Now& now);
  void drain(const Now& now);
  void on_refused(uint64_t number, const Refusal& refusal, const Now& now);
  void on_logon(uint64_t number, const Now& now);
  void tell_logon(const Now& now);
  void on_logon_answer(uint64_t number, const Now& now);
  void on_resend_request(uint64_t number, const Now& now);
  void on_sequence_reset(uint64_t number, const Now& now);
  void on_logout(uint64_t number, const Now& now);
  void on_application(uint64_t number, const Now& now);
  bool time_ok(const Now& now) const;
  bool comp_ids_ok() const;
  bool check_header(uint64_t number, const Now& now);
  bool check_number(uint64_t number, const Now& now);
  void on_too_low(uint64_t number, const Now& now);
  void on_too_high(uint64_t number, const Now& now);
  void consume(uint64_t number, const Now& now);
  void set_next_in(uint64_t number, const Now& now);
  void refuse_and_logout(uint64_t number, RejectReason reason, const Now& now);
  void fail(std::string_view text, const Now& now);  // Logout, and disconnect at once
  void close(const Now& now);
  std::optional<int64_t> day(const Now& now) const;
  void reset(const Now& now);
  void poll_heartbeat(const Now& now);
  void poll_down(const Now& now);
  void begin_day(const Now& now);

  SessionConfig config_;
  const Dictionary& dictionary_;
  Store& store_;
  Application& application_;
  Wire* wire_ = nullptr;
  State state_ = State::down;
  SessionCounters counters_;

  int64_t heartbeat_ns_ = 0;  // 0: none
  int64_t sent_at_ = 0, received_at_ = 0, state_since_ = 0, schedule_checked_ = 0;
  bool test_request_sent_ = false;
  bool told_ = false;   // the application, of a logon
  uint64_t begun_ = 0;  // the number that the last begin() gave out
  // The hole that was asked for: up to this number. 0: none.
  uint64_t hole_end_ = 0;
  int64_t hole_asked_at_ = 0;
  // What the peer asked for and has not got yet.
  uint64_t resend_next_ = 1, resend_end_ = 0;

  PendingMessages pending_;
  bool from_pending_ = false;
  std::string_view frame_;  // that `in_` is of
  Message in_, again_;
  std::array<char, kMessageMax> out_;
};

}  // namespace pinion::fix
