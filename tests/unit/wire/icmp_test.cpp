// ICMP messages and the packets that errors quote: parse(emit(x)) == x, and every truncation is
// refused.
#include "wire/icmp.h"

#include <gtest/gtest.h>

#include "unit/wire/truncation.h"
#include "wire/checksum.h"
#include "wire/eth.h"

namespace pinion {
namespace {

using testing::bytes_of;
using testing::every_truncation;
using testing::kOne;
using testing::kTwo;
using testing::Packet;

TEST(Icmp, RoundTripAndTruncation) {
  const Bytes body = bytes_of("0123456");
  Packet wire(sizeof(IcmpHdr));
  wire.insert(wire.end(), body.begin(), body.end());
  icmp_emit({kIcmpEcho, 0, 0x12345678, {}}, wire);
  IcmpMessage out;
  ASSERT_EQ(icmp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.type, kIcmpEcho);
  EXPECT_EQ(out.rest, 0x12345678u);
  EXPECT_EQ(out.body.size(), body.size());
  every_truncation(wire, [&](Bytes b, size_t n) {
    EXPECT_EQ(icmp_parse(b, out), n < sizeof(IcmpHdr) ? Drop::icmp_short : Drop::icmp_checksum);
  });
}

TEST(Icmp, QuoteNeedsTheHeaderAndThePorts) {
  const testing::Flow flow{ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2), 7, 9};
  const Packet frame = testing::udp_frame({kOne, kTwo}, flow, bytes_of("x"));
  const Packet quote(frame.begin() + sizeof(EthHdr),
                     frame.begin() + sizeof(EthHdr) + sizeof(Ipv4Hdr) + 8);
  IcmpQuote out;
  ASSERT_EQ(icmp_quote_parse(quote, out), Drop::none);
  EXPECT_EQ(out.protocol, kProtocolUdp);
  EXPECT_EQ(out.source, flow.source);
  EXPECT_EQ(out.destination, flow.destination);
  EXPECT_EQ(out.source_port, 7);
  EXPECT_EQ(out.destination_port, 9);
  every_truncation(quote,
                   [&](Bytes b, size_t) { EXPECT_EQ(icmp_quote_parse(b, out), Drop::icmp_quote); });
  for (const uint8_t first : {0x44, 0x65, 0x4f}) {
    Packet bad = quote;
    bad[0] = std::byte{first};
    EXPECT_EQ(icmp_quote_parse(bad, out), Drop::icmp_quote);
  }
}

TEST(Icmp, EmitWithAKnownSumIsTheSame) {
  for (size_t length = 0; length <= 9; ++length) {
    Packet one(sizeof(IcmpHdr) + length, std::byte{0x5c}), two = one;
    const uint64_t sum = checksum_add(0, Bytes{one}.subspan(sizeof(IcmpHdr)));
    icmp_emit({kIcmpEchoReply, 0, 0xa1b2c3d4, {}}, one);
    icmp_emit_summed({kIcmpEchoReply, 0, 0xa1b2c3d4, {}}, two, sum);
    EXPECT_EQ(one, two);
    IcmpMessage out;
    EXPECT_EQ(icmp_parse(one, out), Drop::none);
  }
}

// Header lengths of the quote from 0 to 15 words, in a body of every length.
TEST(Icmp, QuoteWithEveryHeaderLength) {
  IcmpQuote out;
  for (size_t words = 0; words <= 15; ++words)
    for (size_t length = 20; length <= 72; ++length) {
      Packet body(length);
      body[0] = static_cast<std::byte>(4 << 4 | words);
      const bool good = words >= 5 && length >= words * 4 + 8;
      EXPECT_EQ(icmp_quote_parse(body, out), good ? Drop::none : Drop::icmp_quote)
          << words << " " << length;
    }
}

// A later fragment's quote has no ports.
TEST(Icmp, QuoteOfALaterFragment) {
  Packet body(28);
  body[0] = std::byte{0x45};
  IcmpQuote out;
  EXPECT_EQ(icmp_quote_parse(body, out), Drop::none);
  body[6] = std::byte{0x20};  // the first of several has them
  EXPECT_EQ(icmp_quote_parse(body, out), Drop::none);
  for (const size_t at : {6, 7}) {
    Packet later = body;
    later[at] = std::byte{1};
    EXPECT_EQ(icmp_quote_parse(later, out), Drop::icmp_quote);
  }
}

}  // namespace
}  // namespace pinion
