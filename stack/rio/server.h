// Server: the core's side of the queue interface. Takes requests out of the applications' rings,
// hands them to the network, and posts completions. The only reader of application memory; checks
// everything it reads, once, on its own copy.
//
//   serve.cpp     which queues are looked at, and the work of a pass
//   request.cpp   one request: accept, start, complete
//   deliver.cpp   received data, outcomes of sends and errors coming up from the network
//   stream.h      and stream*.cpp: requests of TCP connections, and what comes up from them
//   control.cpp   cold calls of applications; session_control.cpp: life and death of sessions
//   group_control.cpp  joins of multicast groups
//   sleep.cpp     hot to cold and asleep, without a lost wake-up
#pragma once
#include <memory>
#include <vector>

#include "base/check.h"
#include "base/pool.h"
#include "kernel/message.h"
#include "rio/session.h"
#include "socket/stream.h"
#include "tcp/tcp_config.h"

namespace pinion {

class Net;
struct Arrival;

struct ServerConfig {
  uint32_t core = 0;
  uint32_t epoch = 1;
  uint32_t features = 0;           // RIO_FEATURE_*
  uint32_t core_silent_ms = 1000;  // published to applications
  uint32_t sessions_max = 64;
  uint32_t sockets_max = 16384;
  uint32_t request_queues_max = 16384;
  uint32_t requests_max = 131072;      // accepted and not completed, of all sessions
  uint32_t backlog_chunks = 8192;      // of Chunk::kBytes, of all sessions
  uint32_t udp_backlog_max = 4096;     // datagrams a socket
  uint32_t listen_backlog_max = 4096;  // connections that wait for rio_accept, a listener
  uint32_t hot_queues_max = 64;
  uint32_t work_units_max = 4096;  // a pass; an eighth of them is kept for signals
  Nanos defer_max = 50 * kMicro;
  uint32_t copy_bytes = 512;  // longer payloads are attached where the port can reach them
  Nanos cold_look_every = 10 * kMicro;
  // What a session's tables are reserved for; a session's quota may be less.
  uint32_t session_queues_max = 16384, session_cqs_max = 256;
  uint32_t session_regions_max = 256, session_buffers_max = 4096;
};

class Server {
 public:
  Server(const ServerConfig& config, const TcpConfig& tcp, Net& net, const Hooks& hooks);

  // One pass over the applications. Returns work units done.
  uint32_t serve(Nanos now);
  // Signals that were asked for, at the end of the pass.
  uint32_t send_signals();
  void control(KernelMessage& m, Nanos now);
  void beat(Nanos now);
  void publish_clock(const rio_abi_clock& clock);
  // kNever, or when serve() must run although no application does anything.
  Nanos next_deadline() const;
  // Of the last pass, signals included; never more than work_units_max.
  uint32_t work_units() const { return work_; }

  // Sleep: mark everything, (the host makes a membarrier), look again, sleep, wake.
  void prepare_sleep();
  bool look_again() const;
  void wake();

  // Upcalls of the network; see socket/socket.h.
  Drop deliver(SocketQueue& sq, const Arrival& arrival, Nanos now);
  void sent(uint64_t token, int status, Nanos now);
  void error(SocketQueue& sq, int error, Nanos now);
  // Of TCP; see socket/stream.h.
  uint64_t stream_read(SocketQueue& sq, uint32_t offset, MutableBytes out, uint64_t sum);
  void stream_acked(SocketQueue& sq, uint32_t bytes);
  uint32_t stream_room(const SocketQueue& sq) const;
  uint32_t stream_deliver(SocketQueue& sq, Bytes data, const RxTime& came, Nanos now);
  StreamChunk* stream_take(SocketQueue& sq);
  void stream_give(SocketQueue& sq, StreamChunk* chunk);
  void stream_connected(SocketQueue& sq);
  SocketQueue* stream_accepted(SocketQueue& listener);
  void stream_end(SocketQueue& sq, Nanos now);
  void stream_failed(SocketQueue& sq, int error, Nanos now);
  void stream_released(SocketQueue& sq);

  // For a core with nothing to do: has the memory that the next request of a polled queue will
  // want brought near, a few queues a call in turn. Changes nothing.
  void keep_near();

