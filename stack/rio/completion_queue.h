// The core's side of one completion queue: posts results into shared memory, never overflows it,
// and tells when a signal is due. Reads one word of the application's: the consumed position.
#pragma once
#include <rio/ring.h>

#include "base/list.h"
#include "base/recorder.h"
#include "base/types.h"
#include "rio/slot_address.h"
#include "socket/socket.h"

namespace pinion {

struct Session;

// How a request ended.
struct Outcome {
  int32_t status = 0;
  uint32_t bytes = 0;
  uint32_t flags = 0;  // its opcode and RIO_CF_*
  uint64_t context = 0;
  const Arrival* arrival = nullptr;  // of a receive that got something
};

struct CompletionQueue {
  rio_abi_completion* slots = nullptr;
  rio_abi_cq* header = nullptr;
  uint32_t mask = 0;
  uint32_t posted = 0;         // position of the next completion
  uint32_t consumed = 0;       // last position that the application published, checked
  uint32_t in_flight = 0;      // requests popped whose completion is still to come
  uint32_t notifiable_to = 0;  // behind the last entry without DONT_NOTIFY
  bool armed = false;
  bool live = false;
  uint32_t generation = 0;
  uint32_t entries = 0;   // asked for
  uint32_t reserved = 0;  // by request queues, <= entries
  uint32_t users = 0;     // request queues
  uint32_t buffer_id = 0;
  int signal_fd = -1;
  Session* session = nullptr;
  Link<CompletionQueue> signal;  // on the session's list of signals due

  uint32_t capacity() const { return mask + 1; }

  // Room for one more popped request? Then its completion cannot overflow the ring. Reads the
  // published position only when the last one known is not enough. -1: the position is nonsense.
  int room(const Recorder& record) {
    if (in_flight + (posted - consumed) < capacity()) return 1;
    if (!read_consumed(record)) return -1;
    return in_flight + (posted - consumed) < capacity() ? 1 : 0;
  }
  // False when the application published a position outside [last, posted].
  bool read_consumed(const Recorder& record) {
    const uint32_t now = record(Door::word, rio_word_load(&header->consumed));
    if (now - consumed > posted - consumed) return false;
    consumed = now;
    // Kept near, or its distance would change its sign after 2^31 entries with DONT_NOTIFY.
    if (!has_notifiable()) notifiable_to = consumed;
    return true;
  }
  // Written in place, each field once and from where it is known, the sequence word last: put
  // together elsewhere and copied, the copy would wait for the stores in front of it.
  void push(const Outcome& o, uint64_t socket_context, uint32_t request_queue) {
    rio_abi_completion& slot = slots[posted & mask];
    const uint32_t position = posted++;
    slot.status = o.status;
    slot.bytes = o.bytes;
    slot.flags = o.flags;
    slot.socket_context = socket_context;
    slot.request_context = o.context;
    slot.request_queue = request_queue;
    put_arrival(slot, o.arrival);
    rio_ring_publish(&slot.sequence, position);
    if ((o.flags & RIO_CF_DONT_NOTIFY) == 0) notifiable_to = posted;
  }
  // Entries that the application has not consumed and that may signal.
  bool has_notifiable() const { return static_cast<int32_t>(notifiable_to - consumed) > 0; }

 private:
  static void put_arrival(rio_abi_completion& slot, const Arrival* arrival) {
    std::memset(slot.peer, 0, sizeof slot.peer);
    slot.time_ns = 0;
    slot.port = 0;
    slot.family = RIO_FAMILY_NONE;
    slot.time_source = RIO_TIME_NONE;
    if (arrival == nullptr) return;
    slot.time_ns = static_cast<uint64_t>(arrival->time);
    slot.time_source = arrival->time_is_hardware ? RIO_TIME_HARDWARE : RIO_TIME_SOFTWARE;
    slot.port = arrival->from.port;
    slot.family = static_cast<uint8_t>(store_address(arrival->from.address, slot.peer));
  }
};

}  // namespace pinion
