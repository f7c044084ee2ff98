// TCP against Linux, much of it: a thousand connections at once in both roles, bulk with a checksum
// and its throughput, and nginx.
//
//   PINION_E2E_BULK_MB=1024 e2e_tests --gtest_filter=TcpScale.*
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "e2e/sockets.h"
#include "e2e/streams.h"

namespace pinion::e2e {
namespace {

using TcpScale = World;

constexpr uint16_t kScalePort = 7200;
constexpr uint32_t kConnections = 1000;
constexpr uint32_t kWord = sizeof(uint64_t);

// An application whose connections each say one word and hear it again.
class ManyStreams {
 public:
  explicit ManyStreams(const std::string& control_socket) {
    must(session_.open(control_socket.c_str()));
    must(session_.map_memory(kConnections * kWord, &memory_));
    must(session_.register_buffer(memory_, kConnections * kWord, &buffer_));
    must(cq_.create(session_, 2 * kConnections));
  }

  int listen(uint16_t port) { return make_listener(session_, listener_, port, kConnections); }
  int accept() { return listener_.accept_wait(kPatienceMs, sockets_.emplace_back()); }
  int begin_connect(uint16_t port) {
    rio_address peer;
    rio_parse_address(kKernelIp, port, &peer);
    rio::Socket& socket = sockets_.emplace_back();
    if (const int status = socket.create(session_, RIO_TYPE_STREAM); status != 0) return status;
    return socket.connect(peer);
  }
  int await_connect(uint32_t i) { return sockets_[i].connect_wait(kPatienceMs); }

  // Each connection receives its word and sends it back.
  void echo_all() {
    for (uint32_t i = 0; i < sockets_.size(); ++i) {
      const rio_slice slice = word(i);
      ASSERT_EQ(sockets_[i].create_queue(1, 1, cq_, cq_, i), 0) << rio_last_error();
      ASSERT_EQ(sockets_[i].receive(&slice, RIO_WAITALL), 0);
    }
    for (size_t sent = 0; sent < sockets_.size();) {
      rio_result r{};
      ASSERT_TRUE(within(kPatienceMs, [&] { return cq_.dequeue(&r, 1) == 1; })) << sent;
      ASSERT_EQ(r.status, 0);
      ASSERT_EQ(r.bytes, kWord);
      if (r.opcode == RIO_OP_SEND) {
        ++sent;
        continue;
      }
      const rio_slice slice = word(static_cast<uint32_t>(r.socket_context));
      ASSERT_EQ(sockets_[r.socket_context].send(&slice), 0);
    }
  }

 private:
  rio_slice word(uint32_t i) const { return {buffer_, i * kWord, kWord}; }

