// Recorder: the hook at the doors through which everything comes into a core (ARCHITECTURE.md 3 and
// 9). Off by default, when it costs one branch a door. A host that sets it records a run, or
// replays one into a fresh kernel.
#pragma once
#include "base/types.h"

namespace pinion {

enum class Door : uint8_t {
  poll,        // now
  control,     // the message, then now: the host's call, or its mailbox
  sleep,       // prepare_sleep: now
  look_again,  // nothing: only that it was asked
  wake,        // now
  clock,       // rio_abi_clock
  rx,          // of a port: the number of frames, then each frame (port/recorded_port.h), then when
  tx,          // frames that the port took; tokens that it released
  alloc,       // frames that the port gave
  link,        // is it up? how often has it moved?
  word,        // of application memory: a sequence, position, doorbell or count
  slot,        // 64 bytes of application memory
  payload,     // of a send
};

struct Recorder {
  void* self = nullptr;
  // These bytes have just come in by this door. A recording keeps them; a replay puts what was kept
  // in their place.
  void (*through)(void* self, Door door, MutableBytes bytes) = nullptr;

  void operator()(Door door, MutableBytes bytes) const {
    if (__builtin_expect(through != nullptr, 0)) through(self, door, bytes);
  }
  template <class T>
  T operator()(Door door, T value) const {
    return __builtin_expect(through != nullptr, 0) ? replaced(door, value) : value;
  }

 private:
  // Apart, so that a value whose address nobody takes stays in its register.
  template <class T>
  [[gnu::noinline, gnu::cold]] T replaced(Door door, T value) const {
    through(self, door, std::as_writable_bytes(std::span{&value, 1}));
    return value;
  }
};

}  // namespace pinion
