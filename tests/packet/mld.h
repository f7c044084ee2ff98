// MLD in literals (RFC 2710 3, RFC 3810 5), and what of it leaves.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "packet/ipv6_bed.h"

namespace pinion::testing {

inline const Ip kFeed6 = ip6("ff0e::1:2:3"), kOtherFeed6 = ip6("ff05::1:2:4");
inline const Ip kSsmFeed6 = ip6("ff3e::8000:1"), kLinkFeed6 = ip6("ff02::4321");
inline const Ip kSource6A = ip6("2001:db8:9::1"), kSource6B = ip6("2001:db8:9::2");
inline const Ip kReportsV2 = ip6("ff02::16"), kRouters6 = ip6("ff02::2");

// RFC 2464 7: the low 32 bits of the group.
inline Mac mac_of(Ip group) {
  const std::string text = text_of(group);
  Mac mac{{0x33, 0x33}};
  std::copy(text.end() - 4, text.end(), mac.b + 2);
  return mac;
}

inline const V6 kQuerier{.dst_mac = kAllNodesMac,
                         .src = kPeerLinkLocal,
                         .dst = kAllNodes6,
                         .hop_limit = 1,
                         .next_header = 0,
                         .extensions = bytes8({58, 0, 5, 2, 0, 0, 1, 0})};  // router alert
inline const Ip kAny6 = ip6("::");

// The same to a group, as queries for it are sent.
inline V6 to_group(Ip group) {
  V6 v = kQuerier;
  v.dst = group, v.dst_mac = mac_of(group);
  return v;
}

// What version 2 has behind the group.
inline std::string mld_tail(const std::vector<Ip>& sources = {}, unsigned flags = 2) {
  std::string t = bytes8({flags, 125, 0, static_cast<unsigned>(sources.size())});
  for (const Ip s : sources) t += text_of(s);
  return t;
}

inline Packet mld_query(Ip group, unsigned delay_ms, const std::string& tail = mld_tail()) {
  return v6_frame(group == kAny6 ? kQuerier : to_group(group), kNextIcmp6,
                  icmp6_text(130, 0, delay_ms << 16, text_of(group) + tail));
}

// A report (131) or "done" (132) of version 1.
inline Packet mld_old(unsigned type, Ip group, const V6& v) {
  return v6_frame(v, kNextIcmp6, icmp6_text(static_cast<uint8_t>(type), 0, 0, text_of(group)));
}

struct Record6 {
  unsigned type = 0;
  Ip group;
  std::vector<Ip> sources;
  friend bool operator==(const Record6&, const Record6&) = default;
};
using Records6 = std::vector<Record6>;

// The records of a report of version 2 that is all right in every other respect.
inline Records6 records6_of(const Packet& frame) {
  const Sent6 out = sent6(frame);
  EXPECT_EQ(out.fault, "");
  EXPECT_EQ(out.dst, mac_of(kReportsV2));
  EXPECT_EQ(out.destination, kReportsV2);
  EXPECT_EQ(out.source, kOurLinkLocal);
  EXPECT_EQ(out.hop_limit, 1);
  EXPECT_EQ(out.next_header, 0);
  EXPECT_EQ(out.payload.substr(0, 8), bytes8({58, 0, 5, 2, 0, 0, 1, 0}));
  EXPECT_EQ(out.at(8), 143u);
  Records6 records;
  size_t at = 16;
  for (uint32_t n = out.word(12); n > 0; --n) {
    Record6 r{out.at(at), out.address(at + 4), {}};
    const uint32_t sources = out.word(at) & 0xffffff;  // no auxiliary data
    at += 20;
    for (uint32_t i = 0; i < sources; ++i, at += 16) r.sources.push_back(out.address(at));
    std::sort(r.sources.begin(), r.sources.end(), [](Ip a, Ip b) { return a.lo < b.lo; });
    records.push_back(r);
  }
  EXPECT_EQ(at, out.payload.size());
  return records;
}

// What has left by now, all of it reports of version 2; those of our own addresses' group, which
// queries bring too, are left out.
inline Records6 reported6(Peer& peer) {
  Records6 all;
  for (const Packet& frame : peer.take_all())
    for (const Record6& r : records6_of(frame))
      if (r.group != kOurGroup6) all.push_back(r);
  return all;
}

inline constexpr unsigned kIsIn6 = 1, kIsEx6 = 2, kToIn6 = 3, kToEx6 = 4, kAllow6 = 5, kBlock6 = 6;

// With a socket that joins groups.
struct MldBed {
  Ipv6Peer peer;
  UdpSocket socket;

  explicit MldBed(PeerOptions options = {})
      : peer(std::move(options)), socket(peer, {.local = {kAnyIpv6, kOurPort}}) {}
  void joins(Ip group, Ip source = {}) {
    ASSERT_EQ(socket.join(group, source), 0);
    peer.wait(2 * kSecond);
    peer.take_all();
  }
};

}  // namespace pinion::testing
