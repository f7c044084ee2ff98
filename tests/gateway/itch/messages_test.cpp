// ITCH 5.0: every message of the table, literals from the specification's layouts, and the real
// captures, byte by byte.
#include <cctype>
#include <map>

#include "gateway/itch/itch.h"
#include "gateway/moldudp64/moldudp64.h"
#include "gateway/support/captures.h"
#include "gateway/support/layout.h"

namespace pinion::itch {
namespace {

const auto kRead = [](Bytes bytes, auto&& on) { return read(bytes, on); };

TEST(ItchMessages, EveryLayoutAndTruncation) {
#define MESSAGE(name, letter, bytes) testing::check_layout<name>(#name, kRead);
#define FIELD(offset, word, field)
#define END(name)
#include "gateway/itch/messages.def"
#undef MESSAGE
#undef FIELD
#undef END
}

TEST(ItchMessages, UnknownTypesAreNamed) {
  int known = 0;
  for (int type = 0; type < 256; ++type) {
    std::vector<std::byte> wire(64);
    wire[0] = static_cast<std::byte>(type);
    const Read what = read(wire, [](const auto&, Bytes) {});
    if (what == Read::ok) ++known;
    else EXPECT_EQ(what, Read::unknown_type);
  }
  EXPECT_EQ(known, 22);
}

// One message of the wire in literals: a Nasdaq Add Order with attribution.
TEST(ItchMessages, AddOrderMpidOfTheWire) {
  const auto wire = testing::from_hex(
      "46 06ca 0000 1f1aced99936 0000000120be7553 42 00000064 4341535920202020 0026fd40 464c5455");
  int calls = 0;
  ASSERT_EQ(read(wire,
                 [&](const auto& m, Bytes rest) {
                   if constexpr (std::is_same_v<std::decay_t<decltype(m)>, AddOrderMpid>) {
                     ++calls;
                     EXPECT_EQ(m.locate.get(), 0x06ca);
                     EXPECT_EQ(m.tracking.get(), 0);
                     EXPECT_EQ(m.timestamp.get(), 0x1f1aced99936u);
                     EXPECT_EQ(m.reference.get(), 0x120be7553u);
                     EXPECT_EQ(m.side.get(), 'B');
                     EXPECT_EQ(m.shares.get(), 100u);
                     EXPECT_EQ(m.stock.get(), "CASY");
                     EXPECT_EQ(m.price.get(), 2'555'200u);  // 255.52
                     EXPECT_EQ(m.attribution.get(), "FLTU");
                     EXPECT_TRUE(rest.empty());
                   }
                 }),
            Read::ok);
  EXPECT_EQ(calls, 1);
}

TEST(ItchMessages, MakeFillsThePrefix) {
  const auto m = make<OrderDelete>(7, 0x123456789abc);
  EXPECT_EQ(m.type.get(), 'D');
  EXPECT_EQ(m.locate.get(), 7);
  EXPECT_EQ(m.timestamp.get(), 0x123456789abcu);
  EXPECT_EQ(m.reference.get(), 0u);
}

// Real Nasdaq frames: each block has just the length of its layout, each field survives the way
// to host order and back, and is what such a field may be.
TEST(ItchCaptures, AgreeByteByByte) {
  std::map<char, int> types;
  int tagged = 0;
  const int count = testing::each_captured("itch50", [&](const auto& file, const auto& captured) {
    SCOPED_TRACE(file);
    tagged += captured.tagged;
    moldudp64::Packet packet;
    ASSERT_EQ(moldudp64::parse(captured.payload, packet), moldudp64::Parse::ok);
    for (int i = 0; i < packet.count; ++i) {
      const Bytes message = moldudp64::take_message(packet.blocks);
      ASSERT_EQ(read(message,
                     [&](const auto& m, Bytes rest) {
                       using Message = std::decay_t<decltype(m)>;
                       EXPECT_EQ(message.size(), sizeof(Message));
                       EXPECT_TRUE(rest.empty());
                       testing::check_fields(m);
                       ++types[Message::kType];
                       if constexpr (requires { m.timestamp; }) {
                         EXPECT_LT(m.timestamp.get(), 24 * 3600 * 1'000'000'000ull);
                         EXPECT_GT(m.timestamp.get(), 3 * 3600 * 1'000'000'000ull);
                         EXPECT_GT(m.locate.get(), 0);
                       }
                       if constexpr (requires { m.stock; }) {
                         EXPECT_FALSE(m.stock.get().empty());
                         for (const char c : m.stock.get())
                           EXPECT_TRUE(std::isupper(c) || std::ispunct(c)) << c;
                       }
                       if constexpr (requires { m.side; }) {
                         EXPECT_TRUE(m.side.get() == 'B' || m.side.get() == 'S');
                       }
                     }),
                Read::ok);
    }
  });
  if (count < 0) GTEST_SKIP() << "no captures: PINION_CAPTURES names no directory with itch50/";
  EXPECT_GT(count, 0);
  EXPECT_GT(tagged, 0);
  for (const char type : {'F', 'L', 'I', 'X', 'D', 'E', 'Y', 'H'}) {
    EXPECT_GT(types[type], 0) << type;
  }
}

}  // namespace
}  // namespace pinion::itch
