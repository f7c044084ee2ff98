// What the gateway really puts on the wire, captured while it trades: tshark reads FIX, SoupBinTCP
// and MoldUDP64 in it without complaint, and of a refused order no byte goes to the venue.
#include <fstream>
#include <sstream>

#include "gateway/support/trading.h"

namespace pinion::gateway_test {
namespace {

class GatewayCapture : public e2e::World {
 protected:
  void SetUp() override {
    World::SetUp();
    if (IsSkipped()) return;
    if (e2e::run({"sh", "-c", "command -v tshark dumpcap"}).status != 0)
      GTEST_SKIP() << "needs tshark and dumpcap";
    config_.pinion_socket = socket_path();
    config_.directory = scratch_.path(".");
    config_.client = {"--count", "400", "--rate", "400"};
  }

  void capture() {
    Trading t(config_);
    const std::string file = t.path("wire.pcap");
    t.start_sim();
    e2e::Program dumpcap({"dumpcap", "-q", "-P", "-i", config_.pinion ? "kernel0" : "lo", "-f",
                          "tcp port 9878 or tcp port 8003 or udp port 26477", "-w", file});
    ASSERT_TRUE(dumpcap.says("File: ")) << dumpcap.output();
    t.start_gateway();
    ASSERT_TRUE(t.until_trading());
    t.start_client();
    EXPECT_TRUE(t.client_says("twice=", 30'000));
    EXPECT_EQ(t.client->end(0), 0) << t.client->output();
    EXPECT_EQ(t.gateway->end(SIGTERM), 0) << t.gateway->output();
    EXPECT_EQ(t.sim->end(SIGTERM), 0) << t.sim->output();
    EXPECT_EQ(dumpcap.end(SIGINT), 0) << dumpcap.output();
    expect_readable(file);
    expect_only_what_passed(file, t.path("journal"));
  }

  static std::string tshark(const std::string& file, const Strings& more) {
    Strings all = {"tshark", "-n", "-r", file, "-d", "tcp.port==9878,fix", "-d",
                   "tcp.port==8003,soupbintcp", "-d", "udp.port==26477,moldudp64"};
    all.insert(all.end(), more.begin(), more.end());
    const e2e::Outcome out = e2e::run(all);
    EXPECT_EQ(out.status, 0) << out.output;
    return out.output;
  }
  static size_t frames(const std::string& file, const std::string& filter) {
    const std::string lines = tshark(file, {"-Y", filter, "-T", "fields", "-e", "frame.number"});
    size_t count = 0;
    std::istringstream in(lines);
    for (std::string line; std::getline(in, line);)
      count += !line.empty() && line.find_first_not_of("0123456789") == std::string::npos;
    return count;
  }

  static void expect_readable(const std::string& file) {
    EXPECT_EQ(frames(file, "_ws.malformed || _ws.expert.severity == error"), 0u)
        << tshark(file, {"-Y", "_ws.malformed || _ws.expert.severity == error"});
    EXPECT_EQ(frames(file, "fix && fix.checksum_good == 0"), 0u);
    EXPECT_GT(frames(file, "fix.MsgType == \"D\""), 100u);
    EXPECT_GT(frames(file, "fix.MsgType == \"8\""), 100u);
    EXPECT_GT(frames(file, "soupbintcp.packet_type == 'U'"), 100u);
    EXPECT_GT(frames(file, "soupbintcp.packet_type == 'S'"), 100u);
    EXPECT_GT(frames(file, "moldudp64"), 100u);
  }

  // The journal tells what was refused and what passed, by its ClOrdID, which goes to the venue as
  // it is.
  static void expect_only_what_passed(const std::string& file, const std::string& journal) {
    const std::string bytes =
        tshark(file, {"-Y", "tcp.dstport == 8003", "-T", "fields", "-e", "tcp.payload"});
    std::string joined;
    for (const char c : bytes)
      if (c != '\n' && c != ':') joined += c;
    const e2e::Outcome dump = e2e::run({PINION_GATEWAYCTL, "journal", "dump", journal});
    EXPECT_EQ(dump.status, 0) << dump.output;
    std::istringstream lines(dump.output);
    size_t entered = 0, refused = 0;
    for (std::string line; std::getline(lines, line);) {
      const bool enters = line.find(" enter ref=") != std::string::npos;
      const bool refuses = line.find(" refuse ref=") != std::string::npos;
      const size_t id = line.find(" id=");
      if ((!enters && !refuses) || id == std::string::npos) continue;
      const bool sent = joined.find(hex(line.substr(id + 4, 14))) != std::string::npos;
      EXPECT_EQ(sent, enters) << line;
      entered += enters, refused += refuses;
    }
    EXPECT_GT(entered, 100u);
    EXPECT_GT(refused, 5u);
  }
  static std::string hex(const std::string& text) {
    std::string out;
    char digits[3];
    for (const char c : text) {
      std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(c));
      out += digits;
    }
    return out;
  }

  const e2e::Scratch scratch_;
  TradingConfig config_;
};

TEST_F(GatewayCapture, OverTheKernel) { capture(); }

TEST_F(GatewayCapture, OverPinion) {
  config_.pinion = true;
  capture();
}

}  // namespace
}  // namespace pinion::gateway_test
