// What Pinion puts on the wire, as an independent reader sees it: a capture taken at the kernel's
// end of the veth, read by tshark, holds no malformed packet and no bad checksum. And what Pinion
// says that it saw: `pinionctl capture`, read by tshark as well.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <vector>

#include "e2e/sockets.h"
#include "e2e/streams.h"
#include "e2e/world.h"
#include "piniond/pcapng.h"

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

std::vector<std::string> capture_of(const std::string& socket, const std::string& file) {
  return {PINION_CTL, "--socket", socket, "capture", file};
}

// Both ways, whole, by the NIC's name, at about the time by the clock on the wall.
TEST_F(Capture, TheDaemonShowsWhatItSaw) {
  if (run({"sh", "-c", "command -v tshark"}).status != 0) GTEST_SKIP() << "needs tshark";
  const std::string file = scratch().path("daemon.pcapng");
  const time_t begun = std::time(nullptr);
  Program capture(capture_of(socket_path(), file));
  ASSERT_TRUE(capture.says("capturing")) << capture.output();
  AppSocket app(socket_path(), {.port = 7001});
  KernelSocket kernel;
  constexpr size_t kDatagrams = 100;
  for (size_t i = 0; i < kDatagrams; ++i) {
    ASSERT_EQ(app.send(pattern(i * 14), kKernelIp, kernel.port()), 0);
    ASSERT_EQ(kernel.receive()->bytes, pattern(i * 14));
    ASSERT_EQ(kernel.send_to(pattern(i * 14), kPinionIp, 7001), 0);
    ASSERT_EQ(app.receive()->bytes, pattern(i * 14));
  }
  EXPECT_EQ(capture.end(SIGINT), 0) << capture.output();
  const std::string since = "frame.time_epoch >= " + std::to_string(begun) +
                            " && frame.time_epoch < " + std::to_string(std::time(nullptr) + 2);
  const std::string out = "frame.packet_flags_direction == 2 && udp.srcport == 7001";
  const std::string in = "frame.packet_flags_direction == 1 && udp.dstport == 7001";
  const std::vector<size_t> counts =
      count(file, {kBad, out, in, since, "frame", "frame.interface_name == \"nic\"",
                   "udp.length == " + std::to_string(8 + 14 * (kDatagrams - 1))});
  ASSERT_EQ(counts.size(), 7u);
  EXPECT_EQ(counts[0], 0u);
  EXPECT_EQ(counts[1], kDatagrams);
  EXPECT_EQ(counts[2], kDatagrams);
  EXPECT_EQ(counts[3], counts[4]) << "by the clock on the wall";
  EXPECT_EQ(counts[5], counts[4]);
  EXPECT_EQ(counts[6], 2u) << "whole";
}

TEST_F(Capture, IsForOneAtATimeAndForRoot) {
  const Outcome nobody = run({"setpriv", "--reuid", "nobody", "--clear-groups", PINION_CTL,
                              "--socket", socket_path(), "capture", "--seconds", "1"});
  EXPECT_EQ(nobody.status, 1);
  EXPECT_NE(nobody.output.find("Only root"), std::string::npos) << nobody.output;
  Program first(capture_of(socket_path(), scratch().path("first.pcapng")));
  ASSERT_TRUE(first.says("capturing")) << first.output();
  const std::string kept = scratch().write("second.pcapng", "what was there");
  const Outcome second = run(capture_of(socket_path(), kept));
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.output.find("somebody else captures"), std::string::npos) << second.output;
  EXPECT_EQ(content(kept), "what was there");
  EXPECT_EQ(first.end(SIGTERM), 0) << first.output();
}

// It loses, is told, and holds up nobody; and when it is killed the next one can.
TEST_F(Capture, ASlowReaderLosesAndHoldsUpNobody) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  Program capture({"sh", "-c",
                   "exec " PINION_CTL " --socket " + socket_path() + " capture - >/proc/" +
                       std::to_string(getpid()) + "/fd/" + std::to_string(ends[1])});
  ASSERT_TRUE(capture.says("capturing")) << capture.output();
  const uint64_t before = gauge("nic.capture_lost");
  AppSocket app(socket_path(), {.port = 7002});
  const std::string datagram = pattern(1472);
  EXPECT_TRUE(within(kPatienceMs, [&] {
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(app.send(datagram, kKernelIp, 9), 0);
    return gauge("nic.capture_lost") > before;
  }));
  EXPECT_EQ(run(capture_of(socket_path(), "-")).status, 1) << "turned away, also now";
  EXPECT_EQ(capture.end(SIGINT), 2) << "what it has does not go out";
  close(ends[0]), close(ends[1]);
  const std::string file = scratch().path("next.pcapng");
  EXPECT_TRUE(within(kPatienceMs, [&] {
    std::vector<std::string> next = capture_of(socket_path(), file);
    next.insert(next.end(), {"--seconds", "0.1"});
    return run(next).status == 0;
  }));
}

// What the daemon's captures consist of, with the rare parts.
TEST_F(Capture, TsharkReadsEachBlock) {
  if (run({"sh", "-c", "command -v tshark"}).status != 0) GTEST_SKIP() << "needs tshark";
  const std::string frame =
      udp_frame({2, 0, 0, 0, 0, 7}, pinion_mac(), kPinionIp, kKernelIp, 7777, "odd");
  std::string out;
  daemon::put_section(out, "a test");
  daemon::put_interface(out, "first");
  daemon::put_interface(out, "the second one");
  CaptureTap::Packet packet;
  packet.bytes = std::as_bytes(std::span(frame));
  constexpr uint64_t kTime = 1'700'000'000'123'456'789;
  daemon::put_packet(out, 0, kTime, packet);
  packet.tagged = true, packet.vlan_tci = 0x6ffe;
  packet.sent = true, packet.lost = 7;
  daemon::put_packet(out, 1, kTime + 1, packet);
  packet.lost = 0;
  packet.bytes = packet.bytes.first(3);  // shorter than what a tag stands behind
  daemon::put_packet(out, 1, kTime + 1'000'000'000, packet);
  const std::string file = scratch().write("blocks.pcapng", out);
  const std::vector<size_t> counts = count(
      file, {"frame", "udp.port == 7777 && !vlan && frame.interface_name == \"first\"",
             "udp.port == 7777 && vlan.id == 4094 && vlan.priority == 3 && "
             "frame.interface_name == \"the second one\" && frame.packet_flags_direction == 2",
             "frame.drop_count == 7", "frame.len == 3"});
  EXPECT_EQ(counts, (std::vector<size_t>{3, 1, 1, 1, 1}));
  const Outcome times = run({"tshark", "-n", "-r", file, "-T", "fields", "-e", "frame.time_epoch"});
  EXPECT_NE(times.output.find("1700000000.123456789\n1700000000.123456790"), std::string::npos)
      << times.output;
}

}  // namespace
}  // namespace pinion::e2e
