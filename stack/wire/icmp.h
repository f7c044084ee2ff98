// ICMP messages (RFC 792): header, echo, and the packet that an error quotes.
#pragma once
#include "base/drop.h"
#include "base/types.h"

namespace pinion {

struct IcmpHdr {
  uint8_t type, code;
  be16 checksum;
  be32 rest;
};
static_assert(sizeof(IcmpHdr) == 8 && alignof(IcmpHdr) == 1);

enum IcmpType : uint8_t {
  kIcmpEchoReply = 0,
  kIcmpUnreachable = 3,
  kIcmpEcho = 8,
  kIcmpTimeExceeded = 11,
  kIcmpParameterProblem = 12
};

enum IcmpUnreachableCode : uint8_t {
  kUnreachableNet = 0,
  kUnreachableHost = 1,
  kUnreachableProtocol = 2,
  kUnreachablePort = 3,
  kUnreachableFragmentationNeeded = 4
};

inline constexpr uint8_t kTimeExceededReassembly = 1;  // code of kIcmpTimeExceeded

struct IcmpMessage {
  uint8_t type = 0, code = 0;
  uint32_t rest = 0;  // identifier and sequence number of an echo
  Bytes body;
};

// The flow of a quoted packet, of either family: enough to find the socket that sent it.
struct IcmpQuote {
  uint8_t protocol = 0;
  Ip source, destination;
  uint16_t source_port = 0, destination_port = 0;
  bool dont_fragment = false;
  uint16_t total_length = 0;  // of the packet, its IP header counted
  uint32_t sequence = 0;  // what stands behind the ports: of TCP, SEG.SEQ
};

Drop icmp_parse(Bytes packet, IcmpMessage& out);
// Writes the header, with a checksum over it and the body that stands behind it in `out` already:
// out is the whole message.
void icmp_emit(const IcmpMessage& message, MutableBytes out);
// As icmp_emit, for a body whose sum is known (copy_and_sum).
void icmp_emit_summed(const IcmpMessage& message, MutableBytes out, uint64_t body_sum);
// RFC 1191 7.1: the MTU to try, of a router that says `told`; 0: an old one, which does not say, of
// a packet of `length` bytes.
uint16_t icmp_told_mtu(uint16_t told, uint16_t length);
// The quote in an error's body. Its checksums are not judged: routers change them.
Drop icmp_quote_parse(Bytes body, IcmpQuote& out);

}  // namespace pinion
