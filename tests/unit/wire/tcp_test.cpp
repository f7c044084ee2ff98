// The TCP header, its options and its checksum: parse(emit(x)) == x, every truncation is refused,
// and no option, however malformed, does harm (RFC 9293 3.2, MUST-4 to MUST-7, MUST-64, 68, 69).
#include "wire/tcp.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>

#include "base/rng.h"
#include "unit/wire/truncation.h"
#include "wire/checksum.h"

namespace pinion {
namespace {

using testing::bytes_of;
using testing::every_truncation;
using testing::Packet;

Packet emitted(const TcpSegment& segment) {
  Packet wire(tcp_header_length(segment.options));
  EXPECT_EQ(tcp_emit(segment, wire), wire.size());
  wire.insert(wire.end(), segment.payload.begin(), segment.payload.end());
  return wire;
}

// In hexadecimal, as they stand on the wire.
std::string options_of(const TcpSegment& segment) {
  const Packet wire = emitted(segment);
  std::string hex;
  for (const std::byte b : Bytes{wire}.subspan(sizeof(TcpHdr))) {
    for (const int digit : {std::to_integer<int>(b) >> 4, std::to_integer<int>(b) & 15}) {
      hex += "0123456789abcdef"[digit];
    }
  }
  return hex;
}

// The options of a header in which these bytes stand, padded with what is not to be read.
TcpOptions parsed(std::initializer_list<uint8_t> options) {
  Packet wire = emitted({});
  for (const uint8_t b : options) wire.push_back(std::byte{b});
  while (wire.size() % 4 != 0) wire.push_back(std::byte{1});
  wire[12] = std::byte(wire.size() << 2);
  TcpSegment out;
  EXPECT_EQ(tcp_parse(wire, out), Drop::none);
  EXPECT_TRUE(out.payload.empty());
  return out.options;
}

void expect_same(const TcpSegment& a, const TcpSegment& b) {
  EXPECT_EQ(a.source_port, b.source_port);
  EXPECT_EQ(a.destination_port, b.destination_port);
  EXPECT_EQ(a.seq, b.seq);
  EXPECT_EQ(a.ack, b.ack);
  EXPECT_EQ(a.flags, b.flags);
  EXPECT_EQ(a.wnd, b.wnd);
  EXPECT_EQ(a.checksum, b.checksum);
  EXPECT_EQ(a.up, b.up);
  EXPECT_EQ(a.options, b.options);
  EXPECT_TRUE(std::equal(a.payload.begin(), a.payload.end(), b.payload.begin(), b.payload.end()));
}

TEST(TcpWire, RoundTripAndTruncation) {
  TcpSegment segment{.source_port = 1234,
                     .destination_port = 65535,
                     .seq = {0xfedcba98},
                     .ack = {0x01234567},
                     .flags = kTcpAck | kTcpPsh | kTcpCwr,
                     .wnd = 0xffff,
                     .checksum = 0xbeef,
                     .up = 7};
  segment.options.has_timestamps = true;
  segment.options.ts_val = 0xffffffff, segment.options.ts_ecr = 1;
  segment.payload = bytes_of("hello");
  const Packet wire = emitted(segment);
  ASSERT_EQ(wire.size(), 37u);
  TcpSegment out;
  ASSERT_EQ(tcp_parse(wire, out), Drop::none);
  expect_same(segment, out);
  EXPECT_EQ(out.len(), 5u);
  every_truncation(wire, [&](Bytes b, size_t n) {
    const Drop expected = n < 20 ? Drop::tcp_short : n < 32 ? Drop::tcp_data_offset : Drop::none;
    EXPECT_EQ(tcp_parse(b, out), expected) << n;
  });
}

TEST(TcpWire, EveryDataOffset) {
  Packet wire(60);
  TcpSegment out;
  for (unsigned offset = 0; offset < 16; ++offset) {
    wire[12] = std::byte(offset << 4 | 0xf);  // reserved bits are not looked at
    EXPECT_EQ(tcp_parse(wire, out), offset < 5 ? Drop::tcp_data_offset : Drop::none);
    if (offset >= 5) {
      EXPECT_EQ(out.payload.size(), 60 - offset * 4);
    }
  }
}

TEST(TcpWire, SegmentLengthCountsSynAndFin) {
  TcpSegment segment;
  segment.payload = bytes_of("abc");
  EXPECT_EQ(segment.len(), 3u);
  segment.flags = kTcpSyn | kTcpFin;
  EXPECT_EQ(segment.len(), 5u);
}

TEST(TcpWire, LayoutOfTheUsualOptions) {
  TcpSegment syn;
  syn.options.mss = 1460;
  syn.options.sack_permitted = syn.options.has_timestamps = syn.options.has_window_scale = true;
  syn.options.window_scale = 7;
  EXPECT_EQ(options_of(syn),
            "020405b40402080a000000000000000001030307");
  syn.options.has_timestamps = false;
  EXPECT_EQ(options_of(syn), "020405b40101040201030307");
  TcpSegment ack;
  ack.options.sack_count = 1;
  ack.options.sack[0] = {{1}, {2}};
  EXPECT_EQ(options_of(ack), "0101050a0000000100000002");
  TcpSegment data;
  data.options.has_timestamps = true;
  data.options.ts_val = 0x01020304, data.options.ts_ecr = 0xfffefdfc;
  EXPECT_EQ(options_of(data), "0101080a01020304fffefdfc");
  data.options.sack_count = 1;
  data.options.sack[0] = {{1}, {2}};
  EXPECT_EQ(options_of(data), "0101080a01020304fffefdfc0101050a0000000100000002");
}

TEST(TcpWire, SackBlocksAsManyAsFit) {
  TcpSegment ack;
  for (uint32_t i = 0; i < 4; ++i) ack.options.sack[i] = {{i * 10}, {i * 10 + 5}};
  ack.options.sack_count = 4;
  TcpSegment out;
  ASSERT_EQ(tcp_parse(emitted(ack), out), Drop::none);
  EXPECT_EQ(out.options, ack.options);
  EXPECT_EQ(tcp_sack_room(ack.options), 4u);

  ack.options.has_timestamps = true;
  EXPECT_EQ(tcp_sack_room(ack.options), 3u);
  const Packet wire = emitted(ack);
  EXPECT_EQ(wire.size(), 60u);
  ASSERT_EQ(tcp_parse(wire, out), Drop::none);
  EXPECT_EQ(out.options.sack_count, 3);
}

TEST(TcpWire, RandomRoundTrips) {
  Rng rng(3);
  for (int i = 0; i < 10'000; ++i) {
    TcpSegment segment;
    TcpOptions& o = segment.options;
    segment.flags = static_cast<uint8_t>(rng.next());
    segment.seq = {static_cast<uint32_t>(rng.next())};
    if (rng.below(2)) o.mss = static_cast<uint16_t>(rng.below(65535) + 1);
    if ((o.has_window_scale = rng.below(2))) o.window_scale = static_cast<uint8_t>(rng.below(15));
    o.sack_permitted = rng.below(2);
    if ((o.has_timestamps = rng.below(2))) o.ts_val = static_cast<uint32_t>(rng.next());
    o.sack_count = static_cast<uint8_t>(rng.below(static_cast<uint32_t>(tcp_sack_room(o)) + 1));
    for (uint8_t b = 0; b < o.sack_count; ++b) {
      o.sack[b] = {{static_cast<uint32_t>(rng.next())}, {b}};
    }
    TcpSegment out;
    const Packet wire = emitted(segment);
    ASSERT_EQ(tcp_parse(wire, out), Drop::none);
    expect_same(segment, out);
  }
}

TEST(TcpOptions, UnknownKindsAreSkipped) {
  const TcpOptions o = parsed({254, 4, 9, 9, 2, 4, 5, 0xb4, 30, 2, 3, 3, 2});
  EXPECT_EQ(o.mss, 1460);
  EXPECT_TRUE(o.has_window_scale);
  EXPECT_EQ(o.window_scale, 2);
}

TEST(TcpOptions, NothingBehindTheEnd) {
  EXPECT_EQ(parsed({0, 2, 4, 5, 0xb4}).mss, 0);
  EXPECT_EQ(parsed({1, 1, 2, 4, 5, 0xb4, 0, 4, 2}), parsed({2, 4, 5, 0xb4}));
}

TEST(TcpOptions, AnyAlignment) {
  const TcpOptions o = parsed({1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8, 1, 1, 2, 4, 1, 0});
  EXPECT_TRUE(o.has_timestamps);
  EXPECT_EQ(o.ts_val, 9u);
  EXPECT_EQ(o.ts_ecr, 8u);
  EXPECT_EQ(o.mss, 256);
}

// What stands in nearly all segments is read at once: to the same effect.
TEST(TcpOptions, UsualTimestampsAsAnyOthers) {
  const TcpOptions usual = parsed({1, 1, 8, 10, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc});
  EXPECT_TRUE(usual.has_timestamps);
  EXPECT_EQ(usual.ts_val, 0x01020304u);
  EXPECT_EQ(usual.ts_ecr, 0xfffefdfcu);
  EXPECT_EQ(usual, parsed({8, 10, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc, 1, 1}));
  EXPECT_EQ(usual, parsed({1, 8, 10, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc, 0}));
  EXPECT_EQ(usual, parsed({1, 1, 8, 10, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc, 0, 2, 4, 5}));
  EXPECT_FALSE(parsed({1, 1, 8, 9, 1, 2, 3, 4, 0xff, 0xfe, 0xfd, 0xfc}).has_timestamps);
}

TEST(TcpOptions, IllegalLengthEndsTheReading) {
  EXPECT_EQ(parsed({99, 0, 2, 4, 5, 0xb4}), TcpOptions{});  // would never move on
  EXPECT_EQ(parsed({99, 1, 2, 4, 5, 0xb4}), TcpOptions{});
  EXPECT_EQ(parsed({2, 4, 5, 0xb4, 99, 200}).mss, 1460);  // beyond the header
  EXPECT_EQ(parsed({1, 1, 1, 2}), TcpOptions{});          // a kind without its length
}

TEST(TcpOptions, KnownKindOfWrongLengthCountsAsAbsent) {
  EXPECT_EQ(parsed({2, 3, 5, 3, 4, 1, 1, 4, 3, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0, 2, 2}), TcpOptions{});
  EXPECT_EQ(parsed({5, 2, 5, 9, 0, 0, 0, 0, 0, 0, 0}), TcpOptions{});
  EXPECT_EQ(parsed({2, 3, 5, 2, 4, 5, 0xb4}).mss, 1460);
}

TEST(TcpOptions, WindowScaleIsAtMostFourteen) {  // RFC 7323 2.3
  EXPECT_EQ(parsed({3, 3, 14}).window_scale, 14);
  EXPECT_EQ(parsed({3, 3, 15}).window_scale, 14);
  EXPECT_EQ(parsed({3, 3, 255}).window_scale, 14);
}

TEST(TcpOptions, RandomBytesDoNoHarm) {
  Rng rng(5);
  for (int i = 0; i < 50'000; ++i) {
    Packet wire(20 + rng.below(60));  // of its exact size: a sanitizer sees what is read beyond
    for (std::byte& b : wire) b = std::byte(rng.below(rng.below(2) ? 256 : 11));
    TcpSegment out;
    if (tcp_parse(wire, out) != Drop::none) continue;
    EXPECT_LE(out.options.sack_count, TcpOptions::kSackBlocksMax);
    EXPECT_LE(out.options.window_scale, kWindowScaleMax);
  }
}

TEST(TcpWire, Checksum) {
  TcpSegment segment{.source_port = 80, .destination_port = 81, .seq = {1}, .flags = kTcpAck};
  segment.payload = bytes_of("odd");
  const Ipv4 from = ipv4(10, 0, 0, 1), to = ipv4(10, 0, 0, 2);
  Packet wire = emitted(segment);
  EXPECT_FALSE(tcp_checksum_ok(wire, from, to));
  const uint64_t pseudo =
      pseudo_header_sum(from, to, kProtocolTcp, static_cast<uint16_t>(wire.size()));
  segment.checksum = checksum_finish(checksum_add(pseudo, wire));
  wire = emitted(segment);
  EXPECT_TRUE(tcp_checksum_ok(wire, from, to));
  EXPECT_FALSE(tcp_checksum_ok(wire, from, ipv4(10, 0, 0, 3)));
  every_truncation(wire, [&](Bytes b, size_t n) {
    if (n >= 20) {
      EXPECT_FALSE(tcp_checksum_ok(b, from, to)) << n;
    }
  });
  for (size_t i = 0; i < wire.size(); ++i) {
    wire[i] ^= std::byte{1};
    EXPECT_FALSE(tcp_checksum_ok(wire, from, to)) << i;
    wire[i] ^= std::byte{1};
  }
}

}  // namespace
}  // namespace pinion
