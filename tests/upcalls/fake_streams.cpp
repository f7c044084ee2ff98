// Streams are not tested here (tests/tcp does it): upcalls that take nothing, so that Net links.
#include "socket/stream.h"

namespace pinion {

uint64_t stream_read(Socket&, uint32_t, MutableBytes, uint64_t sum) { return sum; }
void stream_acked(Socket&, uint32_t, Nanos) {}
uint32_t stream_room(const Socket&) { return 0; }
uint32_t stream_deliver(Socket&, Bytes, bool, const RxTime&, Nanos) { return 0; }
StreamChunk* stream_take(Socket&) { return nullptr; }
void stream_give(Socket&, StreamChunk*) {}
void stream_connected(Socket&, Nanos) {}
Socket* stream_accepted(Socket&, Nanos) { return nullptr; }
void stream_end(Socket&, Nanos) {}
void stream_failed(Socket&, int, Nanos) {}
void stream_released(Socket&, Nanos) {}

}  // namespace pinion
