#include "gateway/moldudp64/sender.h"

namespace pinion::moldudp64 {

size_t Sender::next_packet(MutableBytes out, Nanos now) {
  PacketWriter writer(out, config_.session, next_);
  while (store_.has(next_) && writer.add(store_.get(next_))) ++next_;
  if (writer.count() == 0 && now - last_sent_ < config_.heartbeat) return 0;
  last_sent_ = now;
  const bool over = ending_ && writer.count() == 0 && !store_.has(next_);
  return over ? writer.finish_end_of_session() : writer.finish();
}

size_t Sender::answer(Bytes datagram, MutableBytes out) const {
  const Request* request = parse_request(datagram);
  if (!request || request->session.get() != config_.session.get()) return 0;
  const uint64_t first = request->sequence.get();
  const uint16_t count = request->count.get();
  PacketWriter writer(out, config_.session, first);
  // What was not sent on the lines yet is nobody's to ask for.
  for (uint64_t i = 0; i < count && first + i < next_ && store_.has(first + i); ++i) {
    if (!writer.add(store_.get(first + i))) break;
  }
  return writer.count() ? writer.finish() : 0;
}

}  // namespace pinion::moldudp64
