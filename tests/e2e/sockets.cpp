// See sockets.h.
#include "e2e/sockets.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "e2e/world.h"

namespace pinion::e2e {

namespace {

constexpr uint32_t kSendBytes = 65'536;  // at the start of the application's memory

rio_address rio_endpoint(const std::string& ip, uint16_t port) {
  rio_address a{};
  EXPECT_EQ(rio_parse_address(ip.c_str(), port, &a), 0) << ip;
  return a;
}

std::string text_of(const rio_address& a) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(a.family == RIO_FAMILY_IPV6 ? AF_INET6 : AF_INET, a.bytes, text, sizeof text);
}

}  // namespace

std::string pattern(size_t length) {
  std::string bytes(length, '\0');
  for (size_t i = 0; i < length; ++i) bytes[i] = static_cast<char>(i * 7 + length * 13 + i / 251);
  return bytes;
}

KernelSocket::KernelSocket(const std::string& ip) {
  const Name local(ip, 0);
  fd_ = socket(local.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(bind(fd_, local.get(), local.length), 0) << std::strerror(errno);
}
KernelSocket::~KernelSocket() { close(fd_); }

void KernelSocket::connect(const std::string& ip, uint16_t port) {
  const Name peer(ip, port);
  EXPECT_EQ(::connect(fd_, peer.get(), peer.length), 0);
}

int KernelSocket::send(const std::string& bytes) {
  return ::send(fd_, bytes.data(), bytes.size(), 0) < 0 ? -errno : 0;
}

int KernelSocket::send_to(const std::string& bytes, const std::string& ip, uint16_t port) {
  const Name peer(ip, port);
  return sendto(fd_, bytes.data(), bytes.size(), 0, peer.get(), peer.length) < 0 ? -errno : 0;
}

std::optional<Datagram> KernelSocket::receive(int patience_ms) {
  pollfd p{fd_, POLLIN, 0};
  char bytes[65536];
  Name from;
  if (poll(&p, 1, patience_ms) <= 0) return std::nullopt;
  const ssize_t n = recvfrom(fd_, bytes, sizeof bytes, MSG_DONTWAIT, from.get(), &from.length);
  if (n < 0) return std::nullopt;
  const auto size = static_cast<size_t>(n);
  return Datagram{
      .bytes = std::string(bytes, size), .ip = from.ip(), .port = from.port(), .true_length = size};
}

int KernelSocket::receive_error() {
  pollfd p{fd_, POLLIN, 0};
  char byte;
  if (poll(&p, 1, kPatienceMs) <= 0) return 0;
  return recv(fd_, &byte, sizeof byte, MSG_DONTWAIT) < 0 ? -errno : 0;
}

uint16_t KernelSocket::port() const {
  Name local;
  getsockname(fd_, local.get(), &local.length);
  return local.port();
}

AppSocket::AppSocket(const std::string& control_socket, const AppOptions& options)
    : options_(options) {
  must(session_.open_on(options_.core, control_socket.c_str()));
  void* memory = nullptr;
  const size_t bytes = kSendBytes + size_t{options_.receives} * options_.slice;
  must(session_.map_memory(bytes, &memory));
  must(session_.register_buffer(memory, bytes, &buffer_));
  memory_ = static_cast<char*>(memory);
  must(cq_.create(session_, 2 * options_.receives));
  const rio_address local = rio_endpoint(options_.any, options_.port);
  must(socket_.create(session_, RIO_TYPE_DATAGRAM, RIO_CORE_DEFAULT, local.family));
  must(socket_.bind(local));
  must(socket_.create_queue(options_.receives, options_.receives, cq_, cq_));
  for (uint32_t i = 0; i < options_.receives; ++i) post_receive(i);
}

void AppSocket::connect(const std::string& ip, uint16_t port) {
  EXPECT_EQ(socket_.connect(rio_endpoint(ip, port)), 0) << rio_last_error();
}

void AppSocket::post_receive(uint32_t index) {
  const rio_slice slice{buffer_, kSendBytes + index * options_.slice, options_.slice};
  EXPECT_EQ(socket_.receive(&slice, 0, index), 0);
}

void AppSocket::take_completions() {
  rio_result results[16];
  const int n = cq_.dequeue(results, 16);
  // At once: who waits would hear it again and again, some million times before its deadline.
  if (n < 0) throw std::runtime_error(std::string("dequeue: ") + std::strerror(-n));
  for (int i = 0; i < n; ++i) {
    const rio_result& r = results[i];
    if (r.opcode == RIO_OP_SEND) {
      sent_.push_back(r.status);
      continue;
    }
    const auto index = static_cast<uint32_t>(r.request_context);
    const char* at = memory_ + kSendBytes + index * options_.slice;
    const uint32_t length = r.bytes < options_.slice ? r.bytes : options_.slice;
    received_.push_back({std::string(at, length), text_of(r.peer), r.peer.port, r.status, r.bytes,
                         r.time_ns, r.time_source});
    post_receive(index);
  }
}

int AppSocket::send(const std::string& bytes, const std::string& ip, uint16_t port) {
  std::memcpy(memory_, bytes.data(), bytes.size());
  const rio_slice slice{buffer_, 0, static_cast<uint32_t>(bytes.size())};
  const rio_address to = ip.empty() ? rio_address{} : rio_endpoint(ip, port);
  const int posted = ip.empty() ? socket_.send(&slice) : socket_.send_to(&slice, to);
  if (posted != 0) return posted;
  const int64_t end = now_ms() + kPatienceMs;
  while (sent_.empty() && now_ms() < end) take_completions();
  if (sent_.empty()) return -ETIMEDOUT;
  const int status = sent_.front();
  sent_.pop_front();
  return status;
}

std::optional<Datagram> AppSocket::receive(int patience_ms) {
  const int64_t end = now_ms() + patience_ms;
  while (received_.empty() && now_ms() < end) take_completions();
  if (received_.empty()) return std::nullopt;
  Datagram first = std::move(received_.front());
  received_.pop_front();
  return first;
}

int AppSocket::membership(bool joins, const std::string& group, const std::string& source) {
  rio_address to{}, from{};
  EXPECT_EQ(rio_parse_address(group.c_str(), 0, &to), 0);
  const rio_address* only = source.empty() ? nullptr : &from;
  if (only != nullptr) {
    EXPECT_EQ(rio_parse_address(source.c_str(), 0, &from), 0);
  }
  return joins ? socket_.join_group(to, only) : socket_.leave_group(to, only);
}

int AppSocket::join(const std::string& group, const std::string& source) {
  return membership(true, group, source);
}

int AppSocket::leave(const std::string& group, const std::string& source) {
  return membership(false, group, source);
}

int64_t AppSocket::option(uint32_t which) {
  int64_t value = 0;
  EXPECT_EQ(socket_.get_option(which, &value), 0) << rio_last_error();
  return value;
}

int64_t AppSocket::wait_for_error() {
  int64_t error = 0;
  within(kPatienceMs, [&] { return (error = option(RIO_SO_ERROR)) != 0; });
  return error;
}

uint16_t AppSocket::port() {
  rio_address local{};
  EXPECT_EQ(socket_.local_address(&local), 0) << rio_last_error();
  return local.port;
}

}  // namespace pinion::e2e
