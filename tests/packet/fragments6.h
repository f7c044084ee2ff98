// Packets of IPv6 in literals, cut into fragments (RFC 8200 4.5) for the packet tests.
#pragma once
#include <string>
#include <vector>

#include "packet/fragments.h"
#include "packet/ipv6_bed.h"

namespace pinion::testing {

// What stands behind the IPv6 header of a whole packet, its checksum right.
inline std::string upper6(uint8_t protocol, const std::string& text, const V6& v = {}) {
  const Packet frame = v6_frame(v, protocol, text);
  return {reinterpret_cast<const char*>(frame.data()) + 54, frame.size() - 54};
}

// One fragment: bytes [from, to) of that; the last if it ends there.
struct Piece6 {
  size_t from = 0, to = 0;
  uint32_t id = 0x01020304;
  uint8_t next = kNextUdp;  // what the fragment header says is there
  V6 v = {};                // next_header and extensions: of what comes before that header
  std::optional<bool> more = {};
};

inline std::string fragment_header6(unsigned next, size_t offset, bool more, uint32_t id) {
  return bytes8({next, 0}) + be16_text(static_cast<unsigned>(offset) | (more ? 1u : 0u)) +
         be32_text(id);
}

inline Packet fragment6_of(const std::string& whole, const Piece6& p) {
  V6 v = p.v;
  if (!v.next_header) v.next_header = 44;
  v.extensions += fragment_header6(p.next, p.from, p.more.value_or(p.to < whole.size()), p.id);
  return v6_frame(v, 0, whole.substr(p.from, p.to - p.from));
}

// All of it, in order, as a link of that MTU has it.
inline std::vector<Packet> fragments6_of(const std::string& whole, Piece6 piece = {},
                                         size_t mtu = 1500) {
  const size_t most = (mtu - 48 - piece.v.extensions.size()) / 8 * 8;
  std::vector<Packet> all;
  for (piece.from = 0; piece.from < whole.size(); piece.from = piece.to) {
    piece.to = std::min(whole.size(), piece.from + most);
    all.push_back(fragment6_of(whole, piece));
  }
  return all;
}

// One packet of ours, put together from the fragments that leave next.
struct Whole6 {
  std::string payload;
  uint8_t next_header = 0;
  uint32_t id = 0;
  size_t fragments = 0;
};

inline Whole6 expects_whole6(Ipv6Peer& peer, size_t mtu = 1500) {
  Whole6 out;
  for (bool more = true; more;) {
    const Sent6 part = peer.expects6();
    if (part.payload.size() < 8 || part.next_header != 44) {
      ADD_FAILURE() << "no fragment";
      return out;
    }
    EXPECT_LE(40 + part.payload.size(), mtu);
    const unsigned field = part.word(0) & 0xffff;
    more = (field & 1) != 0;
    EXPECT_EQ(field & 0xfff8u, out.payload.size());
    EXPECT_EQ(field & 6u, 0u);
    EXPECT_EQ(part.at(1), 0u) << "reserved";
    if (out.fragments++ == 0) out.id = part.word(4), out.next_header = part.payload[0];
    EXPECT_EQ(part.word(4), out.id);
    if (more) {
      EXPECT_EQ(part.payload.size() % 8, 0u);
    }
    out.payload += part.payload.substr(8);
  }
  return out;
}

}  // namespace pinion::testing
