// The IPv6 header and its chain, ICMPv6, ND and MLD: what is emitted is parsed, every truncation is
// refused, and arbitrary octets are read within their bounds.
#include "wire/ipv6.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/rng.h"
#include "wire/checksum.h"
#include "wire/eth.h"
#include "wire/mld.h"
#include "wire/ndp.h"

namespace pinion {
namespace {

constexpr Ip kFrom{0x2001'0db8'0000'0000, 1}, kTo{0xfe80'0000'0000'0000, 0x0000'00ff'fe00'0002};
using Octets = std::vector<std::byte>;

Octets ipv6_packet(const Ipv6Header& h) {
  Octets p(sizeof(Ipv6Hdr) + h.payload_length);
  ipv6_emit(h, p);
  return p;
}

TEST(Ipv6Wire, RoundTrip) {
  const Ipv6Header h{.traffic_class = 0xab,
                     .flow_label = 0xf'1234,
                     .payload_length = 9,
                     .next_header = 17,
                     .hop_limit = 63,
                     .source = kFrom,
                     .destination = kTo};
  Ipv6Packet out;
  ASSERT_EQ(ipv6_parse(ipv6_packet(h), out), Drop::none);
  EXPECT_EQ(out.header, h);
  EXPECT_EQ(out.payload.size(), 9u);
}

TEST(Ipv6Wire, EveryTruncationIsRefused) {
  const Octets whole = ipv6_packet({.payload_length = 9, .source = kFrom, .destination = kTo});
  Ipv6Packet out;
  for (size_t length = 0; length < whole.size(); ++length)
    EXPECT_EQ(ipv6_parse(Bytes{whole}.first(length), out),
              length < 40 ? Drop::ipv6_short : Drop::ipv6_payload_length);
}

TEST(Ipv6Wire, MappedAddressesDoNotComeFromTheWire) {
  Octets p = ipv6_packet({.source = kFrom, .destination = kTo});
  Ipv6Packet out;
  for (const size_t at : {size_t{8}, size_t{24}}) {
    Octets wrong = p;
    std::fill_n(wrong.begin() + static_cast<ptrdiff_t>(at), 10, std::byte{0});
    std::fill_n(wrong.begin() + static_cast<ptrdiff_t>(at) + 10, 2, std::byte{0xff});
    EXPECT_EQ(ipv6_parse(wrong, out), at == 8 ? Drop::ipv6_source : Drop::ipv6_destination);
  }
}

// No chain of any octets reads beyond the packet (asan), or ends elsewhere than in it.
TEST(Ipv6Wire, AnyChainEndsWithinThePacket) {
  Rng rng(5);
  for (int round = 0; round < 20'000; ++round) {
    Octets payload(rng.below(80));
    for (std::byte& b : payload) {
      constexpr uint8_t kLikely[] = {0, 60, 43, 44, 0, 1, 17, 59};
      b = static_cast<std::byte>(rng.chance(0.7) ? kLikely[rng.below(8)] : rng.below(256));
    }
    const Ipv6Packet packet{.header = {.next_header = static_cast<uint8_t>(rng.below(2) ? 60 : 0)},
                            .payload = payload};
    Ipv6Chain out;
    const Drop why = ipv6_walk(packet, out);
    if (out.tell) {
      EXPECT_NE(why, Drop::none);
    }
    EXPECT_LE(out.pointer, sizeof(Ipv6Hdr) + payload.size());
    if (why == Drop::none) {
      EXPECT_EQ(out.payload.data() + out.payload.size(), payload.data() + payload.size());
      EXPECT_LE(out.part.begin, sizeof(Ipv6Hdr) + payload.size());
    }
  }
}

TEST(Ipv6Wire, PseudoHeaderSumIsThatOfItsOctets) {
  // RFC 8200 8.1, octet by octet.
  const auto sum = [](Ip a, Ip b, uint8_t next, uint16_t length) {
    Octets o(40);
    const be64 words[4] = {be64::of(a.hi), be64::of(a.lo), be64::of(b.hi), be64::of(b.lo)};
    std::memcpy(o.data(), words, sizeof words);
    o[34] = static_cast<std::byte>(length >> 8), o[35] = static_cast<std::byte>(length);
    o[39] = std::byte{next};
    return checksum_fold(checksum_add(0, o));
  };
  Rng rng(9);
  for (int i = 0; i < 1000; ++i) {
    const Ip a{rng.next(), rng.next()}, b{rng.next(), rng.next()};
    const auto length = static_cast<uint16_t>(rng.below(65536));
    EXPECT_EQ(checksum_fold(pseudo_header_sum(a, b, 58, length)), sum(a, b, 58, length));
  }
}

TEST(Icmp6Wire, QuoteRoundTripAndTruncation) {
  Octets body =
      ipv6_packet({.payload_length = 8, .next_header = 6, .source = kFrom, .destination = kTo});
  const uint8_t ports[8] = {0x12, 0x34, 0x56, 0x78, 1, 2, 3, 4};
  std::memcpy(body.data() + 40, ports, sizeof ports);
  IcmpQuote out;
  ASSERT_EQ(icmp6_quote_parse(body, out), Drop::none);
  EXPECT_EQ(out.source, kFrom);
  EXPECT_EQ(out.destination, kTo);
  EXPECT_EQ(out.source_port, 0x1234);
  EXPECT_EQ(out.destination_port, 0x5678);
  EXPECT_EQ(out.sequence, 0x01020304u);
  for (size_t length = 0; length < body.size(); ++length)
    EXPECT_EQ(icmp6_quote_parse(Bytes{body}.first(length), out), Drop::icmp6_quote);
}

TEST(NdWire, RoundTripAndTruncation) {
  for (const bool advertisement : {false, true}) {
    const NdMessage nd{.advertisement = advertisement,
                       .router = advertisement,
                       .solicited = advertisement,
                       .override_known = advertisement,
                       .target = kTo,
                       .has_link_address = true,
                       .link_address = {{2, 0, 0, 0, 0, 7}}};
    Octets wire(kNdBytes);
    ASSERT_EQ(nd_emit(nd, kFrom, kTo, wire), kNdBytes);
    IcmpMessage message;
    ASSERT_EQ(icmp6_parse(wire, kFrom, kTo, message), Drop::none);
    NdMessage out;
    ASSERT_EQ(nd_parse(message, out), Drop::none);
    EXPECT_EQ(out, nd);
    const Bytes body = message.body;
    for (size_t length = 0; length < body.size(); ++length) {
      message.body = body.first(length);
      EXPECT_EQ(nd_parse(message, out), length == 16 ? Drop::none : Drop::nd_malformed);
    }
  }
}

TEST(NdWire, GroupsAndLinkLocal) {
  const Mac mac{{0x02, 0x11, 0x22, 0x33, 0x44, 0x55}};
  EXPECT_EQ(link_local_of(mac), (Ip{0xfe80'0000'0000'0000, 0x0011'22ff'fe33'4455}));
  EXPECT_EQ(solicited_node(link_local_of(mac)), (Ip{0xff02'0000'0000'0000, 0x1'ff33'4455}));
  EXPECT_EQ(group_mac(solicited_node(link_local_of(mac))),
            (Mac{{0x33, 0x33, 0xff, 0x33, 0x44, 0x55}}));
}

TEST(MldWire, OldMessagesAndQueries) {
  Octets report(kMldV1Bytes);
  mld_v1_emit(kIcmp6MldDone, solicited_node(kTo), kTo, kAllRouters6, report);
  IcmpMessage message;
  ASSERT_EQ(icmp6_parse(report, kTo, kAllRouters6, message), Drop::none);
  EXPECT_EQ(message.type, kIcmp6MldDone);
  Ip group;
  EXPECT_EQ(mld_v1_parse(message, group), Drop::none);
  EXPECT_EQ(group, solicited_node(kTo));
  message.body = message.body.first(15);
  EXPECT_EQ(mld_v1_parse(message, group), Drop::mld_malformed);
  GroupQuery query;
  const Octets body(20 + 32);
  for (size_t length = 0; length <= body.size(); ++length) {
    const IcmpMessage m{
        .type = kIcmp6MldQuery, .rest = 0xffff'0000, .body = Bytes{body}.first(length)};
    const bool whole = length == 16 || length >= 20;
    EXPECT_EQ(mld_query_parse(m, query), whole ? Drop::none : Drop::mld_malformed) << length;
  }
  EXPECT_EQ(query.max_response, Nanos{0x1fff << 10} * kMilli);
  EXPECT_EQ(query.version, 2);
  EXPECT_TRUE(query.sources.empty());
  Octets two(20 + 32);
  two[16] = std::byte{0x0f}, two[19] = std::byte{2};  // S and a robustness of 7; two sources
  ASSERT_EQ(mld_query_parse({.type = kIcmp6MldQuery, .body = Bytes{two}}, query), Drop::none);
  EXPECT_EQ(query.robustness, 7);
  EXPECT_EQ(query.sources.size(), 32u);
}

}  // namespace
}  // namespace pinion
