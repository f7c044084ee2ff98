// The Internet checksum (RFC 1071). A sum is kept in 64 bits in the machine's own byte order, which
// section 2(B) allows, and is turned around once at the end. Pieces may be added one after another;
// each but the last must have an even length.
#pragma once
#include "base/types.h"

namespace pinion {

uint64_t checksum_add(uint64_t sum, Bytes bytes);
// Copies src to dst and adds it, in one pass over the bytes.
uint64_t copy_and_sum(std::byte* dst, Bytes src, uint64_t sum);
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

// The pseudo header that UDP and TCP prepend, of both families (RFC 768, RFC 9293 3.1; RFC 8200
// 8.1): the same numbers, since the 0xffff that marks an IPv4 address in Ip counts as 0 here.
inline uint64_t pseudo_header_sum(Ip source, Ip destination, uint8_t protocol, uint16_t length) {
  const be64 words[4] = {be64::of(source.hi), be64::of(source.lo), be64::of(destination.hi),
                         be64::of(destination.lo)};
  uint64_t sum = 0;
  for (const be64& word : words) sum = checksum_join(sum, load<uint64_t>(&word));
  return checksum_add(checksum_add(sum, protocol), length);
}

// The ones' complement sum in 16 bits, as the number that stands on the wire.
uint16_t checksum_fold(uint64_t sum);
// The checksum itself. Over a packet with a right checksum in it, it is 0.
inline uint16_t checksum_finish(uint64_t sum) { return static_cast<uint16_t>(~checksum_fold(sum)); }
inline uint16_t checksum(Bytes bytes) { return checksum_finish(checksum_add(0, bytes)); }

}  // namespace pinion
