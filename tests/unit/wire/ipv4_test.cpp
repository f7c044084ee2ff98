// IPv4 headers: round trip, truncation, the lengths of HOSTILE W13, the checksums of W14, the
// options of W16 and the fragments of W18.
#include "wire/ipv4.h"

#include <gtest/gtest.h>

#include "support/packets.h"
#include "wire/eth.h"

namespace pinion {
namespace {

using testing::bytes_of;
using testing::Packet;

Ipv4Header header() {
  return {.tos = 0xb8,
          .total_length = 24,
          .id = 0x1234,
          .dont_fragment = true,
          .ttl = 1,
          .protocol = kProtocolUdp,
          .source = ipv4(10, 0, 0, 1),
          .destination = ipv4(10, 0, 0, 2)};
}

Packet packet(const Ipv4Header& h, size_t payload_bytes) {
  Packet p(sizeof(Ipv4Hdr) + payload_bytes);
  ipv4_emit(h, p);
  return p;
}

// A packet with these options, padded to whole words with what `pad` says.
Drop parse_with_options(std::vector<uint8_t> options, uint8_t pad = 0) {
  while (options.size() % 4 != 0) options.push_back(pad);
  const Packet frame =
      testing::ipv4_frame({}, header(), bytes_of("data"), std::as_bytes(std::span{options}));
  const Packet exact(frame.begin() + sizeof(EthHdr), frame.end());
  Ipv4Packet out;
  return ipv4_parse(exact, out);
}

TEST(Ipv4Wire, RoundTrip) {
  Ipv4Packet out;
  const Packet p = packet(header(), 4);
  ASSERT_EQ(ipv4_parse(p, out), Drop::none);
  EXPECT_EQ(out.header, header());
  EXPECT_EQ(out.payload.size(), 4u);
  EXPECT_TRUE(out.options.empty());

  Ipv4Header fragment = header();
  fragment.dont_fragment = false;
  fragment.more_fragments = fragment.reserved_flag = true;
  fragment.fragment_offset = 0x1fff;
  ASSERT_EQ(ipv4_parse(packet(fragment, 4), out), Drop::none);
  EXPECT_EQ(out.header, fragment);
}

TEST(Ipv4Wire, EveryTruncationIsRefused) {
  const Packet whole = packet(header(), 4);
  Ipv4Packet out;
  for (size_t n = 0; n < whole.size(); ++n) {
    const Packet piece(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_EQ(ipv4_parse(piece, out), n < 20 ? Drop::ipv4_short : Drop::ipv4_total_length);
  }
}

TEST(Ipv4Wire, PaddingIsNotPayload) {
  Packet p = packet(header(), 4);
  p.resize(46, std::byte{0x5a});
  Ipv4Packet out;
  ASSERT_EQ(ipv4_parse(p, out), Drop::none);
  EXPECT_EQ(out.payload.size(), 4u);
}

TEST(Ipv4Wire, VersionAndLengths) {
  Ipv4Packet out;
  for (const int version : {0, 5, 6, 15}) {
    Packet p = packet(header(), 4);
    p[0] = static_cast<std::byte>(version << 4 | 5);
    EXPECT_EQ(ipv4_parse(p, out), Drop::ipv4_version);
  }
  for (int ihl = 0; ihl < 5; ++ihl) {
    Packet p = packet(header(), 4);
    p[0] = static_cast<std::byte>(4 << 4 | ihl);
    EXPECT_EQ(ipv4_parse(p, out), Drop::ipv4_header_length);
  }
  Packet p = packet(header(), 4);
  p[0] = std::byte{0x47};  // 28 bytes of header in 24 bytes of packet
  EXPECT_EQ(ipv4_parse(p, out), Drop::ipv4_header_length);
  for (uint16_t length = 0; length < 20; ++length) {
    p = packet(header(), 4);
    p[3] = static_cast<std::byte>(length);
    testing::fix_ipv4_checksum(p, 0);
    EXPECT_EQ(ipv4_parse(p, out), Drop::ipv4_total_length);
  }
  p = packet(header(), 4);
  p[0] = std::byte{0x46};  // total length 22 ends inside the header of 24
  p[3] = std::byte{22};
  EXPECT_EQ(ipv4_parse(p, out), Drop::ipv4_total_length);
}

TEST(Ipv4Wire, EveryWrongChecksumIsRefused) {
  Packet p = packet(header(), 4);
  const int right = static_cast<int>(p[10]) << 8 | static_cast<int>(p[11]);
  Ipv4Packet out;
  for (int sum = 0; sum <= 0xffff; ++sum) {
    p[10] = static_cast<std::byte>(sum >> 8);
    p[11] = static_cast<std::byte>(sum);
    ASSERT_EQ(ipv4_parse(p, out), sum == right ? Drop::none : Drop::ipv4_checksum) << sum;
  }
  EXPECT_EQ(ipv4_parse(p, out, true), Drop::none) << "the port has verified it";
}

TEST(Ipv4Wire, OptionsThatAreFine) {
  EXPECT_EQ(parse_with_options({}), Drop::none);
  EXPECT_EQ(parse_with_options(std::vector<uint8_t>(40, 1)), Drop::none);  // 40 NOPs
  EXPECT_EQ(parse_with_options({0, 7, 255, 255}), Drop::none);             // END, then junk
  EXPECT_EQ(parse_with_options({148, 4, 0, 0}), Drop::none);               // router alert
  EXPECT_EQ(parse_with_options({7, 7, 4, 0, 0, 0, 0}), Drop::none);        // record route
  EXPECT_EQ(parse_with_options({7, 7, 8, 1, 2, 3, 4}), Drop::none);        // full
  EXPECT_EQ(parse_with_options({68, 8, 5, 0, 0, 0, 0, 0}), Drop::none);    // timestamp
  EXPECT_EQ(parse_with_options({200, 2}), Drop::none);                     // unknown
}

TEST(Ipv4Wire, OptionsThatAreNot) {
  EXPECT_EQ(parse_with_options({7, 0}), Drop::ipv4_options);
  EXPECT_EQ(parse_with_options({7, 1}), Drop::ipv4_options);
  EXPECT_EQ(parse_with_options({200, 0}), Drop::ipv4_options);
  EXPECT_EQ(parse_with_options({200, 5, 0, 0}), Drop::ipv4_options);  // past the end
  EXPECT_EQ(parse_with_options({1, 1, 1, 200}), Drop::ipv4_options);  // no length byte
  EXPECT_EQ(parse_with_options({7, 2, 0, 0}), Drop::ipv4_options);    // no pointer
  EXPECT_EQ(parse_with_options({7, 7, 3, 0, 0, 0, 0}), Drop::ipv4_options);
  EXPECT_EQ(parse_with_options({7, 7, 9, 0, 0, 0, 0}), Drop::ipv4_options);
  EXPECT_EQ(parse_with_options({68, 4, 4, 0}), Drop::ipv4_options);
  EXPECT_EQ(parse_with_options({131, 7, 8, 0, 0, 0, 0}), Drop::ipv4_options);  // source routes
  EXPECT_EQ(parse_with_options({137, 7, 8, 0, 0, 0, 0}), Drop::ipv4_options);
}

TEST(Ipv4Wire, ImpossibleFragments) {
  const auto checked = [](bool more, uint16_t offset, size_t bytes, bool df = false,
                          bool reserved = false) {
    const Packet data(bytes);
    Ipv4Packet p;
    p.header.more_fragments = more;
    p.header.fragment_offset = offset;
    p.header.dont_fragment = df;
    p.header.reserved_flag = reserved;
    p.payload = data;
    return ipv4_check_fragment(p);
  };
  EXPECT_EQ(checked(true, 0, 8), Drop::none);
  EXPECT_EQ(checked(false, 1, 3), Drop::none);
  EXPECT_EQ(checked(false, 1, 0), Drop::ipv4_fragment_bad);
  EXPECT_EQ(checked(true, 0, 0), Drop::ipv4_fragment_bad);
  EXPECT_EQ(checked(true, 0, 9), Drop::ipv4_fragment_bad);
  EXPECT_EQ(checked(true, 0, 8, true), Drop::ipv4_fragment_bad);
  EXPECT_EQ(checked(true, 0, 8, false, true), Drop::ipv4_fragment_bad);
  EXPECT_EQ(checked(false, 0x1ffd, 3), Drop::none);
  EXPECT_EQ(checked(false, 0x1ffd, 4), Drop::fragment_too_long);
}

}  // namespace
}  // namespace pinion
