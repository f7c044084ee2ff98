// The Internet checksum (RFC 1071). A sum is kept in 64 bits in the machine's own byte order, which
// section 2(B) allows, and is turned around once at the end. Pieces may be added one after another;
// each but the last must have an even length.
#pragma once
#include "base/types.h"

namespace pinion {

uint64_t checksum_add(uint64_t sum, Bytes bytes);
// Copies src to dst and adds it, in one pass over the bytes.
uint64_t copy_and_sum(std::byte* dst, Bytes src, uint64_t sum);
// The pseudo header that UDP and TCP prepend (RFC 768, RFC 9293 3.1).
uint64_t pseudo_header_sum(Ipv4 source, Ipv4 destination, uint8_t protocol, uint16_t length);

// The sum of two sums. 2^64 - 1 is a multiple of 2^16 - 1, so the carry is brought round.
inline uint64_t checksum_join(uint64_t a, uint64_t b) {
  a += b;
  return a + (a < b);
}
// A number that stands on the wire in 16 bits.
inline uint64_t checksum_add(uint64_t sum, uint16_t value) {
  const be16 wire = be16::of(value);
  return checksum_join(sum, load<uint16_t>(&wire));
}

// The ones' complement sum in 16 bits, as the number that stands on the wire.
uint16_t checksum_fold(uint64_t sum);
// The checksum itself. Over a packet with a right checksum in it, it is 0.
inline uint16_t checksum_finish(uint64_t sum) { return static_cast<uint16_t>(~checksum_fold(sum)); }
inline uint16_t checksum(Bytes bytes) { return checksum_finish(checksum_add(0, bytes)); }

}  // namespace pinion
