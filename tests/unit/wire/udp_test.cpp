// The UDP header and its checksum: parse(emit(x)) == x, and every truncation is refused.
#include "wire/udp.h"

#include <gtest/gtest.h>

#include <vector>

#include "unit/wire/truncation.h"
#include "wire/eth.h"

namespace pinion {
namespace {

using testing::bytes_of;
using testing::every_truncation;
using testing::kOne;
using testing::kTwo;
using testing::Packet;

TEST(Udp, RoundTripAndTruncation) {
  const Bytes payload = bytes_of("hello");
  Packet wire(sizeof(UdpHdr));
  udp_emit({1234, 65535, 0xbeef, payload}, wire);
  wire.insert(wire.end(), payload.begin(), payload.end());
  UdpDatagram out;
  ASSERT_EQ(udp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.source_port, 1234);
  EXPECT_EQ(out.destination_port, 65535);
  EXPECT_EQ(out.checksum, 0xbeef);
  EXPECT_TRUE(std::equal(payload.begin(), payload.end(), out.payload.begin(), out.payload.end()));
  every_truncation(wire, [&](Bytes b, size_t n) {
    EXPECT_EQ(udp_parse(b, out), n < sizeof(UdpHdr) ? Drop::udp_short : Drop::udp_length);
  });
}

TEST(Udp, LengthFieldRulesThePayload) {
  Packet wire(sizeof(UdpHdr) + 4);
  UdpDatagram out;
  for (uint8_t length = 0; length < 8; ++length) {
    wire[5] = std::byte{length};
    EXPECT_EQ(udp_parse(wire, out), Drop::udp_length);
  }
  wire[5] = std::byte{13};
  EXPECT_EQ(udp_parse(wire, out), Drop::udp_length);
  wire[5] = std::byte{10};  // two bytes of surplus behind the datagram
  ASSERT_EQ(udp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.payload.size(), 2u);
}

TEST(Udp, ChecksumZeroIsNoneAndComputedZeroIsSentAsOnes) {
  UdpDatagram out;
  Packet wire(sizeof(UdpHdr));
  wire[5] = std::byte{8};
  ASSERT_EQ(udp_parse(wire, out), Drop::none);
  EXPECT_TRUE(udp_checksum_ok(wire, out, ipv4(1, 2, 3, 4), ipv4(5, 6, 7, 8)));
  EXPECT_EQ(udp_checksum_field(0xffff), 0xffff);
  wire[7] = std::byte{1};
  ASSERT_EQ(udp_parse(wire, out), Drop::none);
  EXPECT_FALSE(udp_checksum_ok(wire, out, ipv4(1, 2, 3, 4), ipv4(5, 6, 7, 8)));
}

// The length field against what is there: 8 to all of it is good.
TEST(Udp, EveryLengthField) {
  constexpr size_t kThere = sizeof(UdpHdr) + 12;
  Packet wire(kThere, std::byte{'d'});
  UdpDatagram out;
  for (unsigned length = 0; length <= 0xffff; length += length < 64 ? 1 : 0x3b) {
    wire[4] = static_cast<std::byte>(length >> 8), wire[5] = static_cast<std::byte>(length & 0xff);
    const bool good = length >= sizeof(UdpHdr) && length <= kThere;
    ASSERT_EQ(udp_parse(wire, out), good ? Drop::none : Drop::udp_length) << length;
    if (!good) continue;
    EXPECT_EQ(out.payload.size(), length - sizeof(UdpHdr));
  }
}

// RFC 768: no sum leaves as 0. The two zeros of ones' complement both leave as 0xFFFF, and every
// other sum by a number of its own.
TEST(Udp, ChecksumFieldIsNeverZero) {
  std::vector<int> hits(0x10000);
  for (uint32_t sum = 0; sum <= 0xffff; ++sum) ++hits[udp_checksum_field(sum)];
  EXPECT_EQ(hits[0], 0);
  EXPECT_EQ(hits[0xffff], 2);
  for (uint32_t field = 1; field < 0xffff; ++field) ASSERT_EQ(hits[field], 1) << field;
}

// RFC 768: the checksum covers the addresses, the ports, the length and every byte of data, and
// not the surplus behind the length.
TEST(Udp, ChecksumCoversWhatItShould) {
  const testing::Flow flow{ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2), 7, 9};
  const Packet frame = testing::udp_frame({kOne, kTwo}, flow, bytes_of("odd"));
  Packet wire(frame.begin() + sizeof(EthHdr) + sizeof(Ipv4Hdr), frame.end());
  wire.push_back(std::byte{0x77});  // surplus
  UdpDatagram out;
  const auto good = [&](Ipv4 source, Ipv4 destination) {
    return udp_parse(wire, out) == Drop::none && udp_checksum_ok(wire, out, source, destination);
  };
  EXPECT_TRUE(good(flow.source, flow.destination));
  EXPECT_FALSE(good(flow.destination, {flow.source.v + 1}));
  EXPECT_FALSE(good({flow.source.v + 1}, flow.destination));
  for (size_t i = 0; i < wire.size() * 8; ++i) {
    wire[i / 8] ^= static_cast<std::byte>(1u << i % 8);
    EXPECT_EQ(good(flow.source, flow.destination), i / 8 == wire.size() - 1) << "bit " << i;
    wire[i / 8] ^= static_cast<std::byte>(1u << i % 8);
  }
}

}  // namespace
}  // namespace pinion
