// A peer for TCP without a stack: what a reflector is for datagrams. Each segment with data comes
// back as the segment that an application would send which echoes it at once.
#pragma once
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "support/packets.h"

namespace pinion::bench {

// Answers one burst of segments, and opens whatever connection is asked for; keeps nothing of any
// of them. Bare ACKs are swallowed. Returns how many frames came.
size_t answer_tcp_burst(uint16_t port);
void answer_tcp(uint16_t port, const std::atomic<bool>& stop);

// A segment of that many bytes with timestamps, as a stack sends one on an established connection,
// but for its checksum: for a client that answer_tcp answers.
testing::Packet raw_segment(const testing::LinkEnds& link, Ipv4 source, Ipv4 destination,
                            size_t bytes);

}  // namespace pinion::bench
