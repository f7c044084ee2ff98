// Lets Wireshark's dissectors read our bytes: writes payloads into a capture of raw IPv4 and
// returns the fields that tshark finds in them, one line a packet, fields separated by '|'.
#pragma once
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "gateway/wire/fields.h"

namespace pinion::testing {

enum class Carrier : uint8_t { tcp = 6, udp = 17 };
inline constexpr uint16_t kTsharkPort = 26'400;

inline bool have_tshark() { return std::system("command -v tshark >/dev/null 2>&1") == 0; }

inline void put_u32_le(std::string& out, uint32_t v) {
  out.append(reinterpret_cast<const char*>(&v), sizeof v);
}
inline void put_be(std::string& out, uint32_t v, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(v >> 8 * i));
}

// tcp_sequence: of the first byte, so that several payloads make one stream.
inline std::string raw_ipv4(Carrier carrier, Bytes payload, uint32_t tcp_sequence) {
  const size_t header = carrier == Carrier::udp ? 8 : 20;
  std::string out("\x45\0", 2);
  put_be(out, static_cast<uint32_t>(20 + header + payload.size()), 2);
  put_be(out, 0x00014000, 4);
  put_be(out, 64u << 24 | static_cast<uint32_t>(carrier) << 16, 4);
  put_be(out, 0x0a000001, 4), put_be(out, 0x0a000002, 4);
  put_be(out, kTsharkPort, 2), put_be(out, kTsharkPort, 2);
  if (carrier == Carrier::udp) {
    put_be(out, static_cast<uint32_t>(8 + payload.size()), 2), put_be(out, 0, 2);
  } else {
    put_be(out, tcp_sequence, 4), put_be(out, 1, 4);
    put_be(out, 0x50180800, 4), put_be(out, 0, 4);  // 20 bytes of header, PSH and ACK
  }
  out.append(reinterpret_cast<const char*>(payload.data()), payload.size());
  return out;
}

inline std::vector<std::string> tshark_fields(Carrier carrier, const std::string& protocol,
                                              const std::vector<std::vector<std::byte>>& payloads,
                                              const std::vector<std::string>& fields) {
  constexpr uint32_t kLinkTypeIpv4 = 228;
  std::string file;
  for (const uint32_t word : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65'535u, kLinkTypeIpv4}) {
    put_u32_le(file, word);
  }
  uint32_t sequence = 1;
  for (const auto& payload : payloads) {
    const std::string packet = raw_ipv4(carrier, payload, sequence);
    sequence += static_cast<uint32_t>(payload.size());
    for (const size_t word : {size_t{0}, size_t{0}, packet.size(), packet.size()}) {
      put_u32_le(file, static_cast<uint32_t>(word));
    }
    file += packet;
  }
  char path[] = "/tmp/pinion-tshark-XXXXXX";
  const int fd = mkstemp(path);
  if (fd < 0 || write(fd, file.data(), file.size()) != static_cast<ssize_t>(file.size())) return {};
  close(fd);
  std::string command =
      std::string("tshark -n -r ") + path + " -d " + (carrier == Carrier::udp ? "udp" : "tcp") +
      ".port==" + std::to_string(kTsharkPort) + "," + protocol + " -T fields -E separator='|'";
  for (const auto& field : fields) command += " -e " + field;
  std::vector<std::string> lines;
  if (FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r")) {
    char line[4096];
    while (std::fgets(line, sizeof line, pipe)) {
      lines.emplace_back(line);
      lines.back().pop_back();
    }
    pclose(pipe);
  }
  unlink(path);
  return lines;
}

}  // namespace pinion::testing
