// Packets in literals, cut into fragments (RFC 791 3.2) for the packet tests.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

#include "support/peer.h"

namespace pinion::testing {

// What stands behind the IPv4 header (without options) of the packet that a literal describes.
template <class Segment>
std::string payload_of(const Segment& s) {
  const Packet frame = frame_of(s);
  const auto* text = reinterpret_cast<const char*>(frame.data());
  return {text + 34, frame.size() - 34};
}

// One fragment: bytes [from, to) of a packet's payload; the last if it ends there.
struct Piece {
  size_t from = 0, to = 0;
  uint16_t id = 77;
  uint8_t protocol = 17;
  Ipv4 src = kPeerIp;
};

inline Packet fragment_of(const std::string& whole, const Piece& p) {
  const unsigned flags = static_cast<unsigned>(p.from / 8) | (p.to < whole.size() ? 0x2000u : 0u);
  return frame_of(Ipv4Segment{.ip = {.id = p.id,
                                     .flags_fragment = static_cast<uint16_t>(flags),
                                     .protocol = p.protocol,
                                     .src = p.src},
                              .data = whole.substr(p.from, p.to - p.from)});
}

// All of it, in order, as a link of that MTU has it.
inline std::vector<Packet> fragments_of(const std::string& whole, Piece piece = {},
                                        size_t mtu = 1500) {
  const size_t most = (mtu - 20) / 8 * 8;
  std::vector<Packet> all;
  for (piece.from = 0; piece.from < whole.size(); piece.from = piece.to) {
    piece.to = std::min(whole.size(), piece.from + most);
    all.push_back(fragment_of(whole, piece));
  }
  return all;
}

// Whatever the order in which the fragments come, the datagram is there with the last of them.
inline void expect_in_any_order(Peer& peer, UdpSocket& socket, const std::vector<Packet>& frames,
                                const std::string& data) {
  std::vector<size_t> order(frames.size());
  std::iota(order.begin(), order.end(), size_t{0});
  uint64_t context = 0;
  do {
    socket.receive(++context, 8192);
    for (const size_t i : order) peer.expect_handled(frames[i]);
    EXPECT_EQ(socket.expects_received(context), data);
  } while (std::next_permutation(order.begin(), order.end()));
}

// Bytes of which no eight in a row come twice soon.
inline std::string text_of(size_t length) {
  std::string data(length, '\0');
  for (size_t i = 0; i < length; ++i) data[i] = static_cast<char>(i * 31 + i / 251);
  return data;
}

}  // namespace pinion::testing
