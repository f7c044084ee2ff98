// Rss: how a NIC with several queues chooses one for a received packet (Microsoft's "RSS Hash
// Types" and Toeplitz). Part of what a Port says of itself; net asks it which core an answer will
// come home to.
#pragma once
#include <vector>

#include "base/types.h"

namespace pinion {

// What the hash is taken over, for packets of this kind. Others, and fragments, hash their
// addresses alone or go to any queue.
enum RssTuples : uint8_t { kRssTcp4 = 1, kRssUdp4 = 2, kRssTcp6 = 4, kRssUdp6 = 8 };

struct Rss {
  uint8_t tuples = 0;           // bits of RssTuples; 0: the port cannot say
  std::vector<uint8_t> key;     // 40 bytes, 52, or what the device has
  std::vector<uint16_t> table;  // queue by the low bits of the hash; a power of two entries

  bool knows(RssTuples what) const { return (tuples & what) != 0; }
};

// The ends of a packet as it is received: the source is the other host.
struct RssTuple {
  Ip source, destination;
  uint16_t source_port = 0, destination_port = 0;
};

// Over the bytes from the front; the key is 4 bytes longer than they are, or more.
uint32_t toeplitz(std::span<const uint8_t> key, std::span<const uint8_t> input);
// Of a packet of TCP or UDP, of either family: addresses, then ports.
uint32_t rss_hash(const Rss& rss, const RssTuple& tuple);
// The queue where it arrives. rss has a key and a table.
uint16_t rss_queue(const Rss& rss, const RssTuple& tuple);

}  // namespace pinion
