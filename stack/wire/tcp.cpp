#include "wire/tcp.h"

#include <algorithm>

#include "base/check.h"
#include "wire/checksum.h"

namespace pinion {
namespace {

enum Kind : uint8_t {
  kEnd = 0,
  kNop = 1,
  kMss = 2,
  kWindowScale = 3,
  kSackPermitted = 4,
  kSack = 5,
  kTimestamps = 8,
};

// Between SYN and the end segments have no other options than these (RFC 7323 appendix A).
constexpr size_t kTimestampsBytes = 12;
constexpr uint32_t kTimestampsHead = kNop << 24 | kNop << 16 | kTimestamps << 8 | 10;

uint8_t octet(Bytes bytes, size_t at) { return std::to_integer<uint8_t>(bytes[at]); }
uint16_t word16(Bytes bytes, size_t at) { return load<be16>(bytes.data() + at).get(); }
uint32_t word32(Bytes bytes, size_t at) { return load<be32>(bytes.data() + at).get(); }

// value: what stands behind kind and length.
void parse_sack(Bytes value, TcpOptions& out) {
  if (value.empty() || value.size() % 8 != 0) return;
  out.sack_count = static_cast<uint8_t>(std::min(value.size() / 8, TcpOptions::kSackBlocksMax));
  for (size_t i = 0; i < out.sack_count; ++i) {
    out.sack[i] = {{word32(value, i * 8)}, {word32(value, i * 8 + 4)}};
  }
}

// A known kind with a length that is not its own counts as absent.
void parse_option(uint8_t kind, Bytes value, TcpOptions& out) {
  switch (kind) {
    case kMss:
      if (value.size() == 2) out.mss = word16(value, 0);
      break;
    case kWindowScale:
      if (value.size() != 1) break;
      out.has_window_scale = true;
      out.window_scale = std::min(octet(value, 0), kWindowScaleMax);
      break;
    case kSackPermitted:
      if (value.empty()) out.sack_permitted = true;
      break;
    case kSack: parse_sack(value, out); break;
    case kTimestamps:
      if (value.size() != 8) break;
      out.has_timestamps = true;
      out.ts_val = word32(value, 0);
      out.ts_ecr = word32(value, 4);
      break;
    default:  // RFC 9293 MUST-6: unknown
      break;
  }
}

// RFC 9293 3.2. Behind an EOL there is only padding. Where a length is illegal (below 2, or beyond
// the header) nobody can tell where the next option begins: the rest is not read (MUST-7).
void parse_options(Bytes options, TcpOptions& out) {
  if (options.size() == kTimestampsBytes && word32(options, 0) == kTimestampsHead) {
    out.has_timestamps = true;
    out.ts_val = word32(options, 4);
    out.ts_ecr = word32(options, 8);
    return;
  }
  size_t at = 0;
  while (at < options.size()) {
    const uint8_t kind = octet(options, at);
    if (kind == kEnd) return;
    if (kind == kNop) {
      ++at;
      continue;
    }
    if (options.size() - at < 2) return;
    const size_t length = octet(options, at + 1);
    if (length < 2 || length > options.size() - at) return;
    parse_option(kind, options.subspan(at + 2, length - 2), out);
    at += length;
  }
}

struct Writer {
  std::byte* at;

  void put8(uint8_t v) { *at++ = std::byte{v}; }
  void put16(uint16_t v) { put(be16::of(v)); }
  void put32(uint32_t v) { put(be32::of(v)); }
  void nops(int n) {
    while (n-- > 0) put8(kNop);
  }

