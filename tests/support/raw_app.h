// An application without librio: it writes slots and headers itself, so that tests can also write
// what librio never would. Its memory is one heap block, which the Kernel sees at the same address.
// Used by the packet tests, the simulation and the ring tests; no system call, no thread.
#pragma once
#include <rio/ring.h>

#include <optional>
#include <string>
#include <vector>

#include "kernel/kernel.h"

namespace pinion::testing {

struct RawCq {
  rio_abi_cq* header = nullptr;
  rio_abi_completion* slots = nullptr;
  uint32_t mask = 0, position = 0, handle = 0, doorbell = 0;
};

struct RawRq {
  rio_abi_rq* header = nullptr;
  rio_abi_request* slots = nullptr;
  uint32_t mask = 0, position = 0, id = 0, doorbell = 0;
};

struct RqOptions {
  uint32_t receives = 16, sends = 16;
  uint64_t socket_context = 0;
  uint32_t flags = 0;
  uint32_t start = 0;
};

class RawApp {
 public:
  static constexpr uint32_t kRegionBytes = 4u << 20;
  static constexpr uint32_t kDataBytes = 1u << 20;
  // The region: rings in front, then the data buffer with its offsets 0..data.
  struct Memory {
    uint32_t region = kRegionBytes, data = kDataBytes;
    uint64_t reach = 0;  // the ports that can transmit from it: KernelMessage::reach
  };

  // Opens session `id` on the kernel, with one region.
  RawApp(Kernel& kernel, uint32_t id, Nanos now, SessionQuota quota = {})
      : RawApp(kernel, id, now, quota, Memory{}) {}
  RawApp(Kernel& kernel, uint32_t id, Nanos now, SessionQuota quota, Memory memory);
  ~RawApp();
  RawApp(const RawApp&) = delete;
  RawApp& operator=(const RawApp&) = delete;

  // One control call; app.status is the reply's.
  rio_control call(rio_control message);
  int end();  // session_end, once

  RawCq create_cq(uint32_t entries, uint32_t start = 0, int signal_fd = -1);
  uint32_t socket(uint32_t family = RIO_FAMILY_IPV4);
  uint32_t stream_socket(uint32_t family = RIO_FAMILY_IPV4);
  rio_control bind(uint32_t socket, Endpoint local);
  rio_control connect(uint32_t socket, Endpoint remote);
  RawRq create_rq(uint32_t socket, const RawCq& receive_cq, const RawCq& send_cq,
                  const RqOptions& options = {});
  // As create_rq, the reply as it came.
  rio_control try_create_rq(uint32_t socket, const RawCq& receive_cq, const RawCq& send_cq,
                            const RqOptions& options, RawRq& out);

  // Resizes to a new ring that starts at rq's position; on success rq's memory is dead.
  rio_control resize_rq(RawRq& rq, const RqOptions& options, RawRq& out);

  // Posts a slot as it is (the sequence is filled in) and rings as an honest application does.
  void post(RawRq& rq, rio_abi_request slot);
  void nop(RawRq& rq, uint64_t context, uint16_t flags = 0);
  void send(RawRq& rq, uint32_t offset, uint32_t length, std::optional<Endpoint> to,
            uint64_t context, uint16_t flags = 0);
  void send_text(RawRq& rq, const std::string& text, std::optional<Endpoint> to,
                 uint64_t context = 0, uint16_t flags = 0);
  void receive(RawRq& rq, uint32_t offset, uint32_t length, uint64_t context, uint16_t flags = 0);
  void commit(RawRq& rq);
  void ring(uint32_t doorbell);

  // The next completion, consumed and published at once.
  std::optional<rio_abi_completion> dequeue(RawCq& cq);
  std::vector<rio_abi_completion> dequeue_all(RawCq& cq);

  std::byte* data(uint32_t offset = 0) { return data_ + offset; }
  std::string text(uint32_t offset, uint32_t length) const;
  uint32_t data_buffer() const { return data_buffer_; }
  uint32_t ring_buffer() const { return ring_buffer_; }
  rio_abi_session& header() { return *reinterpret_cast<rio_abi_session*>(session_region_); }
  uint64_t* bells() { return reinterpret_cast<uint64_t*>(session_region_ + RIO_DOORBELL_OFFSET); }
  std::byte* region() { return region_; }
  uint64_t ring_used() const { return ring_used_; }  // of the region, from its start
  uint32_t id() const { return id_; }
  void set_now(Nanos now) { now_ = now; }

 private:
  uint32_t socket_of(uint32_t type, uint32_t family);
  std::byte* take_ring(uint64_t bytes, uint64_t& offset);
  // Fills in memory and quotas of a new request ring.
  void make_ring(const RqOptions& options, RawRq& rq, rio_control& m);

  Kernel& kernel_;
  uint32_t id_;
  Memory memory_;
  Nanos now_;
  bool ended_ = false;
  std::byte* session_region_ = nullptr;
  std::byte* region_ = nullptr;
  std::byte* data_ = nullptr;
  uint64_t ring_used_ = 0;
  uint32_t send_offset_;  // send_text takes the upper half in turn
  uint32_t ring_buffer_ = RIO_INVALID_BUFFER, data_buffer_ = RIO_INVALID_BUFFER;
};

}  // namespace pinion::testing
