// network.h over Pinion: streams and datagrams of one rio session on one core, attached to a daemon
// (rio_open) or embedded (rio_open_transport; its owner polls the stack as well). One completion
// queue, one region of registered memory; a turn is a dequeue and makes no system call while the
// core is awake. Connections begin and end by calls that wait for the daemon: a thread of this
// class makes them (rio_control.h), and the polling thread only hears how they went.
#pragma once
#include "gateway/net/rio_control.h"
#include "gateway/net/socket_table.h"

namespace pinion::gateway {

// inline_host: the stack is in this process and the polling thread runs it (stack/host/embedded.h,
// inline): no other thread may ask it anything, and asking is a function call.
enum class ControlCalls : uint8_t { own_thread, inline_host };

// Memory: what each stream receives and sends, streams_max times; behind it the datagrams that wait
// for poll(), as often as there may be datagram sockets, which need far more of it.
class RioNetwork final : public Network {
 public:
  // The session is the caller's, and outlives this.
  RioNetwork(const NetworkConfig& config, rio_session* session, uint32_t core,
             ControlCalls calls = ControlCalls::own_thread);
  ~RioNetwork() override;
  RioNetwork(const RioNetwork&) = delete;
  RioNetwork& operator=(const RioNetwork&) = delete;

  // Memory, queue and thread, which has the caller's affinity: call it before the polling thread is
  // pinned. 0, or a negative errno.
  int open();

  int listen(const Endpoint& at, StreamHandler& handler) override;
  int connect(const Endpoint& to, StreamHandler& handler, SocketId& out) override;
  bool send(SocketId stream, std::string_view bytes) override;
  size_t room(SocketId stream) const override;
  void close(SocketId stream) override;
  void abort(SocketId stream) override;
  Endpoint peer_address(SocketId stream) const override;
  int open_datagram(const Endpoint& at, DatagramHandler& handler, SocketId& out) override;
  bool send_to(SocketId socket, const Endpoint& to, std::string_view bytes) override;
  int join_group(SocketId socket, const Group& group) override;
  Endpoint local_address(SocketId socket) const override;
  int poll() override;
  uint64_t now_ns() const override { return rio_now_ns(session_); }
  std::string error() const override { return error_; }

 private:
  // accepted: waits for its queue; its handler is the listener's, and has not heard of it.
  // flushing: closed by its owner, or by the peer while something is left to send. What is not sent
  // yet leaves, then FIN, and what still comes is read and forgotten until the peer's FIN: a socket
  // that is closed with unread data resets its connection, and the peer may lose our last words.
  // At close_by it is reset instead, so a peer that does not read keeps no slot.
  // closing: its socket is closed or about to be; the answer or completions are still to come, and
  // come soon, since no send waits for the peer any more.
  static constexpr uint32_t kNoSpace = UINT32_MAX;
  enum class Kind : uint8_t { listener, accepted, stream, connecting, flushing, closing, datagram };
  struct Slot {
    bool used = false;
    uint32_t generation = 0;
    Kind kind = Kind::stream;
    rio_socket_t socket = nullptr;
    rio_rq* rq = nullptr;
    StreamHandler* handler = nullptr;
    DatagramHandler* datagrams = nullptr;
    uint32_t datagram_space = kNoSpace;  // which one: kept until the slot is free
    ReceiveSpace received;
    uint32_t receives = 0;  // outstanding
    uint32_t sends = 0;
    // A ring of bytes: posted ones that are the core's, behind them those that found no room among
    // the requests. send_at is where the next byte goes.
    uint32_t send_at = 0, send_used = 0, unposted = 0;
    bool gone = false;        // closing: the socket is closed
    bool shut = false;        // flushing: FIN is on its way
    bool peer_ended = false;  // flushing: and so is, or was, the peer's
    bool accepted = false;    // not by connect()
    bool has_sent = false;    // anything
    uint64_t close_by = 0;    // flushing
    rio_address peer{}, local{};
  };

  int fail(int status, const char* what);
  int fail_here(int status, const char* what);
  int open_socket(uint32_t type, Kind kind, Slot*& out);
  void init(Slot& slot, rio_socket_t socket, Kind kind);
  int make_datagram_queue(Slot& slot);
  uint64_t context_of(const Slot& slot) const;
  void ask(ControlRequest::What what, const Slot& slot, const rio_address* address = nullptr);
  void destroy(Slot& slot, ControlRequest::What how = ControlRequest::What::close);
  void release_if_quiet(Slot& slot);
  void lost(Slot& slot, int status);
  uint32_t stream_bytes() const { return config_.receive_bytes + config_.send_bytes; }
  uint32_t datagram_space_bytes() const { return config_.datagrams_max * config_.datagram_bytes; }
  uint32_t receive_offset(const Slot& slot) const { return slots_.index(slot) * stream_bytes(); }
  uint32_t send_offset(const Slot& slot) const {
    return receive_offset(slot) + config_.receive_bytes;
  }
  bool take_datagram_space(Slot& slot);
  uint32_t datagram_offset(const Slot& slot, uint32_t index) const;
  void post_receive(Slot& slot);
  void copy_in(Slot& slot, std::string_view bytes);
  void post_sends(Slot& slot);
  void flush_out(Slot& slot);
  void end_if_flushed(Slot& slot);
  void drain(Slot& slot, uint64_t now);
  void post_datagram_receive(Slot& slot, uint32_t index);
  int control_turn();
  int on_answer(const ControlAnswer& answer);
  void on_accepted(const ControlAnswer& answer);
  void on_ready(Slot& slot, const ControlAnswer& answer);
  void complete(const rio_result& result);
  void on_receive(Slot& slot, const rio_result& result);
  void on_datagram(Slot& slot, const rio_result& result);

  NetworkConfig config_;
  ControlCalls calls_;
  rio_session* session_;
  uint32_t core_;
  rio_cq* cq_ = nullptr;
  char* memory_ = nullptr;
  rio_buffer_id buffer_ = RIO_INVALID_BUFFER;
  SocketTable<Slot> slots_;
  RioControl control_;
  uint64_t next_control_ = 0;
  std::string error_;
};

}  // namespace pinion::gateway
