// Wireshark's SoupBinTCP dissector reads what we write, also across segments.
#include "gateway/support/tshark.h"

#include <gtest/gtest.h>

#include "gateway/soupbintcp/soupbintcp.h"

namespace pinion::soupbintcp {
namespace {

TEST(SoupTshark, ReadsLoginDataAndHeartbeats) {
  if (!testing::have_tshark()) GTEST_SKIP() << "no tshark here";
  std::vector<std::byte> stream(500);
  size_t at = 0;
  const auto put = [&](const auto& packet, std::string_view rest) {
    at += emit_packet(packet, bytes_of_text(rest), MutableBytes{stream}.subspan(at));
  };
  put(LoginRequest{Char::of('L'), Alpha<6>::of("USER01"), Alpha<10>::of("SECRET"),
                   Alpha<10>::right_aligned(""), Digits20::of(17)},
      "");
  put(LoginAccepted{Char::of('A'), Alpha<10>::right_aligned("S1"), Digits20::of(17)}, "");
  put(SequencedData{Char::of('S')}, "abc");
  put(ServerHeartbeat{Char::of('H')}, "");
  put(LoginRejected{Char::of('J'), Char::of('S')}, "");
  stream.resize(at);
  // A segment ends within the login, the next with the answer.
  const auto cut = [&](size_t from, size_t to) {
    return std::vector<std::byte>(stream.begin() + static_cast<ptrdiff_t>(from),
                                  stream.begin() + static_cast<ptrdiff_t>(to));
  };
  const auto lines = testing::tshark_fields(
      testing::Carrier::tcp, "soupbintcp", {cut(0, 20), cut(20, 49 + 33), cut(82, at)},
      {"soupbintcp.packet_type", "soupbintcp.packet_length", "soupbintcp.username",
       "soupbintcp.message", "soupbintcp.reject_code", "_ws.malformed"});
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "|||||");
  EXPECT_EQ(lines[1], "'L','A'|47,31|USER01|||");
  EXPECT_EQ(lines[2], "'S','H','J'|4,1,2||616263|'S'|");
}

}  // namespace
}  // namespace pinion::soupbintcp
