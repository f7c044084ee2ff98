// Reads the UDP or TCP payloads out of a real capture (classic pcap of Ethernet), with 802.1Q tags
// and with whatever trails the IP packet, which is not part of it. The captures are not in the
// repository: captures_directory() says where they are, or nothing.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "gateway/wire/fields.h"

#ifndef PINION_CAPTURES
#define PINION_CAPTURES ""
#endif

namespace pinion::testing {

inline std::string captures_directory() {
  const char* from_environment = std::getenv("PINION_CAPTURES");
  return from_environment ? from_environment : PINION_CAPTURES;
}

struct Captured {
  std::vector<std::byte> payload;  // of UDP or TCP
  size_t trailing = 0;             // bytes of the frame behind the IP packet
  bool tagged = false;             // it had an 802.1Q tag
};

inline std::optional<Captured> payload_of(Bytes frame) {
  Captured out;
  size_t at = 12;
  const auto u16 = [&](size_t i) { return in_place<be16>(frame.subspan(i))->get(); };
  if (frame.size() < 34) return {};
  if (u16(at) == 0x8100) at += 4, out.tagged = true;
  if (u16(at) != 0x0800) return {};
  const size_t ip = at + 2;
  const size_t ip_length = u16(ip + 2);
  const size_t header = (std::to_integer<size_t>(frame[ip]) & 15) * 4;
  if (frame.size() < ip + ip_length) return {};
  const auto protocol = std::to_integer<int>(frame[ip + 9]);
  const size_t l4 = ip + header;
  const size_t l4_header = protocol == 17 ? 8 : (std::to_integer<size_t>(frame[l4 + 12]) >> 4) * 4;
  const Bytes payload = frame.subspan(l4 + l4_header, ip_length - header - l4_header);
  out.payload.assign(payload.begin(), payload.end());
  out.trailing = frame.size() - ip - ip_length;
  return out;
}

inline std::vector<Captured> read_capture(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string file{std::istreambuf_iterator<char>(in), {}};
  std::vector<Captured> out;
  const auto u32 = [&](size_t at) { return load<uint32_t>(file.data() + at); };
  if (file.size() < 24 || (u32(0) != 0xa1b2c3d4 && u32(0) != 0xa1b23c4d)) return out;
  for (size_t at = 24; at + 16 <= file.size();) {
    const size_t length = u32(at + 8);
    at += 16;
    if (length > file.size() - at) break;
    const auto captured = payload_of(std::as_bytes(std::span{file.data() + at, length}));
    if (captured) out.push_back(*captured);
    at += length;
  }
  return out;
}

// Calls use(file name, payload) for each payload below that directory of captures.
// The number of payloads; -1 if there are no captures here.
template <class Use>
int each_captured(const std::string& below, Use use) {
  const std::string root = captures_directory();
  if (root.empty() || !std::filesystem::is_directory(root + "/" + below)) return -1;
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root + "/" + below)) {
    for (const Captured& captured : read_capture(entry.path())) {
      use(entry.path().stem().string(), captured);
      ++count;
    }
  }
  return count;
}

}  // namespace pinion::testing
