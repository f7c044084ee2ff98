// See rehearsal.h.
#include "host/rehearsal.h"

#include <array>

#include "rio/slot_address.h"

namespace pinion {
namespace {

// Nobody else is in this network.
constexpr Ip kOurs = Ipv4{0x0a000001}, kMirror = Ipv4{0x0a000002};
constexpr uint16_t kPort = 1;
constexpr uint32_t kBytes = 64;  // of an order
constexpr uint32_t kDepth = 8;
constexpr uint32_t kRequestsOfRound = 4;

EmbeddedConfig host_config(const Clock& clock) {
  EmbeddedConfig c;
  c.clock = clock;
  c.sessions.sessions_max = 1;
  c.sessions.features = RIO_FEATURE_EMBEDDED;
  c.sessions.region.hugepages = false;
  return c;
}

// No more of anything than two sockets want.
KernelConfig kernel_config(MirrorPort& port, const Hooks& hooks) {
  KernelConfig c;
  c.hooks = hooks;
  c.net.interfaces.push_back({.name = "mirror", .port = &port, .addresses = {{kOurs, 24}}});
  c.net.neighbours.push_back({kMirror, MirrorPort::kNeighbour, 0});
  c.net.neighbours_max = 4;
  c.net.udp_sockets_max = 2;
  c.net.reassembly_max = 0;
  c.net.igmp_groups_max = c.net.igmp_joins_max = 1;
  c.net.tcp.connections_max = c.net.tcp.bound_max = c.net.tcp.listeners_max = 4;
  c.net.tcp.syn_queue_max = 1;
  c.net.tcp.segments_max = 64;
  c.net.tcp.user_timeout = c.net.tcp.connect_timeout = kNever / 4;  // machines are suspended
  c.server.features = RIO_FEATURE_EMBEDDED;
  c.server.core_silent_ms = 0;
  c.server.sessions_max = 1;
  c.server.sockets_max = c.server.request_queues_max = 4;
  c.server.session_queues_max = c.server.session_cqs_max = 4;
  c.server.session_regions_max = c.server.session_buffers_max = 8;
  c.server.requests_max = 4 * kDepth;
  c.server.backlog_chunks = 16;
  return c;
}

}  // namespace

Rehearsal::Rehearsal(Kernel& real, const Clock& clock)
    : real_(real), host_(host_config(clock)), kernel_(kernel_config(port_, host_.hooks())) {
  host_.attach_kernel(kernel_);
}

Rehearsal::~Rehearsal() {
  if (session_ != nullptr) rio_close(session_);
}

std::unique_ptr<Rehearsal> Rehearsal::create(Kernel& real, const Clock& clock,
                                             std::string& why) {
  std::unique_ptr<Rehearsal> r(new Rehearsal(real, clock));
  if (r->open() == 0) return r;
  why.assign("rehearsal: ").append(rio_last_error());
  return nullptr;
}

int Rehearsal::open() {
  const rio_transport transport = host_.transport();
  void* memory = nullptr;
  rio_buffer_id buffer = RIO_INVALID_BUFFER;
  int status = rio_open_transport(&transport, &session_);
  if (status == 0)
    status = rio_create_completion_queue(session_, 4 * kDepth, 0, RIO_NOTIFY_NONE, &cq_);
  if (status == 0) status = rio_map_memory(session_, 4 * kBytes, &memory);
  if (status == 0) status = rio_register_buffer(session_, memory, 4 * kBytes, &buffer);
  if (status == 0) status = open_way(datagrams_, RIO_TYPE_DATAGRAM, buffer, 0);
  if (status == 0) status = open_way(stream_, RIO_TYPE_STREAM, buffer, 2 * kBytes);
  return status;
}

int Rehearsal::open_way(Way& way, uint32_t type, rio_buffer_id buffer, uint32_t offset) {
  rio_address mirror{};
  mirror.family = store_address(kMirror, mirror.bytes);
  mirror.port = kPort;
  rio_socket_t socket = nullptr;
  int status = rio_socket(session_, RIO_FAMILY_IPV4, type, 0, &socket);
  if (status == 0) status = rio_connect(socket, &mirror);
  if (status != 0 && status != -EINPROGRESS) return status;
  way.out = {buffer, offset, kBytes};
  way.in = {buffer, offset + kBytes, kBytes};
  return rio_create_request_queue(socket, kDepth, kDepth, cq_, cq_, 0, 0, &way.rq);
}

// One pass a step. What has failed is not tried again: then the core is as it is without.
void Rehearsal::step(Nanos now) {
  if (awaited_ == 0 && !post()) return void(gave_up_ = true);
  host_.poll(now);
  if (!take()) return void(gave_up_ = true);
  if (awaited_ != 0) return;
  rio_word64_store(&rounds_, rounds_ + 1);
  real_.keep_near();
  next_ = now + kEvery;
}

bool Rehearsal::post() {
  awaited_ = kRequestsOfRound;
  return rio_receive(datagrams_.rq, &datagrams_.in, 0, 0) == 0 &&
         rio_receive(stream_.rq, &stream_.in, RIO_WAITALL, 0) == 0 &&
         rio_send(datagrams_.rq, &datagrams_.out, 0, 0) == 0 &&
         rio_send(stream_.rq, &stream_.out, 0, 0) == 0;
}

bool Rehearsal::take() {
  std::array<rio_result, kRequestsOfRound> results;
  const int n = rio_dequeue(cq_, results.data(), kRequestsOfRound);
  if (n < 0) return false;
  for (const rio_result& r : std::span(results).first(static_cast<size_t>(n)))
    if (r.status != 0) return false;
  awaited_ -= static_cast<uint32_t>(n);
  return true;
}

}  // namespace pinion
