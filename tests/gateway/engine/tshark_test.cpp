// Wireshark reads what the engine says to its clients and to the venue, and the datagrams of both
// sides, of a run with orders, fills, refusals, a restart and a resend.
#include "support/tshark.h"

#include "bed.h"

namespace pinion::gateway::test {
namespace {

using Payloads = std::vector<std::vector<std::byte>>;

std::vector<std::byte> bytes_of(std::string_view text) {
  const Bytes bytes = bytes_of_text(text);
  return {bytes.begin(), bytes.end()};
}

void run(Bed& bed) {
  bed.trades();
  bed.client().order("A1");
  bed.client().order("A2", {.symbol = "NOSUCH"});
  bed.client().order("A3", {.price = 1'010'000, .time_in_force = '3'});
  bed.turn();
  bed.client().replace("A4", "A1", {.shares = 200});
  bed.turn();
  bed.client().disconnect(bed.now);
  bed.venue.quote(0, 'S', 1'000'000, 50);
  bed.restart();
  bed.trades();
  bed.client().cancel("A5", "A4");
  bed.client().cancel("A6", "A9");
  bed.turn();
  ASSERT_EQ(bed.client().count(150, "4"), 1u);
  bed.engine->begin_stop(bed.now);
  bed.turn();
  bed.engine->end();
}

// One message in each segment, and nothing left over.
Payloads fix_frames(const MemoryNetwork& network) {
  Payloads out;
  for (const MemoryNetwork::Stream& s : network.streams()) {
    std::string_view rest = s.by_gateway ? std::string_view() : s.out;
    while (!rest.empty()) {
      const fix::Frame frame = fix::next_frame(rest);
      EXPECT_EQ(frame.status, fix::FrameStatus::message);
      if (frame.status != fix::FrameStatus::message) break;
      out.push_back(bytes_of(rest.substr(0, frame.bytes)));
      rest.remove_prefix(frame.bytes);
    }
  }
  return out;
}

void expect_read(const std::vector<std::string>& lines, size_t count) {
  EXPECT_EQ(lines.size(), count);
  for (const std::string& line : lines) {
    EXPECT_FALSE(line.starts_with("|")) << line << ": not even its type";
    EXPECT_TRUE(line.ends_with("|")) << line << ": malformed";
  }
}

TEST(EngineTshark, ReadsARun) {
  if (!testing::have_tshark()) GTEST_SKIP() << "no tshark here";
  Bed bed;
  run(bed);
  const Payloads frames = fix_frames(bed.network);
  EXPECT_GT(frames.size(), 10u);
  expect_read(testing::tshark_fields(testing::Carrier::tcp, "fix", frames,
                                     {"fix.MsgType", "_ws.malformed"}),
              frames.size());
  for (const MemoryNetwork::Stream& s : bed.network.streams()) {
    if (!s.by_gateway || s.out.empty()) continue;
    const auto lines =
        testing::tshark_fields(testing::Carrier::tcp, "soupbintcp", {bytes_of(s.out)},
                               {"soupbintcp.packet_type", "_ws.malformed"});
    expect_read(lines, 1);
    EXPECT_TRUE(lines.at(0).starts_with("'L','U'")) << lines.at(0);
  }
  Payloads datagrams;
  for (const std::string& d : bed.venue.datagrams) datagrams.push_back(bytes_of(d));
  expect_read(testing::tshark_fields(testing::Carrier::udp, "moldudp64", datagrams,
                                     {"moldudp64.session", "_ws.malformed"}),
              datagrams.size());
}

}  // namespace
}  // namespace pinion::gateway::test
