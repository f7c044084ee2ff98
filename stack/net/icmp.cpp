// ICMP (RFC 792, RFC 1122 3.2.2): answers to echo, errors for sockets, and errors of our own.
#include "wire/icmp.h"

#include <algorithm>
#include <cerrno>

#include "net/net.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

namespace pinion {
namespace {

constexpr uint8_t kIcmpTtl = 64;
// RFC 1191 6.3, RFC 8201 4: then the path may have become wider, and the next long one finds out.
constexpr Nanos kPathMtuTime = 600 * kSecond;
constexpr size_t kQuotedDataBytes = 8;  // RFC 792: what an error quotes behind the IP header

// RFC 1122 3.2.2.1: what an error says to the socket whose datagram it quotes.
int icmp_error_of(uint8_t type, uint8_t code) {
  if (type == kIcmpTimeExceeded) return -EHOSTUNREACH;
  if (type == kIcmpParameterProblem) return -EPROTO;
  switch (code) {
    case kUnreachableNet: return -ENETUNREACH;
    case kUnreachableProtocol: return -ENOPROTOOPT;
    case kUnreachablePort: return -ECONNREFUSED;
    case kUnreachableFragmentationNeeded: return -EMSGSIZE;
  }
  return -EHOSTUNREACH;
}

}  // namespace

// Why a packet of ours did not leave, as a reason to drop.
Drop Net::drop_of(int status) {
  switch (status) {
    case -EAGAIN: return Drop::tx_port_full;
    case -ENOBUFS: return Drop::tx_neighbour_full;
    case -EHOSTUNREACH: return Drop::tx_neighbour_failed;
    case -ENETDOWN: return Drop::tx_link_down;
  }
  return Drop::tx_no_route;
}

Drop Net::icmp_input(const IpInput& in, Nanos now) {
  IcmpMessage message;
  if (const Drop why = icmp_parse(in.payload, message); why != Drop::none) return why;
  if (in.group) return Drop::icmp_broadcast;
  switch (message.type) {
    case kIcmpEcho: return icmp_echo(in, message, now);
    case kIcmpUnreachable:
    case kIcmpTimeExceeded:
    case kIcmpParameterProblem: return icmp_error_input(in, message, now);
  }
  return Drop::icmp_type;
}

// RFC 1122 3.2.2.6: the data comes back whole, from the address that was asked.
Drop Net::icmp_echo(const IpInput& in, const IcmpMessage& message, Nanos now) {
  if (!icmp_echoes_.take(now)) return Drop::icmp_rate;
  Path path;
  int status = find_path(in.destination, in.source, path);
  if (status == 0) status = admit(path, NeighbourTable::kOurselves, now);
  if (status != 0) return drop_of(status);
  const size_t length = sizeof(IcmpHdr) + message.body.size();
  if (sizeof(Ipv4Hdr) + length > path.interface->mtu_bytes)
    return icmp_echo_fragmented(in, {kIcmpEchoReply, 0, message.rest, message.body}, path, now);
  Frame* frame = frame_alloc(*path.interface);
  if (!frame) return Drop::tx_no_frame;
  std::byte* out = frame->append(static_cast<uint32_t>(length));
  const uint64_t sum = copy_and_sum(out + sizeof(IcmpHdr), message.body, 0);
  icmp_emit_summed({kIcmpEchoReply, 0, message.rest, {}}, {out, length}, sum);
  status = ipv4_output(path, frame, own_header(path, in.source, length), now);
  if (status != 0) return drop_of(status);
  ++counters_.icmp_echo_replies;
  return Drop::none;
}

// Of either family. No more fragments than the request had: an answer costs the network what was
// asked of us (I6).
Drop Net::icmp_echo_fragmented(const IpInput& in, const IcmpMessage& reply, const Path& path,
                               Nanos now) {
  const size_t most = fragment_bytes(path), length = sizeof(IcmpHdr) + reply.body.size();
  if ((length + most - 1) / most > in.fragments) return Drop::icmp_too_long;
  // ICMP sums itself alone, ICMPv6 its addresses too.
  const uint64_t pseudo = in.source.is_v4()
                              ? 0
                              : pseudo_header_sum(path.source, in.source, kProtocolIcmp6,
                                                  static_cast<uint16_t>(length));
  std::byte head[sizeof(IcmpHdr)];
  icmp_emit_summed(reply, head, checksum_add(pseudo, reply.body));
  const int status = ip_output_fragments(
      path, {head, reply.body},
      {.ttl = kIcmpTtl, .protocol = in.protocol, .destination = in.source}, 0, now);
  if (status == -EMSGSIZE) return Drop::icmp_too_long;
  if (status != 0) return drop_of(status);
  ++counters_.icmp_echo_replies;
  return Drop::none;
}

// RFC 1122 4.1.3.3: to the socket that sent what is quoted; without one it is forged or late.
Drop Net::icmp_error_input(const IpInput& in, const IcmpMessage& message, Nanos now) {
  IcmpQuote quote;
  if (const Drop why = icmp_quote_parse(message.body, quote); why != Drop::none) return why;
  if (!is_local(quote.source)) return Drop::icmp_quote;
  // RFC 9293 3.9.2.2. Hard: protocol and port unreachable, and what an administrator forbids
  // (RFC 1812 5.2.7.1).
  const bool unreachable = message.type == kIcmpUnreachable;
  const uint8_t code = message.code;
  const TcpIcmpError error{
      .error = icmp_error_of(message.type, code),
      .hard = unreachable && (code == kUnreachableProtocol || code == kUnreachablePort ||
                              code == 9 || code == 10 || code == 13),
      .fragmentation_needed = unreachable && code == kUnreachableFragmentationNeeded,
      .dont_fragment = quote.dont_fragment,
      .mtu = static_cast<uint16_t>(message.rest),
      .total_length = quote.total_length,
      .seq = {quote.sequence}};
  if (quoted_input(quote, error, now)) return Drop::none;
  Drop why = Drop::icmp_quote;
  if (mesh_ != nullptr) pass_on_error(in, quote, why);
  return why;
}

// An error of either family, to the socket that sent what is quoted. False: there is none.
bool Net::quoted_input(const IcmpQuote& quote, const TcpIcmpError& error, Nanos now) {
  const FourTuple flow{{quote.source, quote.source_port},
                       {quote.destination, quote.destination_port}};
  if (quote.protocol == kProtocolTcp) {
    if (!tcp_.icmp_error(error, flow, now)) return false;
  } else {
    Socket* sk = quote.protocol == kProtocolUdp ? udp_.lookup(flow.local, flow.remote) : nullptr;
    if (sk == nullptr) return false;
    if (error.fragmentation_needed) lower_path_mtu(*sk, quote, error, now);
    socket_error(*sk, error.error, now);
  }
  ++counters_.icmp_errors_received;
  return true;
}

// RFC 1191, RFC 8201: for this socket and that destination alone. Who forges one must know ports,
// and what the socket does: it must have sent there last, and packets as long as the quoted one,
// which is longer than what the path is said to take (RFC 5927 in spirit; UDP has no sequence
// numbers). It costs the socket its long datagrams there, for kPathMtuTime.
void Net::lower_path_mtu(Socket& sk, const IcmpQuote& quote, const TcpIcmpError& error, Nanos now) {
  PathMtu& path = sk.path_mtu;
  const Ip to = quote.destination;
  if (!error.dont_fragment || to != path.sent_to || quote.total_length > path.sent_most) return;
  uint16_t mtu = to.is_v4() ? icmp_told_mtu(error.mtu, error.total_length) : error.mtu;
  // RFC 8201 4: no path of IPv6 is narrower, so what says so is forged, or broken.
  if (!to.is_v4() && mtu < kIpv6MtuMin) return;
  mtu = std::max(mtu, path_mtu_min_);
  if (mtu >= quote.total_length) return;
  path.mtu = mtu, path.destination = to, path.until = now + kPathMtuTime;
  path.sent_most = mtu;      // nothing longer is sent until then, so the MTU cannot rise
  sk.flow.destination = {};  // its payload_max is no longer true
  ++counters_.udp_path_mtu_lowered;
}

// RFC 1122 4.1.3.1, RFC 4443 3.1.
void Net::port_unreachable(const IpInput& in, Nanos now) {
  if (in.source.is_v4()) return icmp_error_output(in, kIcmpUnreachable, kUnreachablePort, now);
  if (!in.group) icmp6_error_output(in, {kIcmp6Unreachable, kIcmp6PortUnreachable, 0, {}}, now);
}

// An error, where RFC 1122 3.2.2 allows it: never about an ICMP error (those do not come here), a
// fragment but the first (nor those), or what went to many. It is best effort: that the packet was
// bad is counted already, so nothing here counts a drop. It quotes no more than RFC 792 asks for,
// and a source beyond a gateway, which nobody has verified, gets no more than it sent; one on the
// link has to answer ARP before it gets anything.
void Net::icmp_error_output(const IpInput& in, IcmpType type, uint8_t code, Nanos now) {
  const Ip to = in.source;
  const auto header_length = static_cast<size_t>(in.payload.data() - in.raw.data());
  const Bytes quote = in.raw.first(std::min(in.raw.size(), header_length + kQuotedDataBytes));
  const size_t length = sizeof(IcmpHdr) + quote.size();
  Path path;
  const bool allowed = !in.group && find_path(in.destination, to, path) == 0 &&
                       (path.next_hop == to || sizeof(Ipv4Hdr) + length <= in.raw.size()) &&
                       admit(path, NeighbourTable::kOurselves, now) == 0 && icmp_errors_.take(now);
  Frame* frame = allowed ? frame_alloc(*path.interface) : nullptr;
  if (!frame) {
    ++counters_.icmp_errors_suppressed;
    return;
  }
  std::byte* out = frame->append(static_cast<uint32_t>(length));
  const uint64_t sum = copy_and_sum(out + sizeof(IcmpHdr), quote, 0);
  icmp_emit_summed({type, code, 0, {}}, {out, length}, sum);
  if (ipv4_output(path, frame, own_header(path, to, length), now) == 0)
    ++counters_.icmp_errors_sent;
  else ++counters_.icmp_errors_suppressed;
}

Ipv4Header Net::own_header(const Path& path, Ip destination, size_t payload_bytes) {
  return {.total_length = static_cast<uint16_t>(sizeof(Ipv4Hdr) + payload_bytes),
          .dont_fragment = true,
          .ttl = kIcmpTtl,
          .protocol = kProtocolIcmp,
          .source = path.source.v4(),
          .destination = destination.v4()};
}

}  // namespace pinion
