// An application with a stream on a kernel without ports, over a TCP that does what the test says.
#pragma once
#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <memory>

#include "fake_tcp.h"
#include "support/bed.h"

namespace pinion::testing {

inline constexpr Endpoint kServer{ipv4(10, 0, 0, 2), 80};

// Says how each request ended, once.
struct Ending {
  int32_t status = 0;
  uint32_t bytes = 0, flags = 0;
  friend bool operator==(const Ending&, const Ending&) = default;
};

struct StreamBed : QueueBed {
  // Before everything that talks to it.
  struct Fresh {
    Fresh() { fake_tcp().reset(); }
  };
  Fresh fresh;
  RawApp app;
  RawCq cq;
  uint32_t socket = 0;
  RawRq rq;
  Socket* sk = nullptr;

  explicit StreamBed(RqOptions options = {}, ServerConfig server = {}, SessionQuota quota = {})
      : QueueBed(server), app(kernel, 0, now, quota), cq(app.create_cq(4096)) {
    socket = new_socket();
    if (options.receives + options.sends != 0) rq = app.create_rq(socket, cq, cq, options);
  }
  // With a connection.
  static std::unique_ptr<StreamBed> connected(RqOptions options = {}, ServerConfig server = {},
                                              SessionQuota quota = {}) {
    auto bed = std::make_unique<StreamBed>(options, server, quota);
    EXPECT_EQ(bed->connect(), -EINPROGRESS);
    fake_tcp().connected(*bed->sk);
    bed->poll();
    return bed;
  }

  rio_control ask(uint16_t opcode, uint32_t handle, uint32_t a = 0, uint64_t size = 0) {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
    m.handle = handle, m.a = a, m.size = size;
    return app.call(m);
  }
  uint32_t new_socket() {
    rio_control m{};
    m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET;
    m.a = RIO_FAMILY_IPV4, m.b = RIO_TYPE_STREAM;
    const rio_control reply = app.call(m);
    EXPECT_EQ(reply.status, 0) << reply.why;
    return reply.handle;
  }
  int connect() {
    const int status = app.connect(socket, kServer).status;
    sk = fake_tcp().last;
    return status;
  }
  int set(uint32_t option, uint64_t value) {
    return ask(RIO_CTL_SETSOCKOPT, socket, option, value).status;
  }
  int close() { return ask(RIO_CTL_SOCKET_CLOSE, socket).status; }
  FakeStream& tcp() { return fake_tcp().of(*sk); }

  void send(const std::string& text, uint64_t context = 0, uint16_t flags = 0) {
    app.send_text(rq, text, {}, context, flags);
  }
  void receive(uint32_t length, uint64_t context = 0, uint16_t flags = 0, uint32_t offset = 0) {
    app.receive(rq, offset, length, context, flags);
  }
  // What has completed since, by request context. Twice the same context fails.
  std::map<uint64_t, Ending> endings() {
    std::map<uint64_t, Ending> out;
    for (const rio_abi_completion& c : app.dequeue_all(cq)) {
      EXPECT_EQ(out.count(c.request_context), 0u) << "context " << c.request_context;
      out[c.request_context] = {c.status, c.bytes, c.flags & RIO_CF_UNSENT};
    }
    return out;
  }
};

using Endings = std::map<uint64_t, Ending>;

}  // namespace pinion::testing
