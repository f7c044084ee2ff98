#include "support/segmenter.h"

#include <algorithm>

#include "base/check.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {

constexpr size_t kIpv4Length = 2, kIpv4Id = 4, kIpv4Checksum = 10, kIpv4Source = 12;
constexpr size_t kIpv6Length = 4, kIpv6Source = 8, kIpv6Header = 40;
constexpr size_t kTcpSeq = 4, kTcpOffset = 12, kTcpFlags = 13, kTcpChecksum = 16;

unsigned byte_at(Bytes b, size_t at) { return std::to_integer<unsigned>(b[at]); }
unsigned read16(Bytes b, size_t at) { return byte_at(b, at) << 8 | byte_at(b, at + 1); }
uint32_t read32(Bytes b, size_t at) { return uint32_t{read16(b, at)} << 16 | read16(b, at + 2); }
void write16(MutableBytes b, size_t at, unsigned value) {
  b[at] = static_cast<std::byte>(value >> 8), b[at + 1] = static_cast<std::byte>(value);
}
void write32(MutableBytes b, size_t at, uint32_t value) {
  write16(b, at, value >> 16), write16(b, at + 2, value & 0xffff);
}
bool is_v4(Bytes packet) { return byte_at(packet, 0) >> 4 == 4; }

// Addresses, protocol and, of a whole packet, length.
std::vector<std::byte> pseudo_header(Bytes packet, size_t tcp_bytes) {
  const Bytes addresses =
      is_v4(packet) ? packet.subspan(kIpv4Source, 8) : packet.subspan(kIpv6Source, 32);
  std::vector<std::byte> out(addresses.begin(), addresses.end());
  out.push_back(std::byte{0}), out.push_back(std::byte{6});
  out.push_back(static_cast<std::byte>(tcp_bytes >> 8));
  out.push_back(static_cast<std::byte>(tcp_bytes));
  return out;
}

// Lengths of the IP header, and the sum of IPv4's.
void finish_ip(MutableBytes packet, size_t l3_length) {
  if (!is_v4(packet)) return write16(packet, kIpv6Length, unsigned(packet.size() - kIpv6Header));
  write16(packet, kIpv4Length, static_cast<unsigned>(packet.size()));
  write16(packet, kIpv4Checksum, 0);
  write16(packet, kIpv4Checksum, internet_checksum(packet.first(l3_length)));
}

void sum_tcp(MutableBytes packet, size_t l3_length) {
  const MutableBytes tcp = packet.subspan(l3_length);
  std::vector<std::byte> over = pseudo_header(packet, tcp.size());
  write16(tcp, kTcpChecksum, 0);
  over.insert(over.end(), tcp.begin(), tcp.end());
  write16(tcp, kTcpChecksum, internet_checksum(over));
}

void check_rules(const LongFrame& whole, Bytes packet, size_t headers) {
  const Bytes tcp = packet.subspan(whole.l3_length);
  STACK_CHECK(packet.size() > headers + whole.segment_bytes && packet.size() <= UINT16_MAX);
  const uint16_t pseudo = internet_checksum(pseudo_header(packet, 0));
  STACK_CHECK(read16(tcp, kTcpChecksum) == (~unsigned{pseudo} & 0xffff));
  if (is_v4(packet)) {
    STACK_CHECK(read16(packet, kIpv4Length) == packet.size());
    STACK_CHECK(whole.ipv4_csum || internet_checksum(packet.first(whole.l3_length)) == 0);
  } else {
    STACK_CHECK(!whole.ipv4_csum && read16(packet, kIpv6Length) == packet.size() - kIpv6Header);
  }
}

}  // namespace

std::vector<std::vector<std::byte>> cut(const LongFrame& whole) {
  const Bytes packet = whole.frame.subspan(whole.l2_length);
  const size_t tcp_header = (byte_at(packet, whole.l3_length + kTcpOffset) >> 4) * 4;
  const size_t headers = whole.l3_length + tcp_header;
  check_rules(whole, packet, headers);
  const uint32_t seq = read32(packet, whole.l3_length + kTcpSeq);
  const unsigned flags = byte_at(packet, whole.l3_length + kTcpFlags);
  std::vector<std::vector<std::byte>> out;
  for (size_t at = headers; at < packet.size(); at += whole.segment_bytes) {
    const Bytes payload =
        packet.subspan(at, std::min<size_t>(whole.segment_bytes, packet.size() - at));
    std::vector<std::byte>& frame =
        out.emplace_back(whole.frame.begin(),
                         whole.frame.begin() + static_cast<ptrdiff_t>(whole.l2_length + headers));
    frame.insert(frame.end(), payload.begin(), payload.end());
    const MutableBytes one = MutableBytes{frame}.subspan(whole.l2_length);
    const bool first = at == headers, last = at + payload.size() == packet.size();
    if (is_v4(packet))
      write16(one, kIpv4Id, (read16(packet, kIpv4Id) + unsigned(out.size()) - 1) & 0xffff);
    write32(one, whole.l3_length + kTcpSeq, seq + static_cast<uint32_t>(at - headers));
    const unsigned kept = flags & ~(last ? 0u : kFin | kPsh) & ~(first ? 0u : kCwr);
    one[whole.l3_length + kTcpFlags] = static_cast<std::byte>(kept);
    finish_ip(one, whole.l3_length);
    sum_tcp(one, whole.l3_length);
  }
  return out;
}

}  // namespace pinion::testing