  // For status and tests: what is in use.
  struct Usage {
    uint32_t sessions, sockets, request_queues, requests, chunks, hot_queues;
    uint32_t streams;  // of the sockets
  };
  Usage usage() const;

 private:
  // serve.cpp
  bool serve_hot(Nanos now);
  bool is_idle(const Session& s) const;
  void serve_sessions(Nanos now);
  void serve_session(Session& s, Nanos now);
  void requeue(Session& s, Nanos now);
  void serve_again(Session& s, Nanos now);
  void serve_bells(Session& s, Nanos now);
  bool serve_group(Session& s, uint32_t group, Nanos now);
  void answer_bell(Session& s, uint32_t number, Nanos now);
  void look_at_cold(Nanos now);
  enum class Left : uint8_t { nothing, some, all };  // of what a queue wanted
  Left visit(RequestQueue& rq, bool rang, Nanos now);
  void catch_up(RequestQueue& rq, Nanos now);
  int room_of(const RequestQueue& rq) const;
  bool room(RequestQueue& rq);
  bool may_work(Session& s) {
    if (s.budget_pass != pass_) s.budget_pass = pass_, s.budget = s.quota.requests_per_pass;
    return s.budget != 0 && work_ < serve_max_;
  }
  void charge(Session& s) { --s.budget, ++work_; }
  bool spend(Session& s) {
    if (!may_work(s)) return false;
    charge(s);
    return true;
  }
  void spend_in_vain(Session& s) {  // a core that does only this is not busy
    if (spend(s)) ++vain_;
  }
  // The polled table follows a queue's position.
  void poll_if_hot(RequestQueue& rq) {
    if (rq.heat == RequestQueue::Heat::cold) return;
    polled_[rq.hot_index] = {&rq.slots[rq.position & rq.mask].sequence, rq.position, &rq};
  }
  void take_next(RequestQueue& rq, Nanos now) {  // which is ready
    charge(*rq.session);
    if (rq.stream) accept_stream(rq, rq.pop(record_), now);
    else accept(rq, rq.pop(record_), now);
  }
  void note_taken(RequestQueue& rq) {
    rq.last_active = pass_;
    if (rq.heat != RequestQueue::Heat::hot) promote(rq);
    poll_if_hot(rq);
  }
  void notify(CompletionQueue& cq);

  // sleep.cpp
  void promote(RequestQueue& rq);
  void make_cold(Session& newcomer);
  RequestQueue* oldest_hot(const Session* of, uint32_t share);
  void unpoll(RequestQueue& rq);
  void ask_barrier(Nanos now);
  void barrier_done(uint32_t value);

  // request.cpp
  void accept(RequestQueue& rq, const rio_abi_request& slot, Nanos now);
  static constexpr uint16_t kRequestFlags = RIO_DEFER | RIO_DONT_NOTIFY;
  static constexpr uint16_t kStreamFlags = kRequestFlags | RIO_WAITALL;
  template <uint16_t kFlags>  // those that it may have
  static int check(const RequestQueue& rq, const rio_abi_request& slot, BufferTable::Located& data);
  void append(RequestQueue& rq, const rio_abi_request& slot, std::byte* base, int status);
  void hold(RequestQueue& rq, bool on, Nanos now);
  void output(RequestQueue& rq, uint32_t paid, Nanos now);
  int start_send(RequestQueue& rq, Request& r, Nanos now);
  void complete_send(RequestQueue& rq);
  void drain_sends(RequestQueue& rq);
  void finish_receive(RequestQueue& rq, int status, uint32_t bytes, const Arrival* arrival);
  void advance_receives(RequestQueue& rq);
  void release(RequestQueue& rq, Request& r);
  void complete(RequestQueue& rq, CompletionQueue& cq, const Outcome& outcome) {
    STACK_DCHECK(cq.in_flight > 0);
    --cq.in_flight;
    cq.push(outcome, rq.socket_context, rq.index);
    const bool may_signal = (outcome.flags & RIO_CF_DONT_NOTIFY) == 0;
    if (cq.armed && may_signal) signal(cq);
  }
  void signal(CompletionQueue& cq) {
    Session& s = *cq.session;
    if (!s.signals.contains(&cq)) s.signals.push_back(&cq), ++signals_due_;
  }
  void again(RequestQueue& rq) {
    Session& s = *rq.session;
    if (!s.again.contains(&rq)) s.again.push_back(&rq);
  }
  // Something of it is left undone: no budget, or a full port.
  void leave(RequestQueue& rq) { rq.behind = true, again(rq); }

