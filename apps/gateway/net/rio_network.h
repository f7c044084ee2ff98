// network.h over Pinion: streams and datagrams of one rio session on one core, attached to a daemon
// (rio_open) or embedded (rio_open_transport; its owner polls the stack as well). One completion
// queue, one region of registered memory; a turn is a dequeue and makes no system call while the
// core is awake. Listeners and connections in the making are asked about by control calls, every
// kControlEvery.
#pragma once
#include <rio/rio.h>

#include "gateway/net/socket_table.h"

namespace pinion::gateway {

class RioNetwork final : public Network {
 public:
  // The session is the caller's, and outlives this.
  RioNetwork(const NetworkConfig& config, rio_session* session, uint32_t core);
  ~RioNetwork() override;
  RioNetwork(const RioNetwork&) = delete;
  RioNetwork& operator=(const RioNetwork&) = delete;

  int open();  // memory and queue. 0, or a negative errno

  int listen(const Endpoint& at, StreamHandler& handler) override;
  int connect(const Endpoint& to, StreamHandler& handler, SocketId& out) override;
  bool send(SocketId stream, std::string_view bytes) override;
  size_t room(SocketId stream) const override;
  void close(SocketId stream) override;
  int open_datagram(const Endpoint& at, DatagramHandler& handler, SocketId& out) override;
  bool send_to(SocketId socket, const Endpoint& to, std::string_view bytes) override;
  int join_group(SocketId socket, const Group& group) override;
  Endpoint local_address(SocketId socket) const override;
  int poll() override;
  std::string error() const override { return error_; }

 private:
  // flushing: closed by its owner. What is not sent yet leaves, then FIN, and what still comes is
  // read and forgotten until the peer's FIN or close_by: a socket that is closed with unread data
  // resets its connection, and the peer may lose our last words. closing: its socket is closed, and
  // completions are still to come.
  enum class Kind : uint8_t { listener, stream, connecting, flushing, closing, datagram };
  struct Slot {
    bool used = false;
    uint32_t generation = 0;
    Kind kind = Kind::stream;
    rio_socket_t socket = nullptr;
    rio_rq* rq = nullptr;
    StreamHandler* handler = nullptr;
    DatagramHandler* datagrams = nullptr;
    ReceiveSpace received;
    uint32_t receives = 0;  // outstanding
    uint32_t sends = 0;
    // A ring of bytes: posted ones that are the core's, behind them those that found no room among
    // the requests. send_at is where the next byte goes.
    uint32_t send_at = 0, send_used = 0, unposted = 0;
    bool shut = false;      // flushing: FIN is on its way
    uint64_t close_by = 0;  // flushing
  };

  int fail(int status, const char* what);
  int open_socket(uint32_t type, Kind kind, Slot*& out);
  void init(Slot& slot, rio_socket_t socket, Kind kind);
  int make_queue(Slot& slot, uint32_t receives);
  void destroy(Slot& slot);
  void release_if_quiet(Slot& slot);
  void lost(Slot& slot, int status);
  uint32_t receive_offset(const Slot& slot) const;
  uint32_t send_offset(const Slot& slot) const { return receive_offset(slot) + receive_bytes_; }
  void post_receive(Slot& slot);
  void copy_in(Slot& slot, std::string_view bytes);
  void post_sends(Slot& slot);
  void shut_if_flushed(Slot& slot);
  void drain(Slot& slot, uint64_t now);
  void post_datagram_receive(Slot& slot, uint32_t index);
  int control_turn();
  int accept_all(Slot& listener);
  int finish_connect(Slot& slot);
  void complete(const rio_result& result);
  void on_receive(Slot& slot, const rio_result& result);
  void on_datagram(Slot& slot, const rio_result& result);

  NetworkConfig config_;
  uint32_t receive_bytes_;
  rio_session* session_;
  uint32_t core_;
  rio_cq* cq_ = nullptr;
  char* memory_ = nullptr;
  rio_buffer_id buffer_ = RIO_INVALID_BUFFER;
  SocketTable<Slot> slots_;
  uint64_t next_control_ = 0;
  std::string error_;
};

}  // namespace pinion::gateway
