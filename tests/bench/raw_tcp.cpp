// Nearly everything in an answer is what came, swapped: addresses, ports, sequence numbers and
// timestamps. So the window, the options and (but for a difference) the checksum can stay, too.
#include "bench/raw_tcp.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "bench/raw_ethdev.h"
#include "pmd-glue/eal.h"
#include "wire/checksum.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/tcp.h"

namespace pinion::bench {

namespace {

constexpr uint8_t kEnd = 0, kNop = 1, kTimestamps = 8;

struct Headers {
  EthHdr eth;
  Ipv4Hdr ip;
  TcpHdr tcp;

  size_t header_bytes() const { return size_t{tcp.data_offset} / 16 * 4; }
};

// RFC 7323 3.2: TSecr of the answer is TSval. What TSecr was becomes TSval: it never goes back.
void swap_timestamps(Headers& h) {
  auto* at = reinterpret_cast<uint8_t*>(&h.tcp) + sizeof h.tcp;
  const uint8_t* end = reinterpret_cast<uint8_t*>(&h.tcp) + h.header_bytes();
  while (at < end && *at != kEnd) {
    if (*at == kNop) {
      ++at;
    } else if (*at == kTimestamps) {
      std::swap_ranges(at + 2, at + 6, at + 6);
      return;
    } else {
      at += at[1] < 2 ? 2 : at[1];
    }
  }
}

// RFC 1624: the checksum of what grew by `more` and was `less`, which are sums of 16-bit words.
void adjust_checksum(be16& checksum, uint32_t less, uint32_t more) {
  uint64_t sum = static_cast<uint16_t>(~checksum.get());
  sum += (more >> 16) + (more & 0xffff);
  sum += static_cast<uint16_t>(~(less >> 16)) + uint64_t{static_cast<uint16_t>(~less)};
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  checksum = be16::of(static_cast<uint16_t>(~sum));
}

// False: nothing to answer.
bool answer(std::byte* frame) {
  auto& h = *reinterpret_cast<Headers*>(frame);
  if (h.eth.type.get() != kEthTypeIpv4 || h.ip.protocol != kProtocolTcp) return false;
  const bool syn = (h.tcp.flags & kTcpSyn) != 0;
  const auto payload =
      static_cast<uint32_t>(h.ip.total_length.get() - sizeof h.ip - h.header_bytes());
  if (payload == 0 && !syn) return false;
  const uint32_t sequence = h.tcp.sequence.get();
  const uint32_t next = sequence + payload + (syn ? 1 : 0);
  h.tcp.sequence = h.tcp.acknowledgment;  // of a SYN: 0, which is as good an ISS as any
  h.tcp.acknowledgment = be32::of(next);
  adjust_checksum(h.tcp.checksum, sequence, next);
  if (syn) {
    h.tcp.flags |= kTcpAck;
    adjust_checksum(h.tcp.checksum, 0, kTcpAck);
  }
  std::swap(h.eth.dst, h.eth.src);
  std::swap(h.ip.destination, h.ip.source);
  std::swap(h.tcp.destination_port, h.tcp.source_port);
  swap_timestamps(h);
  return true;
}

}  // namespace

size_t answer_tcp_burst(uint16_t port) { return answer_burst(port, answer); }

void answer_tcp(uint16_t port, const std::atomic<bool>& stop) {
  const int registered = eal_register_thread();
  while (!stop.load(std::memory_order_relaxed)) answer_tcp_burst(port);
  if (registered == 0) eal_unregister_thread();
}

testing::Packet raw_segment(const testing::LinkEnds& link, Ipv4 source, Ipv4 destination,
                            size_t bytes) {
  constexpr uint8_t kOptions[12] = {kNop, kNop, kTimestamps, 10, 0, 0, 0, 1, 0, 0, 0, 1};
  TcpHdr header{};
  header.source_port = be16::of(5555), header.destination_port = be16::of(7777);
  header.data_offset = (sizeof header + sizeof kOptions) / 4 << 4;
  header.flags = kTcpAck | kTcpPsh;
  header.window = be16::of(4096);
  testing::Packet segment(sizeof header + sizeof kOptions + bytes);
  std::memcpy(segment.data(), &header, sizeof header);
  std::memcpy(segment.data() + sizeof header, kOptions, sizeof kOptions);
  return testing::ipv4_frame(link, source, destination, kProtocolTcp, segment);
}

}  // namespace pinion::bench