  rio::Session session_;
  rio::CompletionQueue cq_;
  rio::Socket listener_;
  std::vector<rio::Socket> sockets_;
  void* memory_ = nullptr;
  rio_buffer_id buffer_ = RIO_INVALID_BUFFER;
};

// The kernel's ends are descriptors of this process.
bool may_open(rlim_t descriptors) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min(limit.rlim_max, std::max(limit.rlim_cur, descriptors));
  return setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= descriptors;
}

std::string word_of(uint64_t number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

// Every peer says another word, and hears it.
void expect_echoes(std::vector<KernelStream>& peers, ManyStreams& app) {
  for (size_t i = 0; i < peers.size(); ++i) ASSERT_EQ(peers[i].send(word_of(i * 7919)), 0) << i;
  app.echo_all();
  for (size_t i = 0; i < peers.size(); ++i)
    ASSERT_EQ(peers[i].receive(kWord), word_of(i * 7919)) << i;
}

TEST_F(TcpScale, AThousandConnectionsFromLinuxAtOnce) {
  if (!may_open(2 * kConnections)) GTEST_SKIP() << "needs more descriptors (ulimit -n)";
  ManyStreams app(socket_path());
  ASSERT_EQ(app.listen(kScalePort), 0) << rio_last_error();
  std::vector<KernelStream> peers(kConnections);
  for (KernelStream& peer : peers) ASSERT_EQ(peer.begin_connect(kScalePort), -EINPROGRESS);
  for (uint32_t i = 0; i < kConnections; ++i) ASSERT_EQ(app.accept(), 0) << rio_last_error();
  for (KernelStream& peer : peers) ASSERT_EQ(peer.await_connect(), 0);
  expect_echoes(peers, app);
}

TEST_F(TcpScale, AThousandConnectionsToLinuxAtOnce) {
  if (!may_open(2 * kConnections)) GTEST_SKIP() << "needs more descriptors (ulimit -n)";
  KernelStream listener;
  const uint16_t port = listener.listen();
  ManyStreams app(socket_path());
  std::vector<KernelStream> peers;
  std::jthread accepting([&] {
    for (uint32_t i = 0; i < kConnections; ++i) peers.push_back(listener.accept());
  });
  for (uint32_t i = 0; i < kConnections; ++i) EXPECT_EQ(app.begin_connect(port), -EINPROGRESS);
  for (uint32_t i = 0; i < kConnections; ++i) EXPECT_EQ(app.await_connect(i), 0);
  accepting.join();
  expect_echoes(peers, app);
}

TEST_F(TcpScale, OneAfterAnother) {
  constexpr int kTimes = 300;
  App app(socket_path());
  AppStream listener(app);
  ASSERT_EQ(listener.listen(kScalePort + 2), 0) << rio_last_error();
  const int64_t begun = now_ms();
  for (int i = 0; i < kTimes; ++i) {
    KernelStream peer;
    AppStream stream(app);
    ASSERT_EQ(peer.connect(kScalePort + 2), 0) << i;
    ASSERT_EQ(listener.accept(stream), 0) << i << rio_last_error();
  }
  const auto ms = static_cast<double>(std::max<int64_t>(1, now_ms() - begun));
  std::printf("%.0f connections opened and closed a second\n", kTimes * 1e3 / ms);
}

// A stream of numbers that never repeats itself, and its checksum: a misplaced byte changes it.
class Numbers {
 public:
  std::string next(size_t bytes) {
    std::string out(bytes, '\0');
    for (size_t at = 0; at < bytes; at += kWord) {
      state_ = state_ * 6364136223846793005u + 1442695040888963407u;
      std::memcpy(&out[at], &state_, kWord);
    }
    return out;
  }

 private:
  uint64_t state_ = 1;
};
class Checksum {
 public:
  void add(const char* bytes, size_t count) {
    for (size_t at = 0; at + kWord <= count; at += kWord) {
      uint64_t word;
      std::memcpy(&word, bytes + at, kWord);
      sum_ = (sum_ ^ word) * 0x100000001b3;
    }
    count_ += count;
  }
  bool operator==(const Checksum&) const = default;

 private:
  uint64_t sum_ = 0xcbf29ce484222325, count_ = 0;
};

uint64_t bulk_bytes() {
  const char* megabytes = std::getenv("PINION_E2E_BULK_MB");
  return (megabytes != nullptr ? std::strtoull(megabytes, nullptr, 10) : 16) << 20;
}

void print_rate(const char* way, uint64_t bytes, int64_t begun_ms) {
  const auto ms = static_cast<double>(std::max<int64_t>(1, now_ms() - begun_ms));
  std::printf("%s: %.0f MB in %.2f s, %.3f Gbit/s\n", way, static_cast<double>(bytes) / 1e6,
              ms / 1e3, static_cast<double>(bytes) * 8 / 1e6 / ms);
}

constexpr uint32_t kBlock = App::kHalf / 4;  // four are outstanding

Checksum kernel_receives(KernelStream& peer, uint64_t bytes) {
  Checksum sum;
  for (uint64_t at = 0; at < bytes; at += kBlock) {
    const std::string block = peer.receive(kBlock);
    sum.add(block.data(), block.size());
  }
  return sum;
}

Checksum kernel_sends(KernelStream& peer, uint64_t bytes) {
  Numbers numbers;
  Checksum sum;
  for (uint64_t at = 0; at < bytes; at += kBlock) {
    const std::string block = numbers.next(kBlock);
    sum.add(block.data(), block.size());
    if (peer.send(block) != 0) break;
  }
  return sum;
}

Checksum app_sends(App& app, AppStream& stream, uint64_t bytes) {
  Numbers numbers;
  Checksum sum;
  uint64_t posted = 0;
  for (uint64_t done = 0; done < bytes; done += kBlock) {
    for (; posted < bytes && posted - done < App::kHalf; posted += kBlock) {
      const std::string block = numbers.next(kBlock);
      sum.add(block.data(), block.size());
      const auto at = static_cast<uint32_t>(posted % App::kHalf);
      std::memcpy(app.memory + at, block.data(), kBlock);
      const rio_slice slice{app.buffer, at, kBlock};
      EXPECT_EQ(stream.socket().send(&slice), 0);
    }
    const rio_result r = stream.complete(RIO_OP_SEND);
    EXPECT_EQ(r.status, 0);
    if (r.status != 0) break;
  }
  return sum;
}

Checksum app_receives(App& app, AppStream& stream, uint64_t bytes) {
  Checksum sum;
  uint64_t posted = 0;
  for (uint64_t done = 0; done < bytes; done += kBlock) {
    for (; posted < bytes && posted - done < App::kHalf; posted += kBlock) {
      const rio_slice slice{app.buffer, App::kHalf + static_cast<uint32_t>(posted % App::kHalf),
                            kBlock};
      EXPECT_EQ(stream.socket().receive(&slice, RIO_WAITALL), 0);
    }
    const rio_result r = stream.complete(RIO_OP_RECEIVE);
    EXPECT_EQ(r.status, 0);
    if (r.status != 0 || r.bytes != kBlock) break;
    sum.add(app.memory + App::kHalf + done % App::kHalf, kBlock);
  }
  return sum;
}

TEST_F(TcpScale, BulkWithAChecksum) {
  const uint64_t bytes = bulk_bytes();
  App app(socket_path());
  AppStream listener(app), stream(app);
  ASSERT_EQ(listener.listen(kScalePort + 1), 0) << rio_last_error();
  KernelStream peer;
  ASSERT_EQ(peer.connect(kScalePort + 1), 0);
  ASSERT_EQ(listener.accept(stream), 0);
  ASSERT_EQ(stream.make_queue(), 0);
  Checksum there, here;
  int64_t begun = now_ms();
  std::jthread receiving([&] { there = kernel_receives(peer, bytes); });
  here = app_sends(app, stream, bytes);
  receiving.join();
  EXPECT_TRUE(here == there);
  print_rate("Pinion to Linux", bytes, begun);
  begun = now_ms();
  std::jthread sending([&] { there = kernel_sends(peer, bytes); });
  here = app_receives(app, stream, bytes);
  sending.join();
  EXPECT_TRUE(here == there);
  print_rate("Linux to Pinion", bytes, begun);
}

TEST_F(TcpScale, NginxServesUs) {
  if (run({"sh", "-c", "command -v nginx"}).status != 0) GTEST_SKIP() << "needs nginx";
  constexpr uint16_t kNginxPort = 8088;
  const std::string body = pattern(3'000'000), dir = scratch().path("");
  scratch().write("body", body);
  const std::string file = scratch().write(
      "nginx.conf", "daemon off; master_process off; user root; error_log stderr; pid " + dir +
                        "nginx.pid;\nevents {}\nhttp { access_log off; client_body_temp_path " +
                        dir + "b; proxy_temp_path " + dir + "p; fastcgi_temp_path " + dir +
                        "f; uwsgi_temp_path " + dir + "u; scgi_temp_path " + dir +
                        "s; server { listen " + kKernelIp + ":" + std::to_string(kNginxPort) +
                        "; root " + dir + "; } }\n");
  Program nginx({"nginx", "-p", dir, "-e", "stderr", "-c", file});
  App app(socket_path());
  ASSERT_TRUE(within(kPatienceMs, [&] { return AppStream(app).connect(kNginxPort) == 0; }))
      << nginx.output();
  for (int i = 0; i < 5; ++i) {
    AppStream stream(app);
    ASSERT_EQ(stream.connect(kNginxPort), 0) << rio_last_error();
    ASSERT_EQ(stream.make_queue(), 0);
    ASSERT_EQ(stream.send("GET /body HTTP/1.1\r\nHost: linux\r\nConnection: close\r\n\r\n"), 0);
    const std::string answer = stream.receive(body.size() + 4096);  // to its end
    EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer.substr(0, 100);
    EXPECT_TRUE(answer.ends_with("\r\n\r\n" + body)) << answer.size();
  }
  EXPECT_EQ(nginx.end(SIGTERM), 0) << nginx.output();
}

}  // namespace
}  // namespace pinion::e2e
