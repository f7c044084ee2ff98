// See fake_tcp.h. Defines every function of Tcp, so that the linker takes none from stack/tcp.
#include "fake_tcp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "tcp/tcp.h"
#include "wire/checksum.h"

namespace pinion {

using testing::fake_tcp;
using testing::FakeStream;

namespace {
FakeStream& of(Socket& sk) {
  fake_tcp().last = &sk;
  FakeStream& s = fake_tcp().of(sk);
  EXPECT_FALSE(s.released) << "TCP had let go of this socket";
  return s;
}
}  // namespace

Tcp::Tcp(const TcpConfig& config, const TcpSurroundings&, Net& net, Counters& counters)
    : net_(net),
      counters_(counters),
      config_(config),
      loss_{},
      isn_key_{},
      timestamp_key_{},
      cookie_key_{},
      demux_({.bound_max = 1, .connections_max = 1}),
      tcbs_(1),
      segments_(1),
      listeners_(1),
      timers_(1),
      challenges_(1, 0),
      resets_(1) {}
Tcp::~Tcp() = default;

bool Tcp::is_ours(const TcpSegment&, const FourTuple&, Nanos) const { return true; }
Drop Tcp::input(const TcpSegment&, const FourTuple&, Nanos) { return Drop::tcp_no_connection; }
bool Tcp::icmp_error(const TcpIcmpError&, const FourTuple&, Nanos) { return false; }
void Tcp::flush(Nanos) {}
void Tcp::expire(Nanos) {}

int Tcp::bind(Socket& sk, Endpoint local, bool) {
  of(sk);
  if (sk.bound) return -EINVAL;
  sk.bound = true;
  sk.local = {local.address, local.port != 0 ? local.port : uint16_t{40000}};
  return 0;
}

int Tcp::listen(Socket& sk, uint32_t, Nanos) {
  of(sk).listening = true;
  return 0;
}

int Tcp::connect(Socket& sk, Endpoint remote, Nanos) {
  of(sk);
  if (fake_tcp().connect_answer != 0) return std::exchange(fake_tcp().connect_answer, 0);
  sk.connected = true;
  sk.local = {ipv4(10, 0, 0, 1), 40000}, sk.remote = remote;
  return -EINPROGRESS;
}

void Tcp::append(Socket& sk, uint32_t bytes, Nanos) {
  FakeStream& s = of(sk);
  EXPECT_FALSE(s.fin || s.closed);
  EXPECT_NE(bytes, 0u);
  s.appended += bytes;
  EXPECT_LE(s.appended - s.acked, 1u << 30);
  ++s.appends;
}

void Tcp::output(Socket& sk, Nanos) {
  FakeStream& s = of(sk);
  ++s.outputs;
  const uint64_t end = s.connected ? std::min(s.appended, s.acked + s.window) : s.sent;
  if (end - s.sent > 1 << 22) return;  // gigabytes: nobody looks at them
  s.wire += fake_tcp().read(sk, static_cast<uint32_t>(s.sent - s.acked),
                            static_cast<uint32_t>(end - s.sent));
  s.sent = end;
}

void Tcp::room_grew(Socket& sk, Nanos) {
  ++of(sk).windows;
  if (const auto on_room = std::exchange(of(sk).on_room, nullptr)) on_room();
}
void Tcp::options_changed(Socket& sk, Nanos) { of(sk); }

int Tcp::shutdown(Socket& sk, Nanos) {
  of(sk).fin = true;
  return 0;
}

void Tcp::close(Socket& sk, Nanos) {
  FakeStream& s = of(sk);
  EXPECT_FALSE(s.closed);
  s.closed = true;
  if (s.acked == s.appended || !s.connected) fake_tcp().release(sk);
}

void Tcp::abort(Socket& sk, int error, Nanos now) {
  FakeStream& s = of(sk);
  s.aborted = error;
  if (!s.closed) stream_failed(sk, error, now);
  fake_tcp().release(sk);
}

StreamInfo Tcp::info(const Socket& sk) const {
  StreamInfo info;
  const FakeStream& s = fake_tcp().of(const_cast<Socket&>(sk));
  info.state = s.listening   ? TcpState::listen
               : s.connected ? TcpState::established
                             : TcpState::closed;
  return info;
}

namespace testing {

FakeTcp& fake_tcp() {
  static FakeTcp fake;
  return fake;
}

void FakeTcp::connected(Socket& sk) {
  of(sk).connected = true;
  stream_connected(sk, now);
}

Socket* FakeTcp::accepted(Socket& listener) {
  Socket* sk = stream_accepted(listener, now);
  if (sk == nullptr) return nullptr;
  streams[sk] = {};
  streams[sk].connected = sk->connected = true;
  sk->local = listener.local;
  sk->remote = {ipv4(10, 0, 0, 2), static_cast<uint16_t>(50000 + streams.size())};
  return sk;
}

void FakeTcp::ack(Socket& sk, uint32_t bytes) {
  FakeStream& s = of(sk);
  s.acked += bytes;
  s.sent = std::max(s.sent, s.acked);
  stream_acked(sk, bytes, now);
  if (s.closed && s.acked == s.appended) release(sk);
}

uint32_t FakeTcp::deliver(Socket& sk, const std::string& data) {
  return deliver(sk, data, {now, false});
}
uint32_t FakeTcp::deliver(Socket& sk, const std::string& data, const RxTime& came) {
  return stream_deliver(sk, std::as_bytes(std::span{data}), true, came, now);
}

void FakeTcp::fail(Socket& sk, int error) {
  FakeStream& s = of(sk);
  s.connected = false;
  if (!s.closed) return stream_failed(sk, error, now);
  release(sk);
}

std::string FakeTcp::read(Socket& sk, uint32_t offset, uint32_t length, uint32_t piece) {
  std::string out;
  while (out.size() < length) {
    std::string part(std::min<size_t>(piece, length - out.size()), '?');
    const auto bytes = std::as_writable_bytes(std::span{part});
    const auto at = static_cast<uint32_t>(offset + out.size());
    const uint64_t sum = stream_read(sk, at, bytes, 0x1234);
    EXPECT_EQ(checksum_fold(sum), checksum_fold(checksum_add(0x1234, bytes)));
    out += part;
  }
  return out;
}

void FakeTcp::release(Socket& sk) {
  FakeStream& s = streams[&sk];
  EXPECT_FALSE(s.released);
  s.released = true;
  for (StreamChunk* c : s.held) stream_give(sk, c);
  s.held.clear();
  stream_released(sk, now);
}

}  // namespace testing
}  // namespace pinion
