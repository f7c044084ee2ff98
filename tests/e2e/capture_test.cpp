// What Pinion puts on the wire, as an independent reader sees it: a capture taken at the kernel's
// end of the veth, read by tshark, holds no malformed packet and no bad checksum.
#include <signal.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "e2e/sockets.h"
#include "e2e/streams.h"
#include "e2e/world.h"

namespace pinion::e2e {
namespace {

using Capture = World;

std::string content(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// How many frames of the capture each filter takes: tshark's table has a row "| from <> to | frames
// | bytes | ..." with a pair for each.
std::vector<size_t> count(const std::string& file, const std::vector<std::string>& filters) {
  std::string table = "io,stat,0";
  for (const std::string& f : filters) table += "," + f;
  const Outcome tshark =
      run({"tshark", "-n", "-q", "-r", file, "-o", "ip.check_checksum:TRUE", "-o",
           "udp.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-z", table});
  EXPECT_EQ(tshark.status, 0) << tshark.output;
  std::vector<size_t> counts;
  size_t at = tshark.output.find('|', tshark.output.find("<>"));
  for (size_t i = 0; i < filters.size() && at != std::string::npos; ++i) {
    counts.push_back(std::stoul(tshark.output.substr(at + 1)));
    at = tshark.output.find('|', tshark.output.find('|', at + 1) + 1);
  }
  EXPECT_EQ(counts.size(), filters.size()) << tshark.output;
  return counts;
}

const std::string kBad =
    "(_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 || "
    "udp.checksum.status == 0 || tcp.checksum.status == 0 || icmp.checksum.status == 0 || "
    "arp.duplicate-address-detected)";

TEST_F(Capture, TsharkFindsNothingWrong) {
  if (run({"sh", "-c", "command -v tshark dumpcap"}).status != 0)
    GTEST_SKIP() << "needs tshark and dumpcap";
  const MacAddress m = pinion_mac();
  char filter[64];
  std::snprintf(filter, sizeof filter, "ether src %02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2],
                m[3], m[4], m[5]);
  const std::string file = scratch().path("capture.pcap");
  Program dumpcap({"dumpcap", "-q", "-P", "-i", "kernel0", "-f", filter, "-w", file});
  ASSERT_TRUE(dumpcap.says("File: ")) << dumpcap.output();

  AppSocket app(socket_path(), {.port = 7000});
  KernelSocket kernel;
  constexpr size_t kStep = 23, kDatagrams = 1472 / kStep + 1, kPings = 3;
  for (size_t length = 0; length <= 1472; length += kStep)
    ASSERT_EQ(app.send(pattern(length), kKernelIp, kernel.port()), 0);
  EXPECT_EQ(run({"ping", "-n", "-c", "3", "-i", "0.01", "-s", "1001", kPinionIp}).status, 0);
  kernel.connect(kPinionIp, 9);
  EXPECT_EQ(kernel.send("nobody there"), 0);
  EXPECT_TRUE(within(kPatienceMs, [&] { return kernel.receive_error() != 0; }));

  // Two that Pinion did not send, with its address: what is wrong would be found, and the end.
  const std::string good = udp_frame({2, 0, 0, 0, 0, 7}, m, kPinionIp, kKernelIp, 7777, "THE END.");
  std::string broken = good;
  broken.replace(broken.size() - 8, 7, "BROKEN.");
  send_raw(broken, true);
  send_raw(good, true);
  ASSERT_TRUE(
      within(kPatienceMs, [&] { return content(file).find("THE END.") != std::string::npos; }));
  EXPECT_EQ(dumpcap.end(SIGINT), 0) << dumpcap.output();

  const std::vector<size_t> counts =
      count(file, {kBad, "udp.port == 7777 && " + kBad, "udp.srcport == 7000", "icmp.type == 0",
                   "icmp.type == 3 && icmp.code == 3", "arp"});
  ASSERT_EQ(counts.size(), 6u);
  EXPECT_EQ(counts[0], 1u) << "something is wrong with what Pinion sent";
  EXPECT_EQ(counts[1], 1u) << "tshark does not see the broken frame";
  EXPECT_EQ(counts[2], kDatagrams);
  EXPECT_EQ(counts[3], kPings);
  EXPECT_EQ(counts[4], 1u);
  EXPECT_GE(counts[5], 1u);
}

// Segments of all lengths there, the same bytes back, and both FINs. The peer answers at once, so
// that ACKs ride on the answers: Linux keeps others back for 40 ms, and then the retransmissions
// that tcp.min_rto (5 ms) causes are in the capture, without any loss.
TEST_F(Capture, TsharkFindsNothingWrongWithTcp) {
  if (run({"sh", "-c", "command -v tshark dumpcap"}).status != 0)
    GTEST_SKIP() << "needs tshark and dumpcap";
  const std::string file = scratch().path("tcp.pcap");
  Program dumpcap({"dumpcap", "-q", "-P", "-i", "kernel0", "-f", "tcp", "-w", file});
  ASSERT_TRUE(dumpcap.says("File: ")) << dumpcap.output();
  constexpr size_t kMost = 20'000;
  constexpr uint16_t kPort = 7300;
  App app(socket_path());
  AppStream listener(app), stream(app);
  ASSERT_EQ(listener.listen(kPort), 0) << rio_last_error();
  KernelStream peer;
  ASSERT_EQ(peer.connect(kPort), 0);
  ASSERT_EQ(listener.accept(stream), 0);
  ASSERT_EQ(stream.make_queue(), 0);
  for (size_t length = 1; length < kMost; length = length * 5 / 4 + 1) {
    const std::string text = pattern(length);
    std::memcpy(app.memory, text.data(), length);
    const rio_slice slice{app.buffer, 0, static_cast<uint32_t>(length)};
    ASSERT_EQ(stream.socket().send(&slice), 0);
    ASSERT_EQ(peer.receive(length), text);
    ASSERT_EQ(peer.send(text), 0);
    ASSERT_EQ(stream.complete(RIO_OP_SEND).status, 0);
    ASSERT_EQ(stream.receive(length), text);
  }
  ASSERT_EQ(stream.socket().shutdown(), 0);
  EXPECT_EQ(peer.receive(1), "");
  ASSERT_EQ(peer.send("THE END."), 0);
  peer.shutdown();
  EXPECT_EQ(stream.receive(100), "THE END.");
  ASSERT_TRUE(
      within(kPatienceMs, [&] { return content(file).find("THE END.") != std::string::npos; }));
  EXPECT_EQ(dumpcap.end(SIGINT), 0) << dumpcap.output();
  const std::string ours = "tcp.srcport == " + std::to_string(kPort);
  const std::vector<size_t> counts =
      count(file, {kBad, ours + " && tcp.len > 0", ours + " && tcp.flags.fin == 1",
                   ours + " && tcp.analysis.retransmission"});
  ASSERT_EQ(counts.size(), 4u);
  EXPECT_EQ(counts[0], 0u) << "something is wrong with what was sent";
  EXPECT_GT(counts[1], 30u);
  EXPECT_EQ(counts[2], 1u);
  std::printf("%zu retransmissions, nothing was lost\n", counts[3]);
  EXPECT_LE(counts[3], counts[1] / 10) << "a busy machine may be late, but not so often";
}

}  // namespace
}  // namespace pinion::e2e