  // deliver.cpp
  void deliver_waiting(SocketQueue& sq);
  bool has_receive(RequestQueue& rq, Nanos now) {
    return rq.receives.front() != nullptr || find_receive(rq, now);
  }
  bool find_receive(RequestQueue& rq, Nanos now);
  Drop keep(SocketQueue& sq, const Arrival& arrival);
  void give_chunks(Chunk* first);
  void forget_waiting(SocketQueue& sq);
  void free_dead_chunks(uint32_t at_least);
  bool may_wait(const Session& s, uint32_t pieces);
  uint32_t share_unused(const Session& s) const {
    return s.waiting_chunks < chunk_share_ ? chunk_share_ - s.waiting_chunks : 0;
  }
  void set_waiting(Session& s, uint32_t chunks);

  // stream.cpp
  static int check_stream(const RequestQueue& rq, const rio_abi_request& slot,
                          BufferTable::Located& data);
  void accept_stream(RequestQueue& rq, const rio_abi_request& slot, Nanos now);
  void stream_turn(RequestQueue& rq, uint32_t paid, Nanos now);
  void end_sending(SocketQueue& sq, Nanos now);
  void close_stream(SocketQueue& sq, Nanos now);
  void abort_stream(SocketQueue& sq, int error, Nanos now);
  void abort_pending(Nanos now);

  // stream_send.cpp
  void stream_output(RequestQueue& rq, uint32_t paid, Nanos now);
  uint32_t append_stream(RequestQueue& rq, Request& r);
  static int may_send(const Stream& st);
  bool copy_send(SocketQueue& sq, const Request& r);
  Bytes registered_piece(SocketQueue& sq, uint64_t at, size_t most);
  static Bytes copied_piece(Stream& st, uint64_t at, size_t most);
  Request& request_at(SocketQueue& sq, uint64_t at);
  void drain_stream_sends(RequestQueue& rq);
  void finish_stream_send(RequestQueue& rq, int status, uint32_t bytes, bool unsent);
  void free_copied(SocketQueue& sq);
  void forget_copied(SocketQueue& sq);

  // stream_receive.cpp
  void advance_stream_receives(RequestQueue& rq);
  uint32_t fill_receives(RequestQueue& rq, Bytes data, const RxTime& came);
  void fill_from_waiting(SocketQueue& sq, Request& r);
  void finish_stream_receive(RequestQueue& rq, int status);
  uint32_t keep_stream(SocketQueue& sq, Bytes data, const RxTime& came);
  uint32_t chunk_room(const Session& s) const;

  // stream_control.cpp
  int stream_call(Session& s, KernelMessage& m, Nanos now);
  bool count_connection(SocketQueue& sq);
  void uncount_connection(SocketQueue& sq);
  int connect_stream(SocketQueue& sq, KernelMessage& m, Endpoint remote, Nanos now);
  int listen(SocketQueue& sq, KernelMessage& m, Nanos now);
  int accept_connection(SocketQueue& listener, KernelMessage& m);
  int shutdown(SocketQueue& sq, KernelMessage& m, Nanos now);
  int set_stream_option(SocketQueue& sq, KernelMessage& m, Nanos now);
  int set_stream_number(SocketQueue& sq, KernelMessage& m);
  int get_stream_option(SocketQueue& sq, KernelMessage& m);

