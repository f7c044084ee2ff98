// OUCH 5.0: every request and answer of the tables, the appendage, and the real captures.
#include "gateway/ouch/ouch.h"

#include "gateway/ouch/appendage.h"
#include "gateway/soupbintcp/soupbintcp.h"
#include "gateway/support/captures.h"
#include "gateway/support/layout.h"

namespace pinion::ouch {
namespace {

using testing::from_hex;

TEST(OuchMessages, EveryLayoutAndTruncation) {
#define FIELD(offset, word, field)
#define END(name)
#define MESSAGE(name, letter, bytes)                     \
  testing::check_layout<request::name>("request " #name, \
                                       [](Bytes b, auto&& on) { return request::read(b, on); });
#include "gateway/ouch/requests.def"
#undef MESSAGE
#define MESSAGE(name, letter, bytes)                   \
  testing::check_layout<answer::name>("answer " #name, \
                                      [](Bytes b, auto&& on) { return answer::read(b, on); });
#include "gateway/ouch/answers.def"
#undef MESSAGE
#undef FIELD
#undef END
}

TEST(OuchMessages, TypesKnown) {
  int requests = 0, answers = 0;
  for (int type = 0; type < 256; ++type) {
    std::vector<std::byte> wire(80);
    wire[0] = static_cast<std::byte>(type);
    requests += request::read(wire, [](const auto&, Bytes) {}) == Read::ok;
    answers += answer::read(wire, [](const auto&, Bytes) {}) == Read::ok;
  }
  EXPECT_EQ(requests, 8);
  EXPECT_EQ(answers, 18);
}

TEST(OuchMessages, AiqStrategyIsOptional) {
  EXPECT_EQ(aiq_strategy({}), '\0');
  EXPECT_EQ(aiq_strategy(bytes_of_text("D")), 'D');
}

TEST(OuchAppendage, AbsentEmptyAndFirm) {
  Element e;
  EXPECT_TRUE(Appendage({}).ok());
  EXPECT_TRUE(Appendage(from_hex("0000")).ok());
  const auto wire = from_hex("0006 05 02 4c494d45");
  Appendage a(wire);
  ASSERT_TRUE(a.ok());
  ASSERT_TRUE(a.next(e));
  EXPECT_EQ(e.tag, Tag::firm);
  EXPECT_EQ(e.as_text(), "LIME");
  EXPECT_FALSE(a.next(e));
}

TEST(OuchAppendage, UnknownTagsAreSkippedByLength) {
  const auto wire = from_hex("000b 04 fe 010203 02 0c 50 01 ff ffff");
  Element e;
  Appendage a(Bytes{wire}.first(2 + 11 - 1));
  EXPECT_FALSE(a.ok()) << "the length says eleven, ten are there";
  const auto good = from_hex("000a 04 fe 010203 02 0c 50 01 ff aaaa");  // and two bytes of nobody
  Appendage b(good);
  ASSERT_TRUE(b.ok());
  ASSERT_TRUE(b.next(e));
  EXPECT_EQ(e.tag, Tag::post_only);
  EXPECT_EQ(e.as_char(), 'P');
  EXPECT_FALSE(b.next(e));
}

TEST(OuchAppendage, EveryTagRoundTripsAndEveryTruncationIsRefused) {
  std::byte room[512];
  AppendageWriter writer(room);
  int known = 0;
  for (int t = 0; t < 256; ++t) {
    const size_t n = value_bytes(static_cast<Tag>(t));
    std::vector<std::byte> value(n ? n : 1, static_cast<std::byte>(t ^ 0x80));
    EXPECT_EQ(writer.add(static_cast<Tag>(t), value), n != 0) << t;
    known += n != 0;
  }
  EXPECT_EQ(known, 28);
  const size_t length = writer.finish();
  for (size_t n = 1; n <= length; ++n) {
    const std::vector<std::byte> piece(room, room + n);
    Appendage a(piece);
    EXPECT_EQ(a.ok(), n == length) << n;
    Element e;
    int found = 0;
    while (a.next(e)) {
      ++found;
      EXPECT_EQ(e.value.size(), value_bytes(e.tag));
      EXPECT_EQ(e.value[0], static_cast<std::byte>(static_cast<int>(e.tag) ^ 0x80));
    }
    EXPECT_EQ(found, n == length ? known : 0);
  }
}

TEST(OuchAppendage, NonsenseIsMalformed) {
  EXPECT_FALSE(Appendage(from_hex("0001 00")).ok()) << "an element without a tag";
  EXPECT_FALSE(Appendage(from_hex("0002 02 02")).ok()) << "an element that ends too early";
  EXPECT_FALSE(Appendage(from_hex("0003 02 02 41")).ok()) << "a firm of one letter";
}

TEST(OuchAppendage, SignedOffsetsAndFullWriter) {
  std::byte room[9];
  AppendageWriter writer(room);
  EXPECT_TRUE(writer.add_u32(Tag::peg_offset, static_cast<uint32_t>(-500)));
  EXPECT_FALSE(writer.add_char(Tag::post_only, 'P'));
  const size_t length = writer.finish();
  EXPECT_EQ(length, 8u);
  Appendage a(Bytes{room, length});
  Element e;
  ASSERT_TRUE(a.next(e));
  EXPECT_EQ(e.as_i32(), -500);
}

// Real order entry: the packets of SoupBinTCP, cut out of frames that go on behind the IP packet.
TEST(OuchCaptures, AgreeByteByByte) {
  int entered = 0, heartbeats = 0, trailing = 0;
  const int count = testing::each_captured("ouch50", [&](const auto& file, const auto& captured) {
    SCOPED_TRACE(file);
    trailing += captured.trailing > 0;
    Bytes stream = captured.payload, packet;
    size_t used = 0;
    while (soupbintcp::next_packet(stream, packet, used) == soupbintcp::Framing::packet) {
      stream = stream.subspan(used);
      ASSERT_EQ(
          soupbintcp::read(
              packet,
              [&](const auto& p, Bytes rest) {
                using Packet = std::decay_t<decltype(p)>;
                heartbeats += std::is_same_v<Packet, soupbintcp::ClientHeartbeat> ||
                              std::is_same_v<Packet, soupbintcp::ServerHeartbeat>;
                const auto look = [&](const auto& m, Bytes appendage_bytes) {
                  testing::check_fields(m);
                  Appendage appendage(appendage_bytes);
                  EXPECT_TRUE(appendage.ok());
                  if constexpr (std::is_same_v<std::decay_t<decltype(m)>, request::EnterOrder>) {
                    ++entered;
                    EXPECT_EQ(m.user_ref.get(), 0x71u);
                    EXPECT_EQ(m.side.get(), 'T');
                    EXPECT_EQ(m.quantity.get(), 225u);
                    EXPECT_EQ(m.symbol.get(), "CVLT");
                    EXPECT_EQ(m.price.get(), 630'200u);  // 63.02
                    EXPECT_EQ(m.display.get(), 'Y');
                    EXPECT_EQ(m.capacity.get(), 'A');
                    EXPECT_EQ(m.cross.get(), 'N');
                    EXPECT_EQ(m.cl_ord_id.get(), "H8FUB8IV");
                    Element e;
                    ASSERT_TRUE(appendage.next(e));
                    EXPECT_EQ(e.tag, Tag::firm);
                    EXPECT_EQ(e.as_text(), "LIME");
                  }
                };
                if constexpr (std::is_same_v<Packet, soupbintcp::UnsequencedData>) {
                  EXPECT_EQ(request::read(rest, look), Read::ok);
                } else if constexpr (std::is_same_v<Packet, soupbintcp::SequencedData>) {
                  EXPECT_EQ(answer::read(rest, look), Read::ok);
                } else {
                  EXPECT_TRUE(rest.empty());
                }
              }),
          Read::ok);
    }
    EXPECT_TRUE(stream.empty());
  });
  if (count < 0) GTEST_SKIP() << "no captures: PINION_CAPTURES names no directory with ouch50/";
  EXPECT_GT(entered, 0);
  EXPECT_GE(heartbeats, 2);
  EXPECT_GT(trailing, 0);
}

}  // namespace
}  // namespace pinion::ouch
