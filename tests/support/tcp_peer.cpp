// See tcp_peer.h.
#include "support/tcp_peer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "rio/slot_address.h"

namespace pinion::testing {

namespace {

::testing::ScopedTrace trace(const Where& where) {
  return {where.file_name(), static_cast<int>(where.line()), "here"};
}

uint32_t length_of(const Seg& seg) {
  return static_cast<uint32_t>(seg.data.size()) + ((seg.flags & kSyn) != 0) +
         ((seg.flags & kFin) != 0);
}

std::string flag_names(uint8_t flags) {
  std::string names;
  for (unsigned i = 0; i < 8; ++i)
    if (flags >> i & 1u) names += "FSRPAUEC"[i];
  return names.empty() ? "none" : names;
}

rio_address address_of(Endpoint e) {
  rio_address a{};
  a.family = store_address(e.address, a.bytes), a.port = e.port;
  return a;
}

}  // namespace

Packet TcpEnd::frame(const Seg& seg) const {
  TcpFields tcp{.src = remote.port,
                .dst = local.port,
                .seq = iss + seg.seq,
                .flags = seg.flags,
                .window = seg.window.value_or(window),
                .checksum = seg.checksum,
                .urgent = seg.urgent};
  if ((seg.flags & kAck) != 0 || seg.ack) tcp.ack = irs + seg.ack.value_or(received);
  if (seg.options) tcp.options = *seg.options;
  else if (timestamps) tcp.options = kNop + kNop + pinion::testing::timestamps(ts_now(), ts_echo);
  return frame_of(
      TcpSegment{.ip = {.tos = seg.tos, .src = remote.address.v4(), .dst = local.address.v4()},
                 .tcp = tcp,
                 .data = seg.data});
}

Seg TcpEnd::relative(const Decoded& d) {
  if (!d.tcp) {
    ADD_FAILURE() << "what leaves is not TCP";
    return {};
  }
  EXPECT_EQ((Endpoint{d.ip->dst, d.tcp->dst}), remote);
  EXPECT_EQ((Endpoint{d.ip->src, d.tcp->src}), local);
  if ((d.tcp->flags & kSyn) != 0) irs = d.tcp->seq;
  if (const auto ts = options_of(*d.tcp).ts_value) ts_echo = *ts;
  Seg seg{.flags = d.tcp->flags,
          .seq = d.tcp->seq - irs,
          .ack = d.tcp->ack - iss,
          .data = d.data,
          .window = d.tcp->window,
          .options = d.tcp->options,
          .urgent = d.tcp->urgent,
          .tos = d.ip->tos};
  if ((seg.flags & kAck) == 0) seg.ack = {};
  const uint32_t end = seg.seq + length_of(seg);
  if ((seg.flags & kRst) == 0 && static_cast<int32_t>(end - received) > 0) received = end;
  return seg;
}

Seg TcpEnd::expects_any(Where where) {
  const auto here = trace(where);
  const Packet frame = peer_.expects_frame(where);
  return frame.empty() ? Seg{} : relative(decode(frame));
}

Decoded TcpEnd::expects(const Seg& seg, Where where) {
  const auto here = trace(where);
  const Packet frame = peer_.expects_frame(where);
  if (frame.empty()) return {};
  Decoded decoded = decode(frame);
  const Seg got = relative(decoded);
  EXPECT_EQ(flag_names(got.flags & ~kPsh), flag_names(seg.flags & ~kPsh));
  EXPECT_EQ(got.seq, seg.seq) << "relative sequence number";
  if (seg.ack) {
    EXPECT_EQ(got.ack.value_or(0), *seg.ack) << "relative acknowledgment";
  }
  EXPECT_EQ(got.data.size(), seg.data.size()) << "bytes of data";
  EXPECT_TRUE(got.data == seg.data) << "other bytes";
  if (seg.window) {
    EXPECT_EQ(got.window, seg.window);
  }
  if (seg.options) {
    EXPECT_EQ(got.options, seg.options);
  }
  return decoded;
}

void TcpEnd::expects_data(uint32_t from, uint32_t to, uint32_t segment_bytes, Where where) {
  const auto here = trace(where);
  while (from != to) {
    const Seg got = expects_any(where);
    const uint32_t length = std::min(segment_bytes, to - from);
    EXPECT_EQ(got.seq, from);
    EXPECT_EQ(got.data.size(), length);
    if (got.data.empty()) return;
    from += length;
  }
}

std::vector<Seg> TcpEnd::take_all(Where where) {
  std::vector<Seg> all;
  for (const Packet& frame : peer_.take_all(where)) all.push_back(relative(decode(frame)));
  return all;
}

TcpSocket::TcpSocket(Peer& peer, StreamSocketOptions options) : peer_(peer), options_(options) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = RIO_CTL_SOCKET;
  m.a = options_.local.address.is_v4() ? RIO_FAMILY_IPV4 : RIO_FAMILY_IPV6;
  m.b = RIO_TYPE_STREAM;
  const rio_control reply = app().call(m);
  EXPECT_EQ(reply.status, 0) << reply.why;
  handle_ = reply.handle;
  if (options.queue) create_queue();
  if (options.local.port != 0) {
    EXPECT_EQ(app().bind(handle_, options.local).status, 0);
  }
}

