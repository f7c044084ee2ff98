// Wireshark's FIX dissector reads what the session writes, and finds its checksums right.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gateway/fix/conversation.h"

namespace pinion::fix {
namespace {

constexpr uint16_t kTsharkFixPort = 9878;

void put_big_endian(std::string& out, uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> 8 * i));
}

void put_words(std::string& out, const std::vector<uint32_t>& words) {
  for (const uint32_t w : words) out.append(reinterpret_cast<const char*>(&w), sizeof w);
}

// A capture of raw IPv4: one TCP segment for each message.
std::string capture_of(const std::vector<std::string>& messages) {
  constexpr uint32_t kLinkTypeIpv4 = 228;
  std::string file;
  put_words(file, {0xa1b2c3d4, 0x00040002, 0, 0, 65'535, kLinkTypeIpv4});
  uint32_t sequence = 1;
  for (const std::string& message : messages) {
    std::string packet;
    put_big_endian(packet, 0x4500, 2);
    put_big_endian(packet, 40 + message.size(), 2);
    put_big_endian(packet, 0x0001400040060000, 8);  // DF, TTL 64, TCP
    put_big_endian(packet, 0x0a0000010a000002, 8);
    put_big_endian(packet, kTsharkFixPort, 2);
    put_big_endian(packet, kTsharkFixPort, 2);
    put_big_endian(packet, sequence, 4);
    put_big_endian(packet, 1, 4);
    put_big_endian(packet, 0x5018080000000000, 8);  // 20 bytes of header, PSH and ACK
    packet += message;
    sequence += static_cast<uint32_t>(message.size());
    const auto bytes = static_cast<uint32_t>(packet.size());
    put_words(file, {0, 0, bytes, bytes});
    file += packet;
  }
  return file;
}

std::vector<std::string> tshark_reads(const std::vector<std::string>& messages) {
  char path[] = "/tmp/pinion-fix-XXXXXX";
  const int fd = mkstemp(path);
  const std::string file = capture_of(messages);
  EXPECT_EQ(write(fd, file.data(), file.size()), static_cast<ssize_t>(file.size()));
  close(fd);
  const std::string command = std::string("tshark -n -r ") + path +
                              " -d tcp.port==" + std::to_string(kTsharkFixPort) +
                              ",fix -T fields -E separator='|' -e fix.MsgType -e fix.MsgSeqNum"
                              " -e fix.ClOrdID -e fix.checksum_good -e fix.checksum_bad"
                              " -e _ws.malformed 2>/dev/null";
  std::vector<std::string> lines;
  if (FILE* pipe = popen(command.c_str(), "r")) {
    char line[1024];
    while (std::fgets(line, sizeof line, pipe) != nullptr) {
      lines.emplace_back(line);
      lines.back().pop_back();
    }
    pclose(pipe);
  }
  unlink(path);
  return lines;
}

struct Recording : Conversation {
  bool send(std::string_view bytes) override {
    messages.emplace_back(bytes);
    return Conversation::send(bytes);
  }
  std::vector<std::string> messages;
};

TEST(FixTshark, ReadsEveryKindOfMessage) {
  if (std::system("command -v tshark >/dev/null 2>&1") != 0) GTEST_SKIP() << "no tshark here";
  Recording c;
  c.logs_on();
  EXPECT_TRUE(c.sends_order_report("order-1"));
  c.says("1|34=2|112=HELLO|");
  c.says("0|34=3|999=HI|");
  c.says("k|34=4|");
  c.says("2|34=5|7=2|16=3|");
  c.says("0|34=9|");
  c.says("5|34=6|");
  const auto lines = tshark_reads(c.messages);
  const std::vector<std::string> expected = {"A|1||1|0|", "8|2|order-1|1|0|", "0|3||1|0|",
                                             "3|4||1|0|", "j|5||1|0|",        "8|2|order-1|1|0|",
                                             "4|3||1|0|", "2|6||1|0|",        "5|7||1|0|"};
  EXPECT_EQ(lines, expected);
}

}  // namespace
}  // namespace pinion::fix
