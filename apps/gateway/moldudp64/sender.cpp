#include "gateway/moldudp64/sender.h"

namespace pinion::moldudp64 {

size_t Sender::next_packet(MutableBytes out, Nanos now) {
  PacketWriter writer(out, config_.session, next_);
  while (store_.has(next_) && writer.add(store_.get(next_))) ++next_;
  const bool over = ending_ && writer.count() == 0 && !store_.has(next_);
  const bool first_end = over && !end_sent_;
  const Nanos pause = over ? config_.heartbeat / 10 : config_.heartbeat;
  if (writer.count() == 0 && !first_end && now - last_sent_ < pause) return 0;
  last_sent_ = now;
  end_sent_ |= over;
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
