// MoldUDP64 1.00 packets: writer and parser are mirrors, every truncation and every surplus byte
// is refused with its reason, 65,535 is a mark and no count.
#include "gateway/moldudp64/moldudp64.h"
#include "gateway/support/layout.h"

namespace pinion::moldudp64 {
namespace {

using testing::from_hex;

const Alpha<10> kSession = Alpha<10>::of("000007083D");

std::vector<std::byte> packet_of(std::initializer_list<std::string_view> messages) {
  std::vector<std::byte> room(200);
  PacketWriter writer(room, kSession, 1000);
  for (const auto text : messages) EXPECT_TRUE(writer.add(bytes_of_text(text)));
  room.resize(writer.finish());
  return room;
}

TEST(MoldPackets, WriterAndParserAreMirrors) {
  const auto wire = packet_of({"abc", "", "de"});
  EXPECT_EQ(wire, from_hex("30303030303730383344 00000000000003e8 0003"
                           "0003 616263 0000 0002 6465"));
  Packet packet;
  ASSERT_EQ(parse(wire, packet), Parse::ok);
  EXPECT_EQ(packet.kind, Kind::data);
  EXPECT_EQ(packet.session, kSession);
  EXPECT_EQ(packet.sequence, 1000u);
  EXPECT_EQ(packet.count, 3);
  EXPECT_EQ(packet.end(), 1003u);
  for (const std::string_view text : {"abc", "", "de"}) {
    EXPECT_TRUE(std::ranges::equal(take_message(packet.blocks), bytes_of_text(text)));
  }
  EXPECT_TRUE(packet.blocks.empty());
}

TEST(MoldPackets, EveryTruncationAndSurplus) {
  const auto wire = packet_of({"abc", "", "de"});
  Packet packet;
  for (size_t n = 0; n < wire.size(); ++n) {
    const std::vector<std::byte> piece(wire.begin(), wire.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_EQ(parse(piece, packet), n < sizeof(Header) ? Parse::short_header : Parse::short_block);
  }
  auto longer = wire;
  longer.push_back(std::byte{0});
  EXPECT_EQ(parse(longer, packet), Parse::trailing_bytes);
}

TEST(MoldPackets, HeartbeatAndEndOfSession) {
  Packet packet;
  const auto heartbeat = packet_of({});
  ASSERT_EQ(parse(heartbeat, packet), Parse::ok);
  EXPECT_EQ(packet.kind, Kind::heartbeat);
  EXPECT_EQ(packet.end(), 1000u);
  std::byte room[20];
  PacketWriter writer(room, kSession, 77);
  ASSERT_EQ(writer.finish_end_of_session(), 20u);
  ASSERT_EQ(parse(room, packet), Parse::ok);
  EXPECT_EQ(packet.kind, Kind::end_of_session);
  EXPECT_EQ(packet.count, 0);
  EXPECT_EQ(packet.end(), 77u);
}

TEST(MoldPackets, NumbersThatWrapAreRefused) {
  std::vector<std::byte> room(64);
  PacketWriter writer(room, kSession, UINT64_MAX);
  ASSERT_TRUE(writer.add(bytes_of_text("x")));
  room.resize(writer.finish());
  Packet packet;
  EXPECT_EQ(parse(room, packet), Parse::bad_sequence);
}

TEST(MoldPackets, WriterStopsAtItsRoom) {
  std::byte room[20 + 2 + 3];
  PacketWriter writer(room, kSession, 1);
  EXPECT_FALSE(writer.add(bytes_of_text("four")));
  EXPECT_TRUE(writer.add(bytes_of_text("abc")));
  EXPECT_FALSE(writer.add({}));
  EXPECT_EQ(writer.count(), 1);
  EXPECT_EQ(writer.finish(), sizeof room);
  std::byte small[19];
  EXPECT_EQ(PacketWriter(small, kSession, 1).finish(), 0u);
}

TEST(MoldPackets, RequestIsAHeaderAndNothingElse) {
  const auto wire = from_hex("30303030303730383344 00000000000003e8 0010");
  const Request* request = parse_request(wire);
  ASSERT_TRUE(request);
  EXPECT_EQ(request->sequence.get(), 1000u);
  EXPECT_EQ(request->count.get(), 16);
  EXPECT_FALSE(parse_request(Bytes{wire}.first(19)));
  EXPECT_FALSE(parse_request(packet_of({"a"})));
}

}  // namespace
}  // namespace pinion::moldudp64
