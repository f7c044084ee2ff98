// SoupBinTCP 3.00 packets: layouts, framing across segments, both paddings.
#include "gateway/soupbintcp/soupbintcp.h"
#include "gateway/support/layout.h"

namespace pinion::soupbintcp {
namespace {

using testing::from_hex;

TEST(SoupPackets, EveryLayoutAndTruncation) {
#define MESSAGE(name, letter, bytes) \
  testing::check_layout<name>(#name, [](Bytes b, auto&& on) { return read(b, on); });
#define FIELD(offset, word, field)
#define END(name)
#include "gateway/soupbintcp/packets.def"
#undef MESSAGE
#undef FIELD
#undef END
}

TEST(SoupPackets, FramingAtEveryCut) {
  std::vector<std::byte> stream = from_hex("0001 48  0004 53 414243  0001 5a");
  for (size_t n = 0; n <= stream.size(); ++n) {
    const std::vector<std::byte> piece(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(n));
    Bytes rest = piece, packet;
    size_t used = 0, packets = 0;
    Framing framing;
    while ((framing = next_packet(rest, packet, used)) == Framing::packet) {
      rest = rest.subspan(used);
      ++packets;
    }
    EXPECT_EQ(framing, Framing::incomplete);
    EXPECT_EQ(packets, (n >= 3) + (n >= 9) + (n >= 12)) << n;
  }
}

TEST(SoupPackets, LengthZeroIsMalformed) {
  Bytes packet;
  size_t used = 0;
  EXPECT_EQ(next_packet(from_hex("0000 48"), packet, used), Framing::malformed);
}

TEST(SoupPackets, LongestPacketAndOneTooLong) {
  std::vector<std::byte> room(kPacketBytesMax + 10), payload(0xffff);
  EXPECT_EQ(emit_typed<SequencedData>(payload, room), 0u) << "type and 65,535 bytes";
  const size_t length = emit_typed<SequencedData>(Bytes{payload}.first(0xfffe), room);
  EXPECT_EQ(length, kPacketBytesMax);
  Bytes packet;
  size_t used = 0;
  ASSERT_EQ(next_packet(room, packet, used), Framing::packet);
  EXPECT_EQ(used, kPacketBytesMax);
  EXPECT_EQ(emit_typed<SequencedData>(payload, MutableBytes{room}.first(100)), 0u);
}

TEST(SoupPackets, HeartbeatsOfTheWire) {
  std::byte room[3];
  ASSERT_EQ(emit_typed<ClientHeartbeat>({}, room), 3u);
  EXPECT_TRUE(std::ranges::equal(room, from_hex("000152")));
  ASSERT_EQ(emit_typed<ServerHeartbeat>({}, room), 3u);
  EXPECT_TRUE(std::ranges::equal(room, from_hex("000148")));
}

TEST(SoupFields, NumbersAndSessionsOfEitherPadding) {
  const auto digits = [](std::string_view text) { return Digits20{Alpha<20>::of(text)}.get(); };
  EXPECT_EQ(digits("42"), 42u);
  EXPECT_EQ(Digits20{Alpha<20>::right_aligned("42")}.get(), 42u);
  EXPECT_EQ(digits(""), 0u);
  EXPECT_EQ(digits("00000000000000000007"), 7u);
  EXPECT_EQ(digits("18446744073709551614"), UINT64_MAX - 1);
  EXPECT_EQ(digits("18446744073709551616"), Digits20::kBad);
  EXPECT_EQ(digits("99999999999999999999"), Digits20::kBad);
  EXPECT_EQ(digits("1 2"), Digits20::kBad);
  EXPECT_EQ(digits("-1"), Digits20::kBad);
  EXPECT_EQ(Digits20::of(0).text.get(), "0");
  EXPECT_EQ(Digits20::of(UINT64_MAX).text.get(), "18446744073709551615");
  EXPECT_EQ(Alpha<10>::right_aligned("S1").get(), "S1");
  EXPECT_EQ(std::string_view(Alpha<4>::right_aligned("S1").c, 4), "  S1");
  EXPECT_EQ(std::string_view(Alpha<4>::of("S1").c, 4), "S1  ");
  EXPECT_EQ(Alpha<2>::of("LONG").get(), "LO");
}

}  // namespace
}  // namespace pinion::soupbintcp