TcpSocket::TcpSocket(Peer& peer, StreamSocketOptions options, uint32_t handle)
    : peer_(peer), options_(options), handle_(handle) {
  if (options.queue) create_queue();
}

void TcpSocket::create_queue() {
  cq_ = app().create_cq(options_.receives + options_.sends);
  rq_ = app().create_rq(
      handle_, cq_, cq_,
      {.receives = options_.receives, .sends = options_.sends, .flags = options_.queue_flags});
}

rio_control TcpSocket::call(uint16_t opcode, uint32_t a, uint64_t size,
                            std::optional<Endpoint> address) {
  rio_control m{};
  m.magic = RIO_CONTROL_MAGIC, m.opcode = opcode;
  m.handle = handle_, m.a = a, m.size = size;
  if (address) m.address = address_of(*address);
  app().set_now(peer_.now);
  return app().call(m);
}

int TcpSocket::listen(uint32_t backlog) { return call(RIO_CTL_LISTEN, backlog).status; }
rio_control TcpSocket::accept_reply() { return call(RIO_CTL_ACCEPT); }
int TcpSocket::connect(Endpoint remote) { return call(RIO_CTL_CONNECT, 0, 0, remote).status; }
int TcpSocket::connect_status() { return call(RIO_CTL_CONNECT_STATUS).status; }
int TcpSocket::shutdown() { return call(RIO_CTL_SHUTDOWN).status; }
int TcpSocket::close() { return call(RIO_CTL_SOCKET_CLOSE).status; }

std::optional<uint32_t> TcpSocket::accept() {
  const rio_control reply = accept_reply();
  if (reply.status == -EAGAIN) return std::nullopt;
  EXPECT_EQ(reply.status, 0) << reply.why;
  return reply.handle2;
}

void TcpSocket::receive(uint64_t context, uint32_t length, uint16_t flags) {
  const uint32_t at = peer_.take_receive_area(options_.session, length);
  areas_[context] = at;
  std::fill_n(app().data(at), length, std::byte{});
  app().receive(rq_, at, length, context, flags);
}

void TcpSocket::send(const std::string& text, uint64_t context, uint16_t flags) {
  app().send_text(rq_, text, std::nullopt, context, flags);
}

rio_abi_completion TcpSocket::expects_completion(Where where) {
  const auto here = trace(where);
  const auto c = app().dequeue(cq_);
  EXPECT_TRUE(c.has_value()) << "no completion";
  return c.value_or(rio_abi_completion{});
}

void TcpSocket::expects_sent(uint64_t context, Where where) {
  const auto here = trace(where);
  const rio_abi_completion c = expects_completion(where);
  EXPECT_EQ(c.flags & RIO_CF_OPCODE_MASK, uint32_t{RIO_OP_SEND});
  EXPECT_EQ(c.request_context, context);
  EXPECT_EQ(c.status, 0);
}

void TcpSocket::expects_failed(uint64_t context, int32_t status, Where where) {
  const auto here = trace(where);
  const rio_abi_completion c = expects_completion(where);
  EXPECT_EQ(c.request_context, context);
  EXPECT_EQ(c.status, status);
}

std::string TcpSocket::expects_received(uint64_t context, Where where) {
  const auto here = trace(where);
  const rio_abi_completion c = expects_completion(where);
  EXPECT_EQ(c.flags & RIO_CF_OPCODE_MASK, uint32_t{RIO_OP_RECEIVE});
  EXPECT_EQ(c.request_context, context);
  EXPECT_EQ(c.status, 0);
  return areas_.contains(context) ? area(context, c.bytes) : "";
}

void TcpSocket::expects_end(uint64_t context, Where where) {
  const auto here = trace(where);
  EXPECT_EQ(expects_received(context, where), "");
}

void TcpSocket::expects_no_completion(Where where) {
  const auto here = trace(where);
  const auto c = app().dequeue(cq_);
  EXPECT_FALSE(c.has_value()) << "context " << c->request_context << ", status " << c->status;
}

int TcpSocket::set_option(uint32_t option, uint64_t value) {
  return call(RIO_CTL_SETSOCKOPT, option, value).status;
}

int64_t TcpSocket::option(uint32_t option) {
  const rio_control reply = call(RIO_CTL_GETSOCKOPT, option);
  EXPECT_EQ(reply.status, 0) << reply.why;
  return static_cast<int64_t>(reply.size);
}

std::string TcpSocket::area(uint64_t context, uint32_t length) {
  return app().text(areas_.at(context), length);
}

