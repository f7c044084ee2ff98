// Wireshark's MoldUDP64 dissector reads what we write.
#include "gateway/support/tshark.h"

#include <gtest/gtest.h>

#include "gateway/itch/itch.h"
#include "gateway/moldudp64/moldudp64.h"

namespace pinion::moldudp64 {
namespace {

TEST(MoldTshark, ReadsDataHeartbeatEndAndRequest) {
  if (!testing::have_tshark()) GTEST_SKIP() << "no tshark here";
  const auto session = Alpha<10>::of("S1");
  const auto add = itch::make<itch::AddOrder>(1, 5);
  const auto remove = itch::make<itch::OrderDelete>(1, 6);
  std::vector<std::vector<std::byte>> packets(3, std::vector<std::byte>(1400));
  PacketWriter data(packets[0], session, 4'294'967'299), heartbeat(packets[1], session, 7),
      end(packets[2], session, 9);
  EXPECT_TRUE(data.add(bytes_of_message(add)) && data.add(bytes_of_message(remove)));
  packets[0].resize(data.finish());
  packets[1].resize(heartbeat.finish());
  packets[2].resize(end.finish_end_of_session());
  const auto lines = testing::tshark_fields(
      testing::Carrier::udp, "moldudp64", packets,
      {"moldudp64.session", "moldudp64.sequence", "moldudp64.count", "moldudp64.msglen",
       "moldudp64.msgseq", "_ws.malformed", "moldudp64.count.invalid"});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "S1        |4294967299|2|36,19|4294967299,4294967300||");
  EXPECT_EQ(lines[1], "S1        |7|0||||");
  EXPECT_EQ(lines[2], "S1        |9|65535||||");
}

}  // namespace
}  // namespace pinion::moldudp64
