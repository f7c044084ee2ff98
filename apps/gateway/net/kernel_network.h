// network.h over the kernel's sockets, non-blocking: what the same gateway does without Pinion.
#pragma once
#include <sys/socket.h>

#include <vector>

#include "gateway/net/socket_table.h"

namespace pinion::gateway {

class KernelNetwork final : public Network {
 public:
  explicit KernelNetwork(const NetworkConfig& config);
  ~KernelNetwork() override;
  KernelNetwork(const KernelNetwork&) = delete;
  KernelNetwork& operator=(const KernelNetwork&) = delete;

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
  uint64_t now_ns() const override;  // UTC, as the kernel stamps what it receives
  std::string error() const override { return error_; }

 private:
  enum class Kind : uint8_t { listener, stream, connecting, closing, datagram };
  struct Slot {
    bool used = false;
    uint32_t generation = 0;
    Kind kind = Kind::stream;
    int fd = -1;
    StreamHandler* handler = nullptr;
    DatagramHandler* datagrams = nullptr;
    ReceiveSpace received;
    uint32_t send_begin = 0, send_end = 0;  // what the kernel has not taken yet
    uint64_t close_by = 0;                  // closing; CLOCK_MONOTONIC
    bool shut = false;                      // closing: the peer is told that nothing follows
    bool peer_ended = false;
    bool accepted = false;  // not by connect()
    bool has_sent = false;  // anything
  };

  using AddressCall = int (*)(int, sockaddr*, socklen_t*);
  Endpoint address_of_socket(SocketId socket, AddressCall call) const;
  int fail(const char* what);
  Slot* open(int type, Kind kind);  // null: status_ tells
  int watch(Slot& slot);
  char* receive_memory(const Slot& slot);
  char* send_memory(const Slot& slot);
  void init(Slot& slot, int fd, Kind kind);
  void free(Slot& slot);
  void reset(Slot& slot);
  void flush_out(Slot& slot);
  void drain(Slot& slot);
  void end_late_closings();
  void lost(Slot& slot, int status);
  void turn(Slot& slot, uint32_t events);
  void accept_all(Slot& listener);
  void finish_connect(Slot& slot);
  void receive(Slot& slot);
  void receive_datagrams(Slot& slot);
  bool flush(Slot& slot);  // false: the connection is gone

  NetworkConfig config_;
  int epoll_ = -1;
  SocketTable<Slot> slots_;
  std::vector<char> memory_;
  uint32_t closing_ = 0;  // slots of that kind
  std::string error_;     // of the last call that failed, and its negative errno
  int status_ = 0;
};

}  // namespace pinion::gateway
