// A TCP in the place of stack/tcp: it does what a test says, and remembers what rio asked of it. So
// rio's side of streams is tested alone, deterministically.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "socket/stream.h"

namespace pinion::testing {

struct FakeStream {
  uint64_t appended = 0, acked = 0;
  uint64_t sent = 0;                               // read so far, for the first time
  uint64_t window = 1 << 30;                       // what output() may send beyond acked
  uint32_t appends = 0, outputs = 0, windows = 0;  // calls of append, output, room_grew
  bool listening = false, connected = false, fin = false, closed = false, released = false;
  int aborted = 0;                // by the owner, with this error
  std::string wire;               // what left, in order
  std::function<void()> on_room;  // room_grew, once: what it may bring up from out-of-order data
  std::vector<StreamChunk*> held;
};

struct FakeTcp {
  std::map<Socket*, FakeStream> streams;
  Socket* last = nullptr;  // that the owner named
  int connect_answer = 0;  // not 0: the next connect is refused with it
  Nanos now = kSecond;

  void reset() { *this = {}; }
  FakeStream& of(Socket& sk) { return streams[&sk]; }

  // What comes from the network.
  void connected(Socket& sk);
  Socket* accepted(Socket& listener);
  void ack(Socket& sk, uint32_t bytes);
  void ack_all(Socket& sk) { ack(sk, static_cast<uint32_t>(of(sk).appended - of(sk).acked)); }
  uint32_t deliver(Socket& sk, const std::string& data);  // that came now
  uint32_t deliver(Socket& sk, const std::string& data, const RxTime& came);
  void fail(Socket& sk, int error);
  // Reads again, as a retransmission does: text, and its checksum is compared.
  std::string read(Socket& sk, uint32_t offset, uint32_t length, uint32_t piece = 1460);
  void release(Socket& sk);
};

FakeTcp& fake_tcp();

}  // namespace pinion::testing
