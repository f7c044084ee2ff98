// UDP output: one datagram, copied into a frame or attached to it, and put on its path; or, to
// where the socket's last one went, behind a copy of its headers (socket/flow.h).
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "wire/checksum.h"
#include "wire/udp.h"

namespace pinion {
namespace {

void write(std::byte* to, be16 value) { std::memcpy(to, &value, sizeof value); }

// Puts the payload behind the header that is in the frame, and returns the header's checksum. Of a
// port that computes it: the sum over the pseudo header, not complemented. `header`: the sum of the
// header, its checksum left out.
uint16_t put_payload(const UdpSend& send, bool attach, uint64_t pseudo, uint64_t header,
                     Frame& frame) {
  const auto length = static_cast<uint32_t>(send.payload.size());
  if ((frame.tx_offload & kTxUdpCsum) == 0) {
    const uint64_t sum = copy_and_sum(frame.append(length), send.payload, pseudo);
    return udp_checksum_field(checksum_join(sum, header));
  }
  if (attach) frame.attach(send.payload);
  else if (length != 0) std::memcpy(frame.append(length), send.payload.data(), length);
  return checksum_fold(pseudo);
}

// `bytes`: of the packet, or of its first fragment.
void note_sent(const UdpSend& send, size_t bytes) {
  PathMtu* path = send.path_mtu;
  if (path == nullptr) return;
  if (path->sent_to != send.destination.address)
    path->sent_to = send.destination.address, path->sent_most = 0;
  if (bytes > path->sent_most) path->sent_most = static_cast<uint16_t>(bytes);
}

void emit_datagram(const UdpSend& send, Ip source, bool attach, Frame& frame) {
  UdpDatagram datagram{send.source.port, send.destination.port, 0, send.payload};
  const auto length = static_cast<uint16_t>(sizeof(UdpHdr) + send.payload.size());
  const MutableBytes out{frame.append(sizeof(UdpHdr)), sizeof(UdpHdr)};
  udp_emit(datagram, out);
  datagram.checksum = put_payload(
      send, attach, pseudo_header_sum(source, send.destination.address, kProtocolUdp, length),
      checksum_add(0, out), frame);
  udp_emit(datagram, out);
}

}  // namespace

int Net::udp_send(const UdpSend& send, Nanos now) {
  more_work_ = 0;
  // What is longer goes the long way, which knows how old payload_max is.
  if (send.flow != nullptr && send.payload.size() <= send.flow->payload_max &&
      holds(*send.flow, send))
    return udp_send_again(send, *send.flow, now);
  if (send.destination.port == 0) return -EINVAL;
  Path path;
  if (const int status = find_path(send.source.address, send.destination.address, path);
      status != 0)
    return status;
  if (path.broadcast && !send.broadcast_ok) return -EACCES;
  path.narrower = narrower_mtu(send, path, now);
  const size_t mtu = path.mtu();
  const size_t headers = ip_header_bytes(send.destination.address) + sizeof(UdpHdr);
  if (mtu < headers || send.payload.size() > mtu - headers)
    return send.fragment ? udp_send_fragments(send, path, now) : -EMSGSIZE;
  if (const int status = admit(path, send.owner, now); status != 0) return status;
  Frame* frame = frame_alloc(*path.interface);
  if (!frame) return -EAGAIN;

  STACK_DCHECK(frame->tailroom >= sizeof(UdpHdr) + send.payload.size());
  const bool offload = (path.interface->tx_offload & kTxUdpCsum) != 0;
  // What may have to wait for its neighbour is copied: a session's end waits for no neighbour.
  const bool attach =
      (send.may_attach >> path.interface->port & 1) != 0 && path.ready && offload && !send.loop;
  if (offload) frame->tx_offload |= kTxUdpCsum;
  emit_datagram(send, path.source, attach, *frame);
  frame->token = send.token;
  const Bytes payload{frame->data + sizeof(UdpHdr), send.payload.size()};
  const int status = ip_output(path, frame,
                               {.ttl = send.ttl,
                                .tos = send.tos,
                                .protocol = kProtocolUdp,
                                .destination = send.destination.address},
                               now);
  if (status != 0) return status;
  ++counters_.udp_sent;
  note_sent(send, headers + send.payload.size());
  if (path.group && send.loop) loop_back(send, path, payload, now);
  if (send.flow != nullptr && path.neighbour != nullptr && path.ready)
    keep(*send.flow, send, path, *frame);
  return 0;
}

// A datagram over the MTU: its checksum is over the whole, so none of it is left to the port.
int Net::udp_send_fragments(const UdpSend& send, Path& path, Nanos now) {
  const size_t length = sizeof(UdpHdr) + send.payload.size();
  if (length > UINT16_MAX) return -EMSGSIZE;
  if (const int status = admit(path, send.owner, now); status != 0) return status;
  UdpDatagram datagram{send.source.port, send.destination.port, 0, send.payload};
  std::byte head[sizeof(UdpHdr)];
  udp_emit(datagram, head);
  const uint64_t pseudo = pseudo_header_sum(path.source, send.destination.address, kProtocolUdp,
                                            static_cast<uint16_t>(length));
  datagram.checksum = udp_checksum_field(
      checksum_add(checksum_join(pseudo, checksum_add(0, Bytes{head})), send.payload));
  udp_emit(datagram, head);
  const int status = ip_output_fragments(path, {head, send.payload},
                                         {.ttl = send.ttl,
                                          .tos = send.tos,
                                          .protocol = kProtocolUdp,
                                          .destination = send.destination.address},
                                         send.token, now);
  if (status != 0) return status;
  ++counters_.udp_sent;
  note_sent(send, path.mtu());
  if (path.group && send.loop) loop_back(send, path, send.payload, now);
  return 0;
}

// What routers said of the path to there, if it is below the interface's MTU; else 0.
uint16_t Net::narrower_mtu(const UdpSend& send, const Path& path, Nanos now) {
  const PathMtu* told = send.path_mtu;
  if (told == nullptr || told->mtu == 0 || told->until <= now) return 0;
  if (told->destination != send.destination.address) return 0;
  return told->mtu < path.interface->mtu_bytes ? told->mtu : uint16_t{0};
}

// To members of this core: the frame waits for its port, so its bytes are there still. Nobody is
// told if there are none.
void Net::loop_back(const UdpSend& send, const Path& path, Bytes payload, Nanos now) {
  const Arrival arrival{.payload = payload,
                        .from = {path.source, send.source.port},
                        .to = send.destination,
                        .time = now};
  group_deliver(path.interface->index, arrival, now);
  if (mesh_ != nullptr) copy_loop(send, path, payload);
}

// Is what was kept of the last datagram true for this one? Routes and addresses do not change.
bool Net::holds(const Flow& flow, const UdpSend& send) const {
  if (send.destination.port == 0 || send.destination != flow.destination) return false;
  if (send.source != flow.source || send.ttl != flow.ttl || send.tos != flow.tos) return false;
  return flow_holds(flow);
}

bool Net::flow_holds(const Flow& flow) const {
  const Neighbour& n = *flow.neighbour;
  const PortState& p = ports_[interfaces_[flow.interface].port];
  return n.address == flow.next_hop && n.interface == flow.interface && n.settled() && p.link_up &&
         n.mac == flow.mac;
}

// Of a frame that waits for its port, headers and all.
void Net::keep(Flow& flow, const UdpSend& send, const Path& path, const Frame& frame) const {
  keep_ip(flow, send.source, send.destination, path, frame);
  flow.ttl = send.ttl, flow.tos = send.tos;
  flow.payload_max = static_cast<uint16_t>(path.mtu() - flow.ip_bytes - sizeof(UdpHdr));
  std::byte* at = flow.headers + flow.headers_length;
  flow.headers_length += sizeof(UdpHdr);
  STACK_DCHECK(flow.headers_length <= Flow::kHeadersMax);
  UdpHdr udp;
  std::memcpy(&udp, frame.data + (at - flow.headers), sizeof udp);
  udp.length = udp.checksum = be16{};
  std::memcpy(at, &udp, sizeof udp);
  flow.ports_sum = checksum_add(0, std::as_bytes(std::span{&udp, 1}));
  flow.pseudo_sum = pseudo_header_sum(path.source, send.destination.address, kProtocolUdp, 0);
}

// Where a packet went, and its headers up to IP's, whose length and checksum become 0.
void Net::keep_ip(Flow& flow, const Endpoint& source, const Endpoint& destination, const Path& path,
                  const Frame& frame) {
  flow.source = source, flow.destination = destination;
  flow.interface = path.interface->index;
  flow.next_hop = path.next_hop, flow.mac = path.neighbour->mac;
  flow.neighbour = path.neighbour;
  flow.ip_bytes = static_cast<uint8_t>(ip_header_bytes(destination.address));
  flow.headers_length = frame.l2_length + uint32_t{flow.ip_bytes};
  std::memcpy(flow.headers, frame.data, flow.headers_length);
  std::byte* ip = flow.headers + frame.l2_length;
  if (flow.ip_bytes == sizeof(Ipv6Hdr)) {
    write(ip + offsetof(Ipv6Hdr, payload_length), be16{});
    return;
  }
  write(ip + offsetof(Ipv4Hdr, total_length), be16{});
  write(ip + offsetof(Ipv4Hdr, checksum), be16{});
  flow.ip_sum = checksum_add(0, Bytes{ip, sizeof(Ipv4Hdr)});
}

// Of kept headers, which stand in the frame: the length, and IPv4's checksum. `behind`: bytes that
// follow the IP header.
void Net::finish_kept(const Flow& flow, uint16_t behind, Frame& frame) {
  std::byte* ip = frame.data + frame.l2_length;
  if (flow.ip_bytes == sizeof(Ipv6Hdr)) {
    write(ip + offsetof(Ipv6Hdr, payload_length), be16::of(behind));
    return;
  }
  const auto ip_length = static_cast<uint16_t>(sizeof(Ipv4Hdr) + behind);
  write(ip + offsetof(Ipv4Hdr, total_length), be16::of(ip_length));
  if ((frame.tx_offload & kTxIpv4Csum) != 0) return;
  const uint16_t checksum = checksum_finish(checksum_add(flow.ip_sum, ip_length));
  write(ip + offsetof(Ipv4Hdr, checksum), be16::of(checksum));
}

// udp_send where the flow holds: the checks that are left, and the same bytes.
int Net::udp_send_again(const UdpSend& send, const Flow& flow, Nanos now) {
  Interface& interface = interfaces_[flow.interface];
  if (ports_[interface.port].queued >= tx_queue_max_) return -EAGAIN;
  Frame* frame = frame_alloc(interface);
  if (frame == nullptr) return -EAGAIN;
  frame->token = send.token;
  frame->l2_length = static_cast<uint8_t>(flow.headers_length - flow.ip_bytes - sizeof(UdpHdr));
  frame->l3_length = flow.ip_bytes;
  // IPv6 has no checksum of its own: who was asked for one would write it into the source address.
  const bool v4 = flow.ip_bytes == sizeof(Ipv4Hdr);
  frame->tx_offload = interface.tx_offload & (v4 ? kTxIpv4Csum | kTxUdpCsum : kTxUdpCsum);

  const auto udp_length = static_cast<uint16_t>(sizeof(UdpHdr) + send.payload.size());
  std::byte* udp = frame->push(flow.headers_length) + flow.headers_length - sizeof(UdpHdr);
  flow.put_headers(frame->data);
  const uint64_t pseudo = checksum_add(flow.pseudo_sum, udp_length);
  const bool attach = (send.may_attach >> interface.port & 1) != 0;
  const uint16_t udp_checksum =
      put_payload(send, attach, pseudo, checksum_add(flow.ports_sum, udp_length), *frame);
  write(udp + offsetof(UdpHdr, length), be16::of(udp_length));
  write(udp + offsetof(UdpHdr, checksum), be16::of(udp_checksum));
  finish_kept(flow, udp_length, *frame);
  pad(*frame);
  flow.neighbour->last_used = now;
  enqueue(interface, frame);
  ++counters_.udp_sent;
  note_sent(send, size_t{flow.ip_bytes} + udp_length);
  return 0;
}

}  // namespace pinion
