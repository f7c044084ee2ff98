// ICMPv6 messages (RFC 4443): the header is ICMP's, the checksum has a pseudo header, and an error
// quotes a packet of IPv6.
#pragma once
#include "wire/icmp.h"

namespace pinion {

enum Icmp6Type : uint8_t {
  kIcmp6Unreachable = 1,
  kIcmp6PacketTooBig = 2,
  kIcmp6TimeExceeded = 3,
  kIcmp6ParameterProblem = 4,
  kIcmp6ErrorLast = 127,  // types up to here are errors
  kIcmp6Echo = 128,
  kIcmp6EchoReply = 129,
  kIcmp6MldQuery = 130,
  kIcmp6MldReport = 131,
  kIcmp6MldDone = 132,
  kIcmp6RouterSolicitation = 133,
  kIcmp6RouterAdvertisement = 134,
  kIcmp6NeighbourSolicitation = 135,
  kIcmp6NeighbourAdvertisement = 136,
  kIcmp6Redirect = 137,
  kIcmp6MldReportV2 = 143,
};

enum Icmp6UnreachableCode : uint8_t {
  kIcmp6NoRoute = 0,
  kIcmp6Prohibited = 1,
  kIcmp6BeyondScope = 2,
  kIcmp6AddressUnreachable = 3,
  kIcmp6PortUnreachable = 4,
  kIcmp6SourcePolicy = 5,
  kIcmp6RouteRejected = 6,
};
inline constexpr uint8_t kIcmp6ReassemblyTime = 1;     // a code of kIcmp6TimeExceeded
inline constexpr uint8_t kIcmp6ErroneousField = 0;
inline constexpr uint8_t kIcmp6UnknownNextHeader = 1;  // a code of kIcmp6ParameterProblem

// `checksum_known_good`: the port has verified it.
Drop icmp6_parse(Bytes packet, Ip source, Ip destination, IcmpMessage& out,
                 bool checksum_known_good = false);
// Writes the header, with a checksum over pseudo header, header and the body, which stands behind
// it in `out` already: out is the whole message.
void icmp6_emit(const IcmpMessage& message, Ip source, Ip destination, MutableBytes out);
// The quote in an error's body: a packet of ours, which has no extension headers but that of a
// fragment, of which the first has the ports.
Drop icmp6_quote_parse(Bytes body, IcmpQuote& out);

}  // namespace pinion
