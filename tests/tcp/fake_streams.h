// Owners of streams for tests of Tcp alone: simple buffers, bounded, and a record of what was told.
// rio implements the real upcalls, so no program that uses rio may link these.
#pragma once
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "socket/stream.h"

namespace pinion::testing {

struct FakeStream {
  Socket sk;
  std::deque<std::byte> to_send;  // appended and not acknowledged
  std::string received;
  std::vector<Nanos> came;    // a time for each delivery
  uint32_t room = 64 * 1024;  // what it takes, less what `held` says
  uint32_t held = 0;          // received, and not read by the application yet
  bool reads = true;          // at once: nothing is held
  size_t chunks_max = SIZE_MAX;
  size_t chunks = 0;
  uint64_t acked = 0;
  int connected = 0, ends = 0, failures = 0, released = 0;
  int error = 0;
  size_t backlog_max = SIZE_MAX;  // of a listener: sockets that it may accept
  std::vector<std::unique_ptr<FakeStream>> accepted;

  FakeStream() { sk.type = SocketType::stream; }
  FakeStream(const FakeStream&) = delete;
  FakeStream& operator=(const FakeStream&) = delete;
};

// The stream that a socket is part of. The socket is its first member.
FakeStream& stream_of(const Socket& sk);

}  // namespace pinion::testing
