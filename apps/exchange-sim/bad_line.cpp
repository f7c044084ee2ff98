#include "exchange-sim/bad_line.h"

#include <sys/socket.h>

namespace pinion::exchange {

void BadLine::send(Bytes packet, Nanos now) {
  ++counters_.packets;
  // Chance is drawn for every packet in the same way, so that one option does not change what
  // another one does.
  const bool lose = rng_.chance(config_.loss), twice = rng_.chance(config_.duplicate);
  const bool hold = rng_.chance(config_.reorder);
  if (lose || lose_ > 0) {
    lose_ -= lose_ > 0;
    ++counters_.lost;
    return;
  }
  counters_.duplicated += twice;
  counters_.held_back += hold;
  const Nanos wait = config_.delay + (hold ? config_.reorder_by : 0);
  for (int copies = twice ? 2 : 1; copies > 0; --copies) {
    if (wait == 0) {
      put(packet);
    } else {
      held_.push({now + wait, number_++, {packet.begin(), packet.end()}});
    }
  }
}

void BadLine::poll(Nanos now) {
  while (!held_.empty() && held_.top().at <= now) {
    put(held_.top().bytes);
    held_.pop();
  }
}

void BadLine::put(Bytes packet) {
  const ssize_t n = sendto(fd_, packet.data(), packet.size(), MSG_DONTWAIT,
                           reinterpret_cast<const sockaddr*>(&to_), sizeof to_);
  if (n == static_cast<ssize_t>(packet.size())) ++counters_.sent;
  else ++counters_.send_errors;
}

}  // namespace pinion::exchange