Endpoint TcpSocket::name(bool peer) {
  const rio_control reply = call(peer ? RIO_CTL_GETPEERNAME : RIO_CTL_GETSOCKNAME);
  EXPECT_EQ(reply.status, 0) << reply.why;
  return {load_address(reply.address.bytes, reply.address.family), reply.address.port};
}

namespace {

// The remote end's address is pinned unless a test says otherwise: conversations last longer than a
// neighbour's entry does, and its questions are not of TCP.
PeerOptions with_neighbour(const TcpBedOptions& bed) {
  PeerOptions options = bed.peer;
  if (!bed.pinned) return options;
  options.net.neighbours.push_back({.address = kPeerIp, .mac = kPeerMac, .interface = 0});
  options.net.neighbours.push_back({.address = kGatewayIp, .mac = kPeerMac, .interface = 0});
  options.resolved = false;
  return options;
}

}  // namespace

TcpBed::TcpBed(TcpBedOptions options)
    : peer(with_neighbour(options)),
      remote(peer, kPeerEndpoint, options.socket.local),
      options_(std::move(options)) {
  remote.iss = options_.iss;
  remote.window = options_.window;
}

void TcpBed::expects_state(TcpState state, Where where) {
  const auto here = trace(where);
  EXPECT_STREQ(tcp_state_name(socket->state()), tcp_state_name(state));
}

void TcpBed::reach(TcpState state, Where where) {
  const auto here = trace(where);
  if (state == TcpState::closed) return;
  open(state);
  switch (state) {
    case TcpState::closed:
    case TcpState::listen:
    case TcpState::syn_sent:
    case TcpState::syn_received: return;
    case TcpState::established: break;
    case TcpState::fin_wait_1:
    case TcpState::fin_wait_2:
    case TcpState::closing:
    case TcpState::time_wait: close_first(state); break;
    case TcpState::close_wait:
    case TcpState::last_ack: close_second(state); break;
  }
  peer.poll();
  peer.expects_nothing(where);
  expects_state(state, where);
}

void TcpBed::open(TcpState state) {
  if (state == TcpState::syn_sent || options_.active) open_actively(state);
  else open_passively(state);
}

void TcpBed::open_actively(TcpState state) {
  socket.emplace(peer, options_.socket);
  EXPECT_EQ(socket->connect(remote.remote), -EINPROGRESS);
  peer.poll(2);
  remote.expects({.flags = kSyn});
  if (state == TcpState::syn_sent) return;
  std::string reply = options_.syn_options;
  if (state == TcpState::syn_received) {  // simultaneous open
    remote.sends({.flags = kSyn, .options = reply});
    remote.expects({.flags = kSyn | kAck, .ack = 1});
    return;
  }
  remote.sends({.flags = kSyn | kAck, .ack = 1, .options = reply});
  remote.timestamps = options_of({.options = reply}).ts_value.has_value();
  remote.expects({.seq = 1, .ack = 1});
  EXPECT_EQ(socket->connect_status(), 0);
}

void TcpBed::open_passively(TcpState state) {
  StreamSocketOptions listening = options_.socket;
  listening.queue = false;
  listener.emplace(peer, listening);
  EXPECT_EQ(listener->listen(options_.backlog), 0);
  if (state == TcpState::listen) return;
  remote.sends({.flags = kSyn, .options = options_.syn_options});
  remote.timestamps = options_of({.options = options_.syn_options}).ts_value.has_value();
  remote.expects({.flags = kSyn | kAck, .ack = 1});
  if (state == TcpState::syn_received) return;
  remote.sends({.seq = 1, .ack = 1});
  const auto handle = listener->accept();
  EXPECT_TRUE(handle.has_value()) << "nothing to accept";
  socket.emplace(peer, options_.socket, handle.value_or(0));
}

void TcpBed::close_first(TcpState state) {
  EXPECT_EQ(socket->shutdown(), 0);
  peer.poll(2);
  remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 1});
  ours = 2;
  if (state == TcpState::fin_wait_1) return;
  if (state == TcpState::closing) {
    remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 1});
    remote.expects({.seq = 2, .ack = 2});
    theirs = 2;
    return;
  }
  remote.sends({.seq = 1, .ack = 2});
  if (state == TcpState::fin_wait_2) return;
  remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 2});
  remote.expects({.seq = 2, .ack = 2});
  theirs = 2;
}

void TcpBed::close_second(TcpState state) {
  remote.sends({.flags = kFin | kAck, .seq = 1, .ack = 1});
  remote.expects({.seq = 1, .ack = 2});
  theirs = 2;
  if (state == TcpState::close_wait) return;
  EXPECT_EQ(socket->shutdown(), 0);
  peer.poll(2);
  remote.expects({.flags = kFin | kAck, .seq = 1, .ack = 2});
  ours = 2;
}

}  // namespace pinion::testing
