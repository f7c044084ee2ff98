// See streams.h.
#include "e2e/streams.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>

#include "e2e/sockets.h"

namespace pinion::e2e {

KernelStream::KernelStream(const Ends& ends)
    : ends_(ends), fd_(socket(Name(ends.kernel, 0).family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience{kPatienceMs / 1000, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

KernelStream::~KernelStream() {
  if (fd_ >= 0) close(fd_);
}

uint16_t KernelStream::listen() {
  Name local(ends_.kernel, 0);
  EXPECT_EQ(bind(fd_, local.get(), local.length), 0);
  EXPECT_EQ(::listen(fd_, SOMAXCONN), 0);
  getsockname(fd_, local.get(), &local.length);
  return local.port();
}

KernelStream KernelStream::accept() {
  KernelStream out(::accept(fd_, nullptr, nullptr));
  EXPECT_GE(out.fd_, 0) << std::strerror(errno);
  const timeval patience{kPatienceMs / 1000, 0};
  setsockopt(out.fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return out;
}

int KernelStream::connect(uint16_t port) {
  const Name peer(ends_.pinion, port);
  return ::connect(fd_, peer.get(), peer.length) < 0 ? -errno : 0;
}

int KernelStream::begin_connect(uint16_t port) {
  fcntl(fd_, F_SETFL, O_NONBLOCK);
  return connect(port);
}

// Blocks again afterwards.
int KernelStream::await_connect() {
  pollfd entry{fd_, POLLOUT, 0};
  if (poll(&entry, 1, kPatienceMs) != 1) return -ETIMEDOUT;
  fcntl(fd_, F_SETFL, 0);
  int error = 0;
  socklen_t length = sizeof error;
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
  return -error;
}

int KernelStream::send(const std::string& bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const ssize_t n = ::send(fd_, bytes.data() + at, bytes.size() - at, MSG_NOSIGNAL);
    if (n < 0) return -errno;
    at += static_cast<size_t>(n);
  }
  return 0;
}

std::string KernelStream::receive(size_t bytes) {
  std::string out(bytes, '\0');
  size_t at = 0;
  while (at < bytes) {
    const ssize_t n = recv(fd_, out.data() + at, bytes - at, 0);
    if (n <= 0) break;
    at += static_cast<size_t>(n);
  }
  out.resize(at);
  return out;
}

int KernelStream::error() {
  char byte;
  return recv(fd_, &byte, 1, 0) < 0 ? -errno : 0;
}

void KernelStream::shutdown() { ::shutdown(fd_, SHUT_WR); }

void KernelStream::reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close(fd_);
  fd_ = -1;
}

App::App(const std::string& control_socket, uint32_t core) {
  must(session.open_on(core, control_socket.c_str()));
  void* at = nullptr;
  must(session.map_memory(2 * size_t{kHalf}, &at));
  must(session.register_buffer(at, 2 * size_t{kHalf}, &buffer));
  must(cq.create(session, 64));
  memory = static_cast<char*>(at);
}

int AppStream::connect(uint16_t port) {
  rio_address peer;
  rio_parse_address(ends_.kernel, port, &peer);
  int status = socket_.create(app_.session, RIO_TYPE_STREAM, RIO_CORE_DEFAULT, peer.family);
  if (status == 0) status = socket_.connect(peer);
  return status == -EINPROGRESS ? socket_.connect_wait(kPatienceMs) : status;
}

int make_listener(const rio::Session& session, rio::Socket& listener, uint16_t port,
                  uint32_t backlog, const Ends& ends) {
  rio_address local;
  rio_parse_address(ends.any, port, &local);
  int status = listener.create(session, RIO_TYPE_STREAM, RIO_CORE_DEFAULT, local.family);
  if (status == 0) status = listener.bind(local);
  return status == 0 ? listener.listen(backlog) : status;
}

int AppStream::listen(uint16_t port) {
  return make_listener(app_.session, socket_, port, 16, ends_);
}

int AppStream::make_queue(uint32_t flags) {
  return socket_.create_queue(4, 4, app_.cq, app_.cq, 0, flags);
}

rio_result AppStream::complete(uint8_t opcode) {
  rio_result r{};
  EXPECT_TRUE(within(kPatienceMs, [&] { return app_.cq.dequeue(&r, 1) == 1; }));
  EXPECT_EQ(r.opcode, opcode);
  return r;
}

int AppStream::send(const std::string& bytes) {
  for (size_t at = 0; at < bytes.size(); at += App::kHalf) {
    const auto n = static_cast<uint32_t>(std::min<size_t>(App::kHalf, bytes.size() - at));
    std::memcpy(app_.memory, bytes.data() + at, n);
    const rio_slice slice{app_.buffer, 0, n};
    if (const int posted = socket_.send(&slice); posted != 0) return posted;
    if (const rio_result r = complete(RIO_OP_SEND); r.status != 0) return r.status;
  }
  return 0;
}

rio_result AppStream::receive_once(uint32_t bytes, uint32_t flags) {
  const rio_slice slice{app_.buffer, App::kHalf, bytes};
  EXPECT_EQ(socket_.receive(&slice, flags), 0);
  return complete(RIO_OP_RECEIVE);
}

std::string AppStream::receive(size_t bytes) {
  std::string out;
  while (out.size() < bytes) {
    const auto n = static_cast<uint32_t>(std::min<size_t>(App::kHalf, bytes - out.size()));
    const rio_result r = receive_once(n, RIO_WAITALL);
    out.append(app_.memory + App::kHalf, r.bytes);
    if (r.bytes < n) break;
  }
  return out;
}

void Accepted::open(uint16_t port, uint32_t queue_flags) {
  ASSERT_EQ(listener.listen(port), 0) << rio_last_error();
  ASSERT_EQ(peer.connect(port), 0);
  ASSERT_EQ(listener.accept(stream), 0) << rio_last_error();
  ASSERT_EQ(stream.make_queue(queue_flags), 0);
}

void Accepted::bulk_both_ways(uint32_t bytes) {
  const std::string all = pattern(bytes);
  std::string there;
  std::jthread kernel([&] {
    there = peer.receive(bytes);
    peer.send(all);
    peer.shutdown();
  });
  EXPECT_EQ(stream.send(all), 0);
  const std::string here = stream.receive(bytes);
  kernel.join();
  EXPECT_TRUE(there == all);
  EXPECT_TRUE(here == all);
  EXPECT_EQ(stream.receive_once(10).bytes, 0u);
}

}  // namespace pinion::e2e
