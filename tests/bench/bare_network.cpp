#include "bench/bare_network.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <utility>

#include "bench/bed.h"
#include "support/packets.h"
#include "wire/checksum.h"
#include "wire/eth.h"
#include "wire/ipv4.h"

namespace pinion::bench {

using gateway::Endpoint;
using gateway::SocketId;

namespace {

constexpr uint16_t kClientPort = 5555, kWindow = 65'535;

Ipv4 address_in(const std::string& text) {
  rio_address a;
  must(rio_parse_address(text.c_str(), 0, &a), "address");
  return ipv4(a.bytes[0], a.bytes[1], a.bytes[2], a.bytes[3]);
}

}  // namespace

BareNetwork::BareNetwork(const Link& link) : link_(link), slots_(kSlots) {}

BareNetwork::Slot& BareNetwork::open(Kind kind, uint16_t our_port, SocketId& out) {
  Slot* slot = slots_.take();
  if (slot == nullptr) must(-ENOBUFS, "bare sockets");
  slot->kind = kind, slot->our_port = our_port;
  slot->memory.resize(kReceiveBytes);
  slot->received.reset(slot->memory.data(), kReceiveBytes);
  out = slots_.id(*slot);
  return *slot;
}

int BareNetwork::listen(const Endpoint& at, gateway::StreamHandler& handler) {
  SocketId id;
  open(Kind::listener, at.port, id).handler = &handler;
  return 0;
}

int BareNetwork::connect(const Endpoint& to, gateway::StreamHandler& handler, SocketId& out) {
  Slot& slot = open(Kind::connecting, kClientPort, out);
  slot.handler = &handler, slot.their_port = to.port;
  transmit(slot, kTcpSyn, {});
  return 0;
}

bool BareNetwork::send(SocketId stream, std::string_view bytes) {
  Slot* slot = slots_.find(stream);
  if (slot == nullptr || slot->kind != Kind::stream || bytes.size() > kSegmentMax) return false;
  transmit(*slot, kTcpAck | kTcpPsh, bytes);
  return true;
}

void BareNetwork::close(SocketId stream) {
  if (Slot* slot = slots_.find(stream)) slot->used = false;
}

int BareNetwork::open_datagram(const Endpoint&, gateway::DatagramHandler&, SocketId& out) {
  open(Kind::datagram, 0, out);
  return 0;
}

bool BareNetwork::send_to(SocketId, const Endpoint& to, std::string_view bytes) {
  const Ipv4 group = address_in(to.ip);
  const Mac ours = link_.port.capabilities().mac;
  send_frame(testing::udp_frame({group_mac(group), ours},
                                  {link_.our_ip, group, kClientPort, to.port},
                                  testing::bytes_of(bytes)));
  return true;
}

// Its checksum is right: the stack looks.
void BareNetwork::transmit(Slot& slot, uint8_t flags, std::string_view payload) {
  std::array<std::byte, sizeof(TcpHdr) + kSegmentMax> room;
  TcpSegment s;
  s.source_port = slot.our_port, s.destination_port = slot.their_port;
  s.seq = slot.next, s.ack = slot.expected, s.flags = flags, s.wnd = kWindow;
  const size_t header = tcp_emit(s, room);
  if (!payload.empty()) std::memcpy(room.data() + header, payload.data(), payload.size());
  const MutableBytes packet(room.data(), header + payload.size());
  uint64_t sum = pseudo_header_sum(Ip(link_.our_ip), Ip(link_.their_ip), kProtocolTcp,
                                   static_cast<uint16_t>(packet.size()));
  sum = checksum_add(sum, packet);
  TcpHdr h = load<TcpHdr>(room.data());
  h.checksum = be16::of(checksum_finish(sum));
  std::memcpy(room.data(), &h, sizeof h);
  slot.next = slot.next + static_cast<uint32_t>(payload.size()) + ((flags & kTcpSyn) != 0 ? 1 : 0);
  const Mac ours = link_.port.capabilities().mac;
  send_frame(testing::ipv4_frame({link_.theirs, ours}, link_.our_ip, link_.their_ip,
                                   kProtocolTcp, packet));
}

void BareNetwork::send_frame(Bytes bytes) {
  Frame* frame;
  while (link_.port.alloc({&frame, 1}) == 0) {
  }
  std::memcpy(frame->append(static_cast<uint32_t>(bytes.size())), bytes.data(), bytes.size());
  while (link_.port.tx_burst({&frame, 1}) == 0) {
  }
}

int BareNetwork::poll() {
  std::array<Frame*, 32> frames;
  const size_t count = link_.port.rx_burst(frames);
  for (Frame* frame : std::span(frames).first(count)) on_frame(std::as_const(*frame).bytes());
  link_.port.free(std::span(frames).first(count));
  return static_cast<int>(count);
}

void BareNetwork::on_frame(Bytes frame) {
  if (frame.size() < sizeof(EthHdr) + sizeof(Ipv4Hdr)) return;
  const auto eth = load<EthHdr>(frame.data());
  const auto ip = load<Ipv4Hdr>(frame.data() + sizeof eth);
  if (eth.type.get() != kEthTypeIpv4 || ip.protocol != kProtocolTcp) return;
  const size_t length = ip.total_length.get();
  TcpSegment segment;
  if (length < sizeof ip || length > frame.size() - sizeof eth ||
      tcp_parse(frame.subspan(sizeof eth + sizeof ip, length - sizeof ip), segment) != Drop::none)
    must(-EPROTO, "bare frame");
  on_segment(segment);
}

BareNetwork::Slot* BareNetwork::find(const TcpSegment& s) {
  for (Slot& slot : slots_)
    if (slot.used && slot.kind != Kind::listener && slot.kind != Kind::datagram &&
        slot.our_port == s.destination_port && slot.their_port == s.source_port)
      return &slot;
  return nullptr;
}

void BareNetwork::on_segment(const TcpSegment& s) {
  if (s.has_rst() || s.has_fin()) must(-ECONNRESET, "bare connection");
  Slot* slot = find(s);
  if (slot == nullptr) return on_syn(s);
  if (slot->kind == Kind::connecting) {
    if (!s.has_syn() || !s.has_ack()) must(-EPROTO, "bare handshake");
    slot->expected = s.seq + 1;
    slot->kind = Kind::stream;
    transmit(*slot, kTcpAck, {});
    return slot->handler->on_connected(slots_.id(*slot));
  }
  if (s.payload.empty()) return;
  if (s.seq == slot->expected) return on_payload(*slot, s.payload);
  transmit(*slot, kTcpAck, {});  // sent again: it has not seen ours
}

void BareNetwork::on_syn(const TcpSegment& s) {
  if (!s.has_syn()) return;
  for (Slot& listener : slots_) {
    if (!listener.used || listener.kind != Kind::listener ||
        listener.our_port != s.destination_port)
      continue;
    SocketId id;
    Slot& slot = open(Kind::stream, s.destination_port, id);
    slot.their_port = s.source_port, slot.expected = s.seq + 1;
    transmit(slot, kTcpSyn | kTcpAck, {});
    slot.handler = listener.handler->on_accepted(id);
    return;
  }
}

// The handler first: what it measures ends with the bytes, not with our ACK of them.
void BareNetwork::on_payload(Slot& slot, Bytes payload) {
  if (slot.received.room() < payload.size()) must(-ENOBUFS, "bare stream");
  std::memcpy(slot.received.at_back(), payload.data(), payload.size());
  slot.received.added(static_cast<uint32_t>(payload.size()));
  slot.expected = slot.expected + static_cast<uint32_t>(payload.size());
  const Seq before = slot.next;
  slot.received.consumed(slot.handler->on_received(slots_.id(slot), slot.received.unread()));
  if (slot.next == before) transmit(slot, kTcpAck, {});
}

}  // namespace pinion::bench