  // control.cpp
  int application(Session& s, KernelMessage& m, Nanos now);
  int create_cq(Session& s, KernelMessage& m);
  int resize_cq(Session& s, KernelMessage& m);
  int close_cq(Session& s, KernelMessage& m);
  int create_socket(Session& s, KernelMessage& m);
  SocketQueue* new_socket(Session& s, SocketType type, bool ipv6);
  int bind(Session& s, KernelMessage& m);
  int connect(Session& s, KernelMessage& m, Nanos now);
  int set_option(Session& s, KernelMessage& m, Nanos now);
  int get_option(Session& s, KernelMessage& m);
  int get_name(Session& s, KernelMessage& m, bool peer);
  int create_rq(Session& s, KernelMessage& m);
  int reserve(Session& s, KernelMessage& m, const CompletionQueue& rcq, const CompletionQueue& scq);
  int resize_rq(Session& s, KernelMessage& m, Nanos now);
  SocketQueue* find_socket(Session& s, uint32_t handle);
  CompletionQueue* find_cq(Session& s, uint32_t handle);

  // group_control.cpp
  int membership(Session& s, KernelMessage& m, Nanos now);
  void leave_groups(SocketQueue& sq, Nanos now);

  // session_control.cpp
  int open_session(KernelMessage& m, Nanos now);
  int end_session(uint32_t id, Nanos now);
  void break_session(Session& s, int why);
  int close_socket(Session& s, uint32_t handle, Nanos now);
  void close_queue(RequestQueue& rq, Nanos now);
  bool abandon_queue(RequestQueue& rq, uint32_t& units);
  void reap_closed(Session& s);
  void free_queue(RequestQueue& rq);
  void free_socket(SocketQueue& sq);
  void close_cq_slot(CompletionQueue& cq);
  Session* live_session(uint32_t id);

  ServerConfig config_;
  TcpConfig tcp_config_;  // the defaults of what streams may set
  Net& net_;
  Hooks hooks_;
  const Recorder record_;

  // The slots that every pass looks at: kept apart and small, so that 64 cost four cache lines
  // a queue of nothing but the slot itself.
  struct Polled {
    const uint32_t* sequence;
    uint32_t expected;
    RequestQueue* queue;
  };
  std::vector<Polled> polled_;  // reserved; hot and cooling queues
  uint32_t hot_count_ = 0, pinned_count_ = 0;
  uint32_t pinned_max() const { return (config_.hot_queues_max + 1) / 2; }
  uint32_t barrier_asked_ = 0, barrier_answered_ = 0;
  bool barrier_wanted_ = false;
  rio_abi_clock clock_{};

  // A pass.
  uint64_t pass_ = 0;
  uint32_t work_ = 0, vain_ = 0;        // units of work; those that led to nothing
  uint32_t serve_max_;                  // units, without those kept for signals
  uint32_t started_ = 0, refused_ = 0;  // sends: taken by the network, not taken now
  uint32_t sends_left_ = UINT32_MAX;    // in this turn
  uint64_t full_until_ = 0;             // the last pass for which a port counts as full
  bool port_full_ = false;
  bool sessions_first_ = false;
  size_t hot_hand_ = 0, near_hand_ = 0;
  Nanos served_at_ = 0;
  Nanos next_cold_look_ = 0, next_barrier_ = 0;
  uint32_t cold_hand_ = 0, queues_ever_ = 0;  // places of queues_ in use, or that were
  uint32_t signals_due_ = 0;

  List<Session, &Session::live> live_;  // in the order of their turns

  std::vector<std::unique_ptr<Session>> sessions_;
  Pool<SocketQueue> sockets_;
  uint32_t streams_ = 0;
  Pool<RequestQueue> queues_;
  Pool<Request> requests_;
  uint32_t requests_reserved_ = 0;
  Pool<Chunk> chunks_;
  // Half of the chunks are shared out: each session finds its share whatever the others let wait.
  uint32_t chunk_share_ = config_.backlog_chunks / (2 * config_.sessions_max);
  uint32_t shares_unused_ = chunk_share_ * config_.sessions_max;
  // So are half of TCP's connections.
  uint32_t connections_owned_ =  // without those that peers may leave half open
      tcp_config_.connections_max -
      std::min(tcp_config_.syn_queue_max, tcp_config_.connections_max / 2);
  uint32_t connection_share_ = connections_owned_ / (2 * config_.sessions_max);
  uint32_t connections_shared_ = 0;               // taken beyond their shares, by all sessions
  Fifo<Chunk> dead_chunks_;                       // of closed sockets: given back a few a pass
  List<SocketQueue, &SocketQueue::dying> dying_;  // closed listeners with connections to abort
};

}  // namespace pinion
