// From a segment's header to a frame on its way: the payload is read from its owner, the checksum
// taken over it or left to the port, and the frame put on its path. Segments of a connection leave
// behind a copy of the IP header before (socket/flow.h), as datagrams do.
#include <algorithm>
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

// The payload behind what is in the frame, and on in its further buffers.
uint64_t put_payload(const TcpSend& send, Frame& frame, uint64_t sum) {
  STACK_DCHECK(send.sk != nullptr);
  Frame* into = &frame;
  for (uint32_t done = 0; done < send.length;) {
    if (into->tailroom == 0) into = into == &frame ? frame.second() : into->next;
    const uint32_t n = std::min(send.length - done, into->tailroom);
    sum = stream_read(*send.sk, send.offset + done, {into->append(n), n}, sum);
    if (into != &frame) frame.behind_length += n;
    done += n;
  }
  return sum;
}

// Header and payload behind what is in the frame. Of a port that computes it, the checksum is the
// sum over the pseudo header, not complemented.
void put_segment(const TcpSend& send, uint64_t pseudo, Frame& frame) {
  const auto header_length = static_cast<uint32_t>(send.header.size());
  std::byte* header = frame.append(header_length);
  uint64_t sum = copy_and_sum(header, send.header, pseudo);
  if (send.length != 0) sum = put_payload(send, frame, sum);
  const bool offload = (frame.tx_offload & kTxTcpCsum) != 0;
  write(header + kTcpChecksumAt, be16::of(offload ? checksum_fold(pseudo) : checksum_finish(sum)));
}

}  // namespace

int Net::tcp_send(const TcpSend& send, Nanos now) {
  if (send.flow != nullptr && send.flow->destination.port != 0 && flow_holds(*send.flow))
    return tcp_send_again(send, now);
  STACK_DCHECK(send.segment_bytes == 0);
  Path path;
  if (const int status = find_path(send.source.address, send.destination.address, path);
      status != 0)
    return status;
  if (path.broadcast) return -EACCES;  // RFC 9293 MUST-46
  const size_t length = send.header.size() + send.length;
  const size_t ip_bytes = ip_header_bytes(send.destination.address);
  if (ip_bytes + length > path.interface->mtu_bytes) return -EMSGSIZE;
  const uint32_t owner = send.sk == nullptr ? NeighbourTable::kOurselves : send.sk->owner;
  if (const int status = admit(path, owner, now); status != 0) return status;
  Frame* frame = frame_alloc(*path.interface);
  if (frame == nullptr) return -EAGAIN;
  frame->tx_offload = path.interface->tx_offload & kTxTcpCsum;
  const uint64_t pseudo = pseudo_header_sum(path.source, send.destination.address, kProtocolTcp,
                                            static_cast<uint16_t>(length));
  put_segment(send, pseudo, *frame);
  const bool keeps = send.flow != nullptr && path.ready;
  const int status = ip_output(path, frame,
                               {.ttl = send.ttl,
                                .tos = send.tos,
                                .protocol = kProtocolTcp,
                                .destination = send.destination.address},
                               now);
  if (status != 0) return status;
  if (keeps) keep_path(*send.flow, send, path);
  return 0;
}

// What holds for all segments of a connection: link header and IP header, without its length.
void Net::keep_path(Flow& flow, const TcpSend& send, const Path& path) const {
  // ip_output's, which waits for its port.
  keep_ip(flow, send.source, send.destination, path, *ports_[path.interface->port].tail);
  flow.ttl = send.ttl, flow.tos = send.tos;
  flow.pseudo_sum = pseudo_header_sum(path.source, send.destination.address, kProtocolTcp, 0);
}

int Net::tcp_send_again(const TcpSend& send, Nanos now) {
  const Flow& flow = *send.flow;
  Interface& interface = interfaces_[flow.interface];
  const bool cut = send.segment_bytes != 0;
  STACK_DCHECK(!cut || send.length <= interface.tso_bytes);
  const size_t length = send.header.size() + send.length;
  const size_t longest = cut ? send.header.size() + send.segment_bytes : length;
  if (flow.ip_bytes + longest > interface.mtu_bytes) return -EMSGSIZE;
  if (ports_[interface.port].queued >= tx_queue_max_) return -EAGAIN;
  Frame* frame = cut ? frame_alloc(interface, length) : frame_alloc(interface);
  if (frame == nullptr) return -EAGAIN;
  frame->segment_bytes = send.segment_bytes;
  frame->l2_length = static_cast<uint8_t>(flow.headers_length - flow.ip_bytes);
  frame->l3_length = flow.ip_bytes;
  // IPv6 has no checksum of its own: who was asked for one would write it into the source address.
  const bool v4 = flow.ip_bytes == sizeof(Ipv4Hdr);
  frame->tx_offload = interface.tx_offload & (v4 ? kTxIpv4Csum | kTxTcpCsum : kTxTcpCsum);
  const auto ip_payload = static_cast<uint16_t>(length);
  flow.put_headers(frame->push(flow.headers_length));
  put_segment(send, cut ? flow.pseudo_sum : checksum_add(flow.pseudo_sum, ip_payload), *frame);
  finish_kept(flow, ip_payload, *frame);
  pad(*frame);
  flow.neighbour->last_used = now;
  enqueue(interface, frame);
  return 0;
}

// Only along a flow that holds: what might wait for its neighbour is one buffer.
uint32_t Net::tso_bytes(const Flow& flow, uint16_t segment_bytes) const {
  if (flow.destination.port == 0 || segment_bytes < Port::kTsoSegmentMin) return 0;
  const uint32_t most = interfaces_[flow.interface].tso_bytes;
  return most != 0 && flow_holds(flow) ? most : 0;
}

uint16_t Net::path_mtu(Ip source, Ip dst) {
  Path path;
  if (find_path(source, dst, path) != 0 || path.broadcast) return 0;
  return path.interface->mtu_bytes;
}

void Net::doubt_path(Ip source, Ip dst, Nanos now) {
  Path path;
  if (find_path(source, dst, path) != 0 || path.broadcast || path.group) return;
  neighbour_doubt(*path.interface, path.next_hop, now);
}

}  // namespace pinion
