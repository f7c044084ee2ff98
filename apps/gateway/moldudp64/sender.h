// Sends one MoldUDP64 stream out of a MessageStore and answers re-requests from it, without a
// socket. Used by the exchange simulator and by tests of the receiver.
#pragma once
#include "gateway/moldudp64/moldudp64.h"
#include "gateway/wire/message_store.h"

namespace pinion::moldudp64 {

struct SenderConfig {
  Alpha<10> session = Alpha<10>::of("");
  Nanos heartbeat = kSecond;
};

class Sender {
 public:
  Sender(const SenderConfig& config, const MessageStore& store) : config_(config), store_(store) {}

  uint64_t next() const { return next_; }  // the first message that was not sent yet
  // The next packet to send on all lines: data, else a heartbeat or end of session when it is
  // time. 0: nothing.
  size_t next_packet(MutableBytes out, Nanos now);
  // The answer to a datagram that came to the re-request server: as many of the messages as fit.
  // 0: no answer, as the specification has it for what is unknown.
  size_t answer(Bytes datagram, MutableBytes out) const;
  // What is stored was sent by a predecessor, or must be asked for.
  void skip_stored() { next_ = store_.next(); }
  // No message will follow the stored ones. The end is told at once and then ten times as often as
  // a heartbeat, since whoever misses it waits for ever.
  void end() { ending_ = true; }

 private:
  SenderConfig config_;
  const MessageStore& store_;
  uint64_t next_ = 1;
  Nanos last_sent_ = INT64_MIN / 2;
  bool ending_ = false, end_sent_ = false;
};

}  // namespace pinion::moldudp64
