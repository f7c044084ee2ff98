// ICMPv6 (RFC 4443): answers to echo, errors for sockets, and errors of our own.
#include "wire/icmp6.h"

#include <algorithm>
#include <cerrno>

#include "net/net.h"
#include "wire/checksum.h"
#include "wire/ipv6.h"
#include "wire/ndp.h"
#include "wire/tcp.h"

namespace pinion {
namespace {

constexpr uint8_t kIcmp6HopLimit = 64;

// What an error says to the socket whose packet it quotes.
int icmp6_error_of(uint8_t type, uint8_t code) {
  if (type == kIcmp6PacketTooBig) return -EMSGSIZE;
  if (type == kIcmp6ParameterProblem)
    return code == kIcmp6UnknownNextHeader ? -ENOPROTOOPT : -EPROTO;
  if (type == kIcmp6TimeExceeded) return -EHOSTUNREACH;
  switch (code) {
    case kIcmp6NoRoute:
    case kIcmp6BeyondScope: return -ENETUNREACH;
    case kIcmp6PortUnreachable: return -ECONNREFUSED;
    case kIcmp6Prohibited:
    case kIcmp6SourcePolicy:
    case kIcmp6RouteRejected: return -EACCES;
  }
  return -EHOSTUNREACH;
}

// As RFC 9293 3.9.2.2 has it for ICMP: no such port or protocol, and what somebody forbids.
bool is_hard(uint8_t type, uint8_t code) {
  if (type == kIcmp6ParameterProblem) return code == kIcmp6UnknownNextHeader;
  return type == kIcmp6Unreachable && (code == kIcmp6PortUnreachable || code == kIcmp6Prohibited ||
                                       code == kIcmp6SourcePolicy || code == kIcmp6RouteRejected);
}

}  // namespace

Drop Net::icmp6_input(const IpInput& in, Nanos now) {
  IcmpMessage message;
  if (const Drop why = icmp6_parse(in.payload, in.source, in.destination, message);
      why != Drop::none)
    return why;
  if (message.type == kIcmp6NeighbourSolicitation) return nd_input(in, message, now);
  if (in.source == kAnyIpv6) return Drop::ipv6_source;  // it may claim an address, and no more
  switch (message.type) {
    case kIcmp6Echo: return icmp6_echo(in, message, now);
    case kIcmp6NeighbourAdvertisement: return nd_input(in, message, now);
    case kIcmp6MldQuery: return mld_input(in, message, now);
    case kIcmp6MldReport:
      if (in.group) return mld_input(in, message, now);
      break;
    // Addresses and routes are the configuration's: no router is asked, or believed.
    case kIcmp6RouterSolicitation:
    case kIcmp6RouterAdvertisement: return Drop::nd_router;
    case kIcmp6Redirect: return Drop::nd_redirect;
    case kIcmp6Unreachable:
    case kIcmp6PacketTooBig:
    case kIcmp6TimeExceeded:
    case kIcmp6ParameterProblem:
      return in.group ? Drop::icmp6_group : icmp6_error_input(in, message, now);
  }
  return Drop::icmp6_type;
}

// RFC 4443 4.2: the data comes back whole, from the address that was asked, or, if a group was,
// from our own towards the one who asked.
Drop Net::icmp6_echo(const IpInput& in, const IcmpMessage& message, Nanos now) {
  if (!icmp_echoes_.take(now)) return Drop::icmp_rate;
  Path path;
  const Ip source = in.group ? ipv6_address_towards(*in.interface, in.source) : in.destination;
  int status = find_path(source, in.source, path, in.interface->index);
  if (status == 0) status = admit(path, NeighbourTable::kOurselves, now);
  if (status != 0) return drop_of(status);
  const size_t length = sizeof(IcmpHdr) + message.body.size();
  if (sizeof(Ipv6Hdr) + length > path.interface->mtu_bytes)
    return icmp_echo_fragmented(in, {kIcmp6EchoReply, 0, message.rest, message.body}, path, now);
  Frame* frame = frame_alloc(*path.interface);
  if (frame == nullptr) return Drop::tx_no_frame;
  std::byte* out = frame->append(static_cast<uint32_t>(length));
  const uint64_t pseudo =
      pseudo_header_sum(path.source, in.source, kProtocolIcmp6, static_cast<uint16_t>(length));
  const uint64_t sum = copy_and_sum(out + sizeof(IcmpHdr), message.body, pseudo);
  icmp_emit_summed({kIcmp6EchoReply, 0, message.rest, {}}, {out, length}, sum);
  status = ipv6_output(
      path, frame, {.ttl = kIcmp6HopLimit, .protocol = kProtocolIcmp6, .destination = in.source},
      now);
  if (status != 0) return drop_of(status);
  ++counters_.icmp_echo_replies;
  return Drop::none;
}

// To the socket that sent what is quoted; without one it is forged or late.
Drop Net::icmp6_error_input(const IpInput& in, const IcmpMessage& message, Nanos now) {
  IcmpQuote quote;
  if (const Drop why = icmp6_quote_parse(message.body, quote); why != Drop::none) return why;
  if (!is_local(quote.source)) return Drop::icmp6_quote;
  const TcpIcmpError error{
      .error = icmp6_error_of(message.type, message.code),
      .hard = is_hard(message.type, message.code),
      .fragmentation_needed = message.type == kIcmp6PacketTooBig,
      .dont_fragment = true,
      .mtu = static_cast<uint16_t>(std::min<uint32_t>(message.rest, UINT16_MAX)),
      .total_length = quote.total_length,
      .seq = {quote.sequence}};
  if (quoted_input(quote, error, now)) return Drop::none;
  Drop why = Drop::icmp6_quote;
  if (mesh_ != nullptr) pass_on_error(in, quote, why);
  return why;
}

// RFC 4443 2.4 (e), (f): never about an ICMPv6 error (the caller looks), nor about what went to
// many (but for what 8200 4.2 says; the caller looks too), nor to nobody. That the packet was bad
// is counted already, so nothing here counts a drop. It quotes what fits the least MTU; but a
// source beyond a gateway, which nobody has verified, gets no more than it sent.
void Net::icmp6_error_output(const IpInput& in, const IcmpMessage& error, Nanos now) {
  constexpr size_t kHeaders = sizeof(Ipv6Hdr) + sizeof(IcmpHdr);
  constexpr size_t kQuoteLeast = sizeof(Ipv6Hdr) + 8;  // with the ports
  const Ip source = in.group ? ipv6_address_towards(*in.interface, in.source) : in.destination;
  Path path;
  bool allowed =
      in.source != kAnyIpv6 && find_path(source, in.source, path, in.interface->index) == 0;
  const size_t most = std::min<size_t>(kIpv6MtuMin, in.interface->mtu_bytes);
  size_t quote = std::min(in.raw.size(), most - kHeaders);
  if (allowed && path.next_hop != in.source) {
    allowed = in.raw.size() >= kHeaders + kQuoteLeast;
    if (allowed) quote = std::min(quote, in.raw.size() - kHeaders);
  }
  allowed = allowed && admit(path, NeighbourTable::kOurselves, now) == 0 && icmp_errors_.take(now);
  Frame* frame = allowed ? frame_alloc(*path.interface) : nullptr;
  if (frame == nullptr) {
    ++counters_.icmp_errors_suppressed;
    return;
  }
  const size_t length = sizeof(IcmpHdr) + quote;
  std::byte* out = frame->append(static_cast<uint32_t>(length));
  std::memcpy(out + sizeof(IcmpHdr), in.raw.data(), quote);
  icmp6_emit(error, path.source, in.source, {out, length});
  const int status = ipv6_output(
      path, frame, {.ttl = kIcmp6HopLimit, .protocol = kProtocolIcmp6, .destination = in.source},
      now);
  if (status == 0) ++counters_.icmp_errors_sent;
  else ++counters_.icmp_errors_suppressed;
}

}  // namespace pinion
