// See raw_app.h.
#include "support/raw_app.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "rio/slot_address.h"

namespace pinion::testing {

namespace {

std::byte* zeroed_pages(size_t bytes) {
  void* p = std::aligned_alloc(4096, (bytes + 4095) & ~size_t{4095});
  STACK_CHECK(p != nullptr);
  std::memset(p, 0, (bytes + 4095) & ~size_t{4095});
  return static_cast<std::byte*>(p);
}

rio_control message(uint16_t opcode) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC;
  m.opcode = opcode;
  return m;
}

rio_address address_of(Endpoint e) {
  rio_address a{};
  a.family = store_address(e.address, a.bytes), a.port = e.port;
  return a;
}

}  // namespace

RawApp::RawApp(Kernel& kernel, uint32_t id, Nanos now, SessionQuota quota, Memory memory)
    : kernel_(kernel), id_(id), memory_(memory), now_(now), send_offset_(memory.data / 2) {
  session_region_ = zeroed_pages(RIO_SESSION_REGION_BYTES);
  region_ = zeroed_pages(memory_.region);
  data_ = region_ + memory_.region - memory_.data;
  KernelMessage open;
  open.op = KernelMessage::Op::session_open;
  open.session = id, open.base = session_region_, open.size = RIO_SESSION_REGION_BYTES;
  open.quota = quota;
  open.value = id;  // whose it is: each session has a user of its own, the same on every core
  kernel_.control(open, now_);
  STACK_CHECK(open.status == 0);
  KernelMessage add;
  add.op = KernelMessage::Op::region_add;
  add.session = id, add.region = 0, add.base = region_, add.size = memory_.region;
  add.reach = memory_.reach;
  kernel_.control(add, now_);
  STACK_CHECK(add.status == 0);
  rio_control m = message(RIO_CTL_BUFFER_REGISTER);
  m.size = memory_.region - memory_.data;
  ring_buffer_ = call(m).handle;
  m.offset = memory_.region - memory_.data, m.size = memory_.data;
  data_buffer_ = call(m).handle;
}

RawApp::~RawApp() {
  end();
  std::free(region_);
  std::free(session_region_);
}

int RawApp::end() {
  if (ended_) return 0;
  KernelMessage m;
  m.op = KernelMessage::Op::session_end;
  m.session = id_;
  do kernel_.control(m, now_);
  while (m.status == -EINPROGRESS);
  ended_ = true;
  return m.status;
}

rio_control RawApp::call(rio_control app) {
  KernelMessage m;
  m.session = id_, m.app = app;
  m.signal_fd = app.opcode == RIO_CTL_CQ_CREATE && app.c != 0 ? static_cast<int>(app.f) : -1;
  if (m.signal_fd >= 0) m.app.f = 0;
  kernel_.control(m, now_);
  m.app.status = m.status;
  return m.app;
}

std::byte* RawApp::take_ring(uint64_t bytes, uint64_t& offset) {
  offset = ring_used_;
  ring_used_ += (bytes + 63) & ~uint64_t{63};
  STACK_CHECK(ring_used_ <= memory_.region - memory_.data);
  return region_ + offset;
}

RawCq RawApp::create_cq(uint32_t entries, uint32_t start, int signal_fd) {
  const uint32_t capacity = std::bit_ceil(entries * 2);
  const uint64_t bytes = sizeof(rio_abi_cq) + uint64_t{capacity} * sizeof(rio_abi_completion);
  rio_control m = message(RIO_CTL_CQ_CREATE);
  RawCq cq;
  cq.header = reinterpret_cast<rio_abi_cq*>(take_ring(bytes, m.offset));
  cq.slots = reinterpret_cast<rio_abi_completion*>(cq.header + 1);
  cq.mask = capacity - 1, cq.position = start;
  cq.header->slot_bytes = RIO_SLOT_BYTES, cq.header->capacity = capacity;
  cq.header->start = cq.header->consumed = start;
  for (uint32_t i = 0; i < capacity; ++i)
    cq.slots[i].sequence = rio_ring_initial_sequence(i, start, cq.mask);
  m.a = entries, m.handle2 = ring_buffer_, m.size = bytes;
  if (signal_fd >= 0) m.c = 1, m.f = static_cast<uint32_t>(signal_fd);
  const rio_control reply = call(m);
  STACK_CHECK(reply.status == 0);
  cq.handle = reply.handle, cq.doorbell = reply.e;
  return cq;
}

uint32_t RawApp::socket(uint32_t family) { return socket_of(RIO_TYPE_DATAGRAM, family); }
uint32_t RawApp::stream_socket(uint32_t family) { return socket_of(RIO_TYPE_STREAM, family); }

uint32_t RawApp::socket_of(uint32_t type, uint32_t family) {
  rio_control m = message(RIO_CTL_SOCKET);
  m.a = family, m.b = type;
  const rio_control reply = call(m);
  STACK_CHECK(reply.status == 0);
  return reply.handle;
}

rio_control RawApp::bind(uint32_t socket, Endpoint local) {
  rio_control m = message(RIO_CTL_BIND);
  m.handle = socket, m.address = address_of(local);
  return call(m);
}

rio_control RawApp::connect(uint32_t socket, Endpoint remote) {
  rio_control m = message(RIO_CTL_CONNECT);
  m.handle = socket, m.address = address_of(remote);
  return call(m);
}

