// IGMP messages: what is emitted is parsed again, and every truncation is refused.
#include "wire/igmp.h"

#include <gtest/gtest.h>

#include "unit/wire/truncation.h"
#include "wire/checksum.h"

namespace pinion {
namespace {

using testing::every_truncation;
using testing::Packet;

constexpr Ipv4 kGroup = ipv4(239, 1, 2, 3);

Packet igmp_query(uint8_t code, Ipv4 group, const std::vector<Ipv4>& sources, uint8_t flags) {
  Packet wire(sizeof(IgmpHdr) + sizeof(IgmpQueryTail) + sources.size() * sizeof(be32));
  IgmpHdr h{kIgmpQuery, code, {}, be32::of(group.v)};
  const IgmpQueryTail tail{flags, 0x8f, be16::of(static_cast<uint16_t>(sources.size()))};
  std::memcpy(wire.data() + sizeof h, &tail, sizeof tail);
  for (size_t i = 0; i < sources.size(); ++i) {
    const be32 source = be32::of(sources[i].v);
    std::memcpy(wire.data() + sizeof h + sizeof tail + i * sizeof source, &source, sizeof source);
  }
  std::memcpy(wire.data(), &h, sizeof h);
  h.checksum = be16::of(checksum(wire));
  std::memcpy(wire.data(), &h, sizeof h);
  return wire;
}

TEST(Igmp, OldMessagesRoundTrip) {
  for (const uint8_t type : {kIgmpV1Report, kIgmpV2Report, kIgmpV2Leave}) {
    Packet wire(sizeof(IgmpHdr));
    igmp_emit(type, kGroup, wire);
    IgmpMessage out;
    ASSERT_EQ(igmp_parse(wire, out), Drop::none);
    EXPECT_EQ(out.type, type);
    EXPECT_EQ(out.group, kGroup);
    every_truncation(wire,
                     [&](Bytes b, size_t) { EXPECT_EQ(igmp_parse(b, out), Drop::igmp_short); });
  }
}

TEST(Igmp, QueryOfVersion3AndItsTruncations) {
  const Packet wire = igmp_query(0x8f, kGroup, {ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2)}, 0x0a);
  IgmpMessage out;
  ASSERT_EQ(igmp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.version, 3);
  EXPECT_EQ(out.group, kGroup);
  EXPECT_EQ(out.max_response, (0x1f << 3) * kSecond / 10);  // RFC 3376 4.1.1: mantissa 15
  EXPECT_EQ(out.robustness, 2);
  EXPECT_EQ(out.interval, (0x1f << 3) * kSecond);
  EXPECT_EQ(out.sources.size(), 8u);
  every_truncation(wire, [&](Bytes b, size_t) { EXPECT_NE(igmp_parse(b, out), Drop::none); });
}

TEST(Igmp, VersionsOfAQuery) {  // RFC 3376 7.1
  IgmpMessage out;
  Packet wire(sizeof(IgmpHdr));
  igmp_emit(kIgmpQuery, {}, wire);
  ASSERT_EQ(igmp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.version, 1);
  EXPECT_EQ(out.max_response, 10 * kSecond);
  IgmpHdr h{kIgmpQuery, 25, {}, {}};
  h.checksum = be16::of(checksum(std::as_bytes(std::span{&h, 1})));
  ASSERT_EQ(igmp_parse(std::as_bytes(std::span{&h, 1}), out), Drop::none);
  EXPECT_EQ(out.version, 2);
  EXPECT_EQ(out.max_response, 2500 * kMilli);
}

TEST(Igmp, ReportHasAChecksumOverItsRecords) {
  Packet wire(sizeof(IgmpReportHdr) + sizeof(GroupRecordHdr) + sizeof(be32), std::byte{0x5a});
  igmp_emit_report(1, wire);
  EXPECT_EQ(checksum(wire), 0);
  IgmpMessage out;
  ASSERT_EQ(igmp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.type, kIgmpV3Report);
}

}  // namespace
}  // namespace pinion
