// IGMP in literals (RFC 2236 2, RFC 3376 4), and what of it leaves.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/peer.h"

namespace pinion::testing {

inline constexpr Ipv4 kFeed = ipv4(239, 1, 2, 3), kOtherFeed = ipv4(239, 1, 2, 4);
inline constexpr Ipv4 kSsmFeed = ipv4(232, 1, 2, 3);
inline constexpr Ipv4 kSourceA = ipv4(10, 9, 9, 1), kSourceB = ipv4(10, 9, 9, 2);
inline constexpr Ipv4 kSystems = ipv4(224, 0, 0, 1), kRouters = ipv4(224, 0, 0, 2),
                      kReportsV3 = ipv4(224, 0, 0, 22);
inline const std::string kRouterAlert("\x94\x04\0\0", 4);

// RFC 1112 6.4: the low 23 bits of the group.
inline Mac mac_of(Ipv4 group) {
  return {{0x01, 0x00, 0x5e, static_cast<uint8_t>(group.v >> 16 & 0x7f),
           static_cast<uint8_t>(group.v >> 8), static_cast<uint8_t>(group.v)}};
}

inline std::string text_of(Ipv4 a) {
  const be32 wire = be32::of(a.v);
  return {reinterpret_cast<const char*>(wire.b), sizeof wire.b};
}

// A message with its checksum.
inline std::string igmp(uint8_t type, uint8_t code, Ipv4 group, const std::string& rest = {}) {
  std::string m{static_cast<char>(type), static_cast<char>(code), 0, 0};
  m += text_of(group) + rest;
  const uint16_t sum = internet_checksum(std::as_bytes(std::span{m}));
  m[2] = static_cast<char>(sum >> 8), m[3] = static_cast<char>(sum);
  return m;
}

// The tail of a query of version 3.
inline std::string query_tail(const std::vector<Ipv4>& sources = {}, uint8_t flags = 2,
                              uint8_t interval = 125) {
  std::string t{static_cast<char>(flags), static_cast<char>(interval), 0,
                static_cast<char>(sources.size())};
  for (const Ipv4 s : sources) t += text_of(s);
  return t;
}

struct IgmpFields {
  Ipv4 src = kGatewayIp, dst = kSystems;
  uint8_t ttl = 1;
  std::string options = kRouterAlert;
};

inline Packet igmp_frame(const std::string& message, const IgmpFields& f = {}) {
  return frame_of(Ipv4Segment{
      .eth = {.dst = f.dst.is_multicast() ? mac_of(f.dst) : kOurMac},
      .ip = {.ttl = f.ttl, .protocol = 2, .src = f.src, .dst = f.dst, .options = f.options},
      .data = message});
}

inline Packet general_query(uint8_t code = 100) {
  return igmp_frame(igmp(0x11, code, {}, query_tail()));
}

// A record of a report, as it is read.
struct Record {
  uint8_t type = 0;
  Ipv4 group;
  std::vector<Ipv4> sources;
  friend bool operator==(const Record&, const Record&) = default;
};
enum : uint8_t { kIsIn = 1, kIsEx = 2, kToIn = 3, kToEx = 4, kAllow = 5, kBlock = 6 };

inline Ipv4 address_at(const std::string& m, size_t at) {
  return {load<be32>(m.data() + at).get()};
}

// The records of a report of version 3 that is all right in every other respect.
inline std::vector<Record> records_of(const Packet& frame) {
  const Decoded d = decode(frame);
  std::vector<Record> out;
  EXPECT_EQ(d.fault, "");
  if (!d.ip) return out;
  EXPECT_EQ(d.eth.dst, mac_of(kReportsV3));
  EXPECT_EQ(d.ip->dst, kReportsV3);
  EXPECT_EQ(d.ip->src, kOurIp);
  EXPECT_EQ(d.ip->ttl, 1);
  EXPECT_EQ(d.ip->tos, 0xc0);
  EXPECT_EQ(d.ip->options, kRouterAlert);
  EXPECT_EQ(d.ip->protocol, 2);
  const std::string& m = d.data;
  EXPECT_GE(m.size(), 8u);
  EXPECT_EQ(internet_checksum(std::as_bytes(std::span{m})), 0);
  EXPECT_EQ(m[0], '\x22');
  const auto number = [&](size_t at) { return size_t{load<be16>(m.data() + at).get()}; };
  size_t at = 8;
  for (size_t n = number(6); n > 0; --n) {
    Record r{static_cast<uint8_t>(m[at]), address_at(m, at + 4), {}};
    EXPECT_EQ(m[at + 1], 0) << "auxiliary data";
    const size_t sources = number(at + 2);
    at += 8;
    for (size_t i = 0; i < sources; ++i, at += 4) r.sources.push_back(address_at(m, at));
    std::sort(r.sources.begin(), r.sources.end(), [](Ipv4 a, Ipv4 b) { return a.v < b.v; });
    out.push_back(r);
  }
  EXPECT_EQ(at, m.size());
  return out;
}

// What has left by now, all of it reports of version 3.
inline std::vector<Record> reported(Peer& peer) {
  std::vector<Record> all;
  for (const Packet& frame : peer.take_all())
    for (const Record& r : records_of(frame)) all.push_back(r);
  return all;
}

using Records = std::vector<Record>;

}  // namespace pinion::testing
