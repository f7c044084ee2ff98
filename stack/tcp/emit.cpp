// From a segment's header to a frame on its way: the payload is read from its owner, the checksum
// taken over it or left to the port, and the frame put on its path. Segments of a connection leave
// behind a copy of the IPv4 header before (socket/flow.h), as datagrams do.
#include <cerrno>

#include "base/check.h"
#include "net/net.h"
#include "socket/stream.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

namespace pinion {
namespace {

constexpr size_t kTcpChecksumAt = 16;

void write(std::byte* to, be16 value) { std::memcpy(to, &value, sizeof value); }

// Header and payload behind what is in the frame. Of a port that computes it, the checksum is the
// sum over the pseudo header, not complemented.
void put_segment(const TcpSend& send, uint64_t pseudo, Frame& frame) {
  const auto header_length = static_cast<uint32_t>(send.header.size());
  std::byte* header = frame.append(header_length);
  uint64_t sum = copy_and_sum(header, send.header, pseudo);
  if (send.length != 0) {
    STACK_DCHECK(send.sk != nullptr);
    sum = stream_read(*send.sk, send.offset, {frame.append(send.length), send.length}, sum);
  }
  const bool offload = (frame.tx_offload & kTxTcpCsum) != 0;
  write(header + kTcpChecksumAt, be16::of(offload ? checksum_fold(pseudo) : checksum_finish(sum)));
}

}  // namespace

int Net::tcp_send(const TcpSend& send, Nanos now) {
  if (send.flow != nullptr && send.flow->destination.port != 0 && flow_holds(*send.flow))
    return tcp_send_again(send, now);
  Path path;
  if (const int status = find_path(send.source.address, send.destination.address, path);
      status != 0)
    return status;
  if (path.broadcast) return -EACCES;  // RFC 9293 MUST-46
  const size_t length = send.header.size() + send.length;
  if (sizeof(Ipv4Hdr) + length > path.interface->mtu_bytes) return -EMSGSIZE;
  if (const int status = admit(path, send.sk == nullptr, now); status != 0) return status;
  Frame* frame = frame_alloc(*path.interface);
  if (frame == nullptr) return -EAGAIN;
  frame->tx_offload = path.interface->tx_offload & kTxTcpCsum;
  const uint64_t pseudo = pseudo_header_sum(path.source, send.destination.address, kProtocolTcp,
                                            static_cast<uint16_t>(length));
  put_segment(send, pseudo, *frame);
  // Never fragmented on the way (RFC 1191), so its identification may be any (RFC 6864 4.1).
  const Ipv4Header header{.tos = send.tos,
                          .total_length = static_cast<uint16_t>(sizeof(Ipv4Hdr) + length),
                          .dont_fragment = true,
                          .ttl = send.ttl,
                          .protocol = kProtocolTcp,
                          .source = path.source.v4(),
                          .destination = send.destination.address.v4()};
  const bool keeps = send.flow != nullptr && path.ready;
  const int status = ipv4_output(path, frame, header, now);
  if (status != 0) return status;
  if (keeps) keep_path(*send.flow, send, path, header);
  return 0;
}

// What holds for all segments of a connection: link header and IPv4 header, without its length.
void Net::keep_path(Flow& flow, const TcpSend& send, const Path& path, Ipv4Header header) const {
  Frame* made = ports_[path.interface->port].tail;  // ipv4_output's, which waits for its port
  flow.source = send.source, flow.destination = send.destination;
  flow.ttl = send.ttl, flow.tos = send.tos;
  flow.interface = path.interface->index;
  flow.next_hop = path.next_hop, flow.mac = path.neighbour->mac;
  flow.neighbour = path.neighbour;
  flow.headers_length = made->l2_length + uint32_t{sizeof(Ipv4Hdr)};
  STACK_DCHECK(flow.headers_length <= Flow::kHeadersMax);
  std::memcpy(flow.headers, made->data, made->l2_length);
  Ipv4Hdr ip;
  ipv4_emit(header, {flow.headers + made->l2_length, sizeof ip}, false);
  std::memcpy(&ip, flow.headers + made->l2_length, sizeof ip);
  ip.total_length = be16{};
  std::memcpy(flow.headers + made->l2_length, &ip, sizeof ip);
  flow.ip_sum = checksum_add(0, std::as_bytes(std::span{&ip, 1}));
  flow.pseudo_sum = pseudo_header_sum(header.source, header.destination, kProtocolTcp, 0);
}

int Net::tcp_send_again(const TcpSend& send, Nanos now) {
  const Flow& flow = *send.flow;
  Interface& interface = interfaces_[flow.interface];
  const size_t length = send.header.size() + send.length;
  if (sizeof(Ipv4Hdr) + length > interface.mtu_bytes) return -EMSGSIZE;
  if (ports_[interface.port].queued >= tx_queue_max_) return -EAGAIN;
  Frame* frame = frame_alloc(interface);
  if (frame == nullptr) return -EAGAIN;
  frame->l2_length = static_cast<uint8_t>(flow.headers_length - sizeof(Ipv4Hdr));
  frame->l3_length = sizeof(Ipv4Hdr);
  frame->tx_offload = interface.tx_offload & (kTxIpv4Csum | kTxTcpCsum);
  put_segment(send, checksum_add(flow.pseudo_sum, static_cast<uint16_t>(length)), *frame);
  const auto ip_length = static_cast<uint16_t>(sizeof(Ipv4Hdr) + length);
  frame->push(flow.headers_length);
  std::memcpy(frame->data, flow.headers, flow.headers_length);
  std::byte* ip = frame->data + frame->l2_length;
  write(ip + offsetof(Ipv4Hdr, total_length), be16::of(ip_length));
  if ((frame->tx_offload & kTxIpv4Csum) == 0) {
    const uint16_t checksum = checksum_finish(checksum_add(flow.ip_sum, ip_length));
    write(ip + offsetof(Ipv4Hdr, checksum), be16::of(checksum));
  }
  pad(*frame);
  flow.neighbour->last_used = now;
  enqueue(interface, frame);
  return 0;
}

uint16_t Net::path_mtu(Ip source, Ip dst) {
  Path path;
  if (find_path(source, dst, path) != 0 || path.broadcast) return 0;
  return path.interface->mtu_bytes;
}

}  // namespace pinion
