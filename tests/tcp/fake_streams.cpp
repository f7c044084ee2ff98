#include "tcp/fake_streams.h"

#include <gtest/gtest.h>

#include <cstddef>

#include "wire/checksum.h"

namespace pinion {

using testing::FakeStream;
using testing::stream_of;

FakeStream& testing::stream_of(const Socket& sk) {
  static_assert(offsetof(FakeStream, sk) == 0);
  return *reinterpret_cast<FakeStream*>(const_cast<Socket*>(&sk));
}

uint64_t stream_read(Socket& sk, uint32_t offset, MutableBytes out, uint64_t sum) {
  FakeStream& s = stream_of(sk);
  EXPECT_EQ(s.released, 0);
  EXPECT_LE(size_t{offset} + out.size(), s.to_send.size());
  if (size_t{offset} + out.size() > s.to_send.size()) return sum;
  for (size_t i = 0; i < out.size(); ++i) out[i] = s.to_send[offset + i];
  return checksum_add(sum, Bytes{out});
}

void stream_acked(Socket& sk, uint32_t bytes, Nanos) {
  FakeStream& s = stream_of(sk);
  EXPECT_LE(bytes, s.to_send.size());
  s.to_send.erase(
      s.to_send.begin(),
      s.to_send.begin() + static_cast<std::ptrdiff_t>(std::min<size_t>(bytes, s.to_send.size())));
  s.acked += bytes;
}

uint32_t stream_room(const Socket& sk) {
  const FakeStream& s = stream_of(sk);
  return s.room > s.held ? s.room - s.held : 0;
}

uint32_t stream_deliver(Socket& sk, Bytes data, bool, const RxTime& came, Nanos) {
  FakeStream& s = stream_of(sk);
  s.came.push_back(came.at);
  EXPECT_EQ(s.ends, 0);
  EXPECT_EQ(s.released, 0);
  const auto n = std::min<uint32_t>(stream_room(sk), static_cast<uint32_t>(data.size()));
  s.received.append(reinterpret_cast<const char*>(data.data()), n);
  if (!s.reads) s.held += n;
  return n;
}

StreamChunk* stream_take(Socket& sk) {
  FakeStream& s = stream_of(sk);
  if (s.chunks >= s.chunks_max) return nullptr;
  ++s.chunks;
  return new StreamChunk;
}

void stream_give(Socket& sk, StreamChunk* chunk) {
  --stream_of(sk).chunks;
  delete chunk;
}

void stream_connected(Socket& sk, Nanos) { ++stream_of(sk).connected; }

Socket* stream_accepted(Socket& listener, Nanos) {
  FakeStream& s = stream_of(listener);
  if (s.accepted.size() >= s.backlog_max) return nullptr;
  s.accepted.push_back(std::make_unique<FakeStream>());
  return &s.accepted.back()->sk;
}

void stream_end(Socket& sk, Nanos) { ++stream_of(sk).ends; }

void stream_failed(Socket& sk, int error, Nanos) {
  FakeStream& s = stream_of(sk);
  EXPECT_EQ(s.released, 0);
  ++s.failures;
  s.error = error;
}

void stream_released(Socket& sk, Nanos) {
  FakeStream& s = stream_of(sk);
  ++s.released;
  EXPECT_EQ(s.released, 1);
  EXPECT_EQ(s.chunks, 0u);
}

Drop socket_deliver(Socket&, const Arrival&, Nanos) { return Drop::none; }
void socket_sent(uint64_t, int, Nanos, void*) {}
void socket_error(Socket&, int, Nanos) {}

}  // namespace pinion