 private:
  template <class Word>
  void put(Word word) {
    std::memcpy(at, &word, sizeof word);
    at += sizeof word;
  }
};

size_t fixed_options_length(const TcpOptions& options) {
  size_t length = 0;
  if (options.mss != 0) length += 4;
  if (options.has_timestamps) length += 12;  // SACK permitted takes the place of its NOPs
  else if (options.sack_permitted) length += 4;
  if (options.has_window_scale) length += 4;
  return length;
}

size_t sack_blocks_written(const TcpOptions& options) {
  return std::min<size_t>(options.sack_count, tcp_sack_room(options));
}

bool only_timestamps(const TcpOptions& options) {
  return options.has_timestamps && options.mss == 0 && !options.sack_permitted &&
         !options.has_window_scale && options.sack_count == 0;
}

void write_options(const TcpOptions& options, Writer writer) {
  if (options.mss != 0) {
    writer.put8(kMss), writer.put8(4), writer.put16(options.mss);
  }
  if (options.sack_permitted) {
    if (!options.has_timestamps) writer.nops(2);
    writer.put8(kSackPermitted), writer.put8(2);
  }
  if (options.has_timestamps) {
    if (!options.sack_permitted) writer.nops(2);
    writer.put8(kTimestamps), writer.put8(10);
    writer.put32(options.ts_val), writer.put32(options.ts_ecr);
  }
  if (options.has_window_scale) {
    writer.nops(1);
    writer.put8(kWindowScale), writer.put8(3), writer.put8(options.window_scale);
  }
  const size_t blocks = sack_blocks_written(options);
  if (blocks == 0) return;
  writer.nops(2);
  writer.put8(kSack), writer.put8(static_cast<uint8_t>(2 + 8 * blocks));
  for (size_t i = 0; i < blocks; ++i) {
    writer.put32(options.sack[i].left.v), writer.put32(options.sack[i].right.v);
  }
}

}  // namespace

bool operator==(const TcpOptions& a, const TcpOptions& b) {
  return a.mss == b.mss && a.has_window_scale == b.has_window_scale &&
         a.sack_permitted == b.sack_permitted && a.has_timestamps == b.has_timestamps &&
         a.window_scale == b.window_scale && a.ts_val == b.ts_val && a.ts_ecr == b.ts_ecr &&
         std::ranges::equal(a.sack_blocks(), b.sack_blocks());
}

Drop tcp_parse(Bytes packet, TcpSegment& out) {
  if (packet.size() < sizeof(TcpHdr)) return Drop::tcp_short;
  // Each field from where it stands: of a copy, some would be read across what made it.
  const size_t length = size_t{octet(packet, offsetof(TcpHdr, data_offset))} >> 4 << 2;
  if (length < sizeof(TcpHdr) || length > packet.size()) return Drop::tcp_data_offset;
  out.source_port = word16(packet, offsetof(TcpHdr, source_port));
  out.destination_port = word16(packet, offsetof(TcpHdr, destination_port));
  out.seq = {word32(packet, offsetof(TcpHdr, sequence))};
  out.ack = {word32(packet, offsetof(TcpHdr, acknowledgment))};
  out.flags = octet(packet, offsetof(TcpHdr, flags));
  out.wnd = word16(packet, offsetof(TcpHdr, window));
  out.checksum = word16(packet, offsetof(TcpHdr, checksum));
  out.up = word16(packet, offsetof(TcpHdr, urgent_pointer));
  out.options = {};
  if (length > sizeof(TcpHdr))
    parse_options(packet.subspan(sizeof(TcpHdr), length - sizeof(TcpHdr)), out.options);
  out.payload = packet.subspan(length);
  return Drop::none;
}

bool tcp_checksum_ok(Bytes packet, Ip source, Ip destination) {
  STACK_DCHECK(packet.size() >= sizeof(TcpHdr) && packet.size() <= 0xffff);
  const uint64_t pseudo =
      pseudo_header_sum(source, destination, kProtocolTcp, static_cast<uint16_t>(packet.size()));
  return checksum_finish(checksum_add(pseudo, packet)) == 0;
}

size_t tcp_sack_room(const TcpOptions& options) {
  const size_t left = kTcpHeaderMax - sizeof(TcpHdr) - fixed_options_length(options);
  return left < 12 ? 0 : std::min((left - 4) / 8, TcpOptions::kSackBlocksMax);
}

size_t tcp_header_length(const TcpOptions& options) {
  const size_t blocks = sack_blocks_written(options);
  return sizeof(TcpHdr) + fixed_options_length(options) + (blocks == 0 ? 0 : 4 + 8 * blocks);
}

size_t tcp_emit(const TcpSegment& segment, MutableBytes out) {
  const bool common = only_timestamps(segment.options);
  const size_t length =
      common ? sizeof(TcpHdr) + kTimestampsBytes : tcp_header_length(segment.options);
  STACK_DCHECK(out.size() >= length && length <= kTcpHeaderMax && length % 4 == 0);
  Writer writer{out.data()};
  writer.put16(segment.source_port), writer.put16(segment.destination_port);
  writer.put32(segment.seq.v), writer.put32(segment.ack.v);
  writer.put8(static_cast<uint8_t>(length << 2));  // in words, in the upper four bits
  writer.put8(segment.flags);
  writer.put16(segment.wnd), writer.put16(segment.checksum), writer.put16(segment.up);
  if (common) {
    writer.put32(kTimestampsHead);
    writer.put32(segment.options.ts_val), writer.put32(segment.options.ts_ecr);
  } else if (length > sizeof(TcpHdr)) {
    write_options(segment.options, writer);
  }
  return length;
}

}  // namespace pinion