void RawApp::make_ring(const RqOptions& options, RawRq& rq, rio_control& m) {
  const uint32_t capacity = std::bit_ceil(std::max(1u, options.receives + options.sends));
  const uint64_t bytes = sizeof(rio_abi_rq) + uint64_t{capacity} * sizeof(rio_abi_request);
  rq.header = reinterpret_cast<rio_abi_rq*>(take_ring(bytes, m.offset));
  rq.slots = reinterpret_cast<rio_abi_request*>(rq.header + 1);
  rq.mask = capacity - 1, rq.position = options.start;
  rq.header->slot_bytes = RIO_SLOT_BYTES, rq.header->capacity = capacity;
  rq.header->start = options.start;
  for (uint32_t i = 0; i < capacity; ++i)
    rq.slots[i].sequence = rio_ring_initial_sequence(i, options.start, rq.mask);
  m.a = options.receives, m.b = options.sends, m.handle2 = ring_buffer_, m.size = bytes;
}

rio_control RawApp::try_create_rq(uint32_t socket, const RawCq& receive_cq, const RawCq& send_cq,
                                  const RqOptions& options, RawRq& rq) {
  rio_control m = message(RIO_CTL_RQ_CREATE);
  make_ring(options, rq, m);
  m.handle = socket, m.c = receive_cq.handle, m.d = send_cq.handle, m.f = options.flags;
  m.context = options.socket_context;
  const rio_control reply = call(m);
  rq.id = reply.handle, rq.doorbell = reply.e;
  return reply;
}

rio_control RawApp::resize_rq(RawRq& rq, const RqOptions& options, RawRq& out) {
  rio_control m = message(RIO_CTL_RQ_RESIZE);
  RqOptions at = options;
  at.start = rq.position;
  make_ring(at, out, m);
  m.handle = out.id = rq.id, m.c = rq.position;
  out.doorbell = rq.doorbell;
  return call(m);
}

RawRq RawApp::create_rq(uint32_t socket, const RawCq& receive_cq, const RawCq& send_cq,
                        const RqOptions& options) {
  RawRq rq;
  const rio_control reply = try_create_rq(socket, receive_cq, send_cq, options, rq);
  STACK_CHECK(reply.status == 0);
  return rq;
}

void RawApp::post(RawRq& rq, rio_abi_request slot) {
  rio_abi_request& to = rq.slots[rq.position & rq.mask];
  // All but the sequence word, which the core may be looking at.
  constexpr size_t kBehind = sizeof slot.sequence;
  static_assert(offsetof(rio_abi_request, sequence) == 0);
  std::memcpy(reinterpret_cast<std::byte*>(&to) + kBehind,
              reinterpret_cast<const std::byte*>(&slot) + kBehind, sizeof slot - kBehind);
  rio_ring_publish(&to.sequence, rq.position++);
  rio_ring_post_barrier(0);
  if (rio_word_load(&rq.header->state) != RIO_RQ_STATE_HOT) ring(rq.doorbell);
}

void RawApp::ring(uint32_t doorbell) {
  rio_doorbell_ring(header().doorbell_summary, bells(), doorbell);
}

void RawApp::nop(RawRq& rq, uint64_t context, uint16_t flags) {
  rio_abi_request slot{};
  slot.opcode = RIO_OP_NOP, slot.flags = flags, slot.request_context = context;
  slot.buffer_id = RIO_INVALID_BUFFER;
  post(rq, slot);
}

void RawApp::send(RawRq& rq, uint32_t offset, uint32_t length, std::optional<Endpoint> to,
                  uint64_t context, uint16_t flags) {
  rio_abi_request slot{};
  slot.opcode = RIO_OP_SEND, slot.flags = flags, slot.request_context = context;
  slot.buffer_id = data_buffer_, slot.offset = offset, slot.length = length;
  if (to) {
    const rio_address a = address_of(*to);
    slot.family = a.family, slot.port = a.port;
    std::memcpy(slot.peer, a.bytes, sizeof slot.peer);
  }
  post(rq, slot);
}

void RawApp::send_text(RawRq& rq, const std::string& text, std::optional<Endpoint> to,
                       uint64_t context, uint16_t flags) {
  const auto length = static_cast<uint32_t>(text.size());
  if (send_offset_ + length > memory_.data) send_offset_ = memory_.data / 2;
  std::memcpy(data_ + send_offset_, text.data(), length);
  send(rq, send_offset_, length, to, context, flags);
  send_offset_ += length;
}

void RawApp::receive(RawRq& rq, uint32_t offset, uint32_t length, uint64_t context,
                     uint16_t flags) {
  rio_abi_request slot{};
  slot.opcode = RIO_OP_RECEIVE, slot.flags = flags, slot.request_context = context;
  slot.buffer_id = data_buffer_, slot.offset = offset, slot.length = length;
  post(rq, slot);
}

void RawApp::commit(RawRq& rq) {
  rio_commit_add(&rq.header->commits);
  ring(rq.doorbell);
}

std::optional<rio_abi_completion> RawApp::dequeue(RawCq& cq) {
  const rio_abi_completion& slot = cq.slots[cq.position & cq.mask];
  if (!rio_ring_ready(&slot.sequence, cq.position)) return std::nullopt;
  const rio_abi_completion copy = slot;
  rio_word_store(&cq.header->consumed, ++cq.position);
  return copy;
}

std::vector<rio_abi_completion> RawApp::dequeue_all(RawCq& cq) {
  std::vector<rio_abi_completion> all;
  while (auto c = dequeue(cq)) all.push_back(*c);
  return all;
}

std::string RawApp::text(uint32_t offset, uint32_t length) const {
  return {reinterpret_cast<const char*>(data_ + offset), length};
}

}  // namespace pinion::testing
