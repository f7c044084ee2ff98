// F2, the wire's half: any bytes as a TCP segment. The parser ends, reads nothing beyond, and what
// it says can be emitted: parse(emit(parse(x))) is parse(x), but for SACK blocks that had no room.
// Then the same for a segment that the input describes: parse(emit(x)) == x.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

#include "base/check.h"
#include "wire/tcp.h"

namespace {

using namespace pinion;

void check_same(const TcpSegment& a, const TcpSegment& b) {
  STACK_CHECK(a.source_port == b.source_port && a.destination_port == b.destination_port);
  STACK_CHECK(a.seq == b.seq && a.ack == b.ack && a.flags == b.flags && a.wnd == b.wnd);
  STACK_CHECK(a.checksum == b.checksum && a.up == b.up && a.options == b.options);
  STACK_CHECK(std::ranges::equal(a.payload, b.payload));
}

void check_round_trip(TcpSegment segment) {
  TcpOptions& options = segment.options;
  options.sack_count =
      static_cast<uint8_t>(std::min<size_t>(options.sack_count, tcp_sack_room(options)));
  const size_t length = tcp_header_length(options);
  STACK_CHECK(length >= sizeof(TcpHdr) && length <= kTcpHeaderMax && length % 4 == 0);
  std::vector<std::byte> wire(length);  // of its exact size, for a sanitizer
  STACK_CHECK(tcp_emit(segment, wire) == length);
  wire.insert(wire.end(), segment.payload.begin(), segment.payload.end());
  TcpSegment again;
  STACK_CHECK(tcp_parse(wire, again) == Drop::none);
  check_same(segment, again);
}

// Fields from the front of the input; zeros when it is used up.
struct Reader {
  const uint8_t* data;
  size_t size;

  template <class Word>
  Word take() {
    Word word{};
    const size_t n = std::min(size, sizeof word);
    std::memcpy(&word, data, n);
    data += n, size -= n;
    return word;
  }
};

TcpSegment described(Reader in) {
  TcpSegment segment;
  const auto what = in.take<uint8_t>();
  segment.flags = in.take<uint8_t>();
  segment.seq = {in.take<uint32_t>()};
  segment.ack = {in.take<uint32_t>()};
  TcpOptions& o = segment.options;
  if (what & 1) o.mss = in.take<uint16_t>();
  if (what & 2) {
    o.has_window_scale = true;
    o.window_scale = static_cast<uint8_t>(in.take<uint8_t>() % (kWindowScaleMax + 1));
  }
  o.sack_permitted = (what & 4) != 0;
  if (what & 8) {
    o.has_timestamps = true;
    o.ts_val = in.take<uint32_t>();
    o.ts_ecr = in.take<uint32_t>();
  }
  o.sack_count = static_cast<uint8_t>((what >> 4) % (TcpOptions::kSackBlocksMax + 1));
  for (uint8_t i = 0; i < o.sack_count; ++i) {
    o.sack[i] = {{in.take<uint32_t>()}, {in.take<uint32_t>()}};
  }
  return segment;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Bytes packet{reinterpret_cast<const std::byte*>(data), size};
  TcpSegment segment;
  const Drop why = tcp_parse(packet, segment);
  STACK_CHECK(why == Drop::none || why == Drop::tcp_short || why == Drop::tcp_data_offset);
  STACK_CHECK((why == Drop::tcp_short) == (size < sizeof(TcpHdr)));
  if (why == Drop::none) {
    STACK_CHECK(segment.options.sack_count <= TcpOptions::kSackBlocksMax);
    STACK_CHECK(segment.options.window_scale <= kWindowScaleMax);
    if (size <= 0xffff) (void)tcp_checksum_ok(packet, ipv4(10, 0, 0, 1), ipv4(10, 0, 0, 2));
    check_round_trip(segment);
  }
  check_round_trip(described({data, size}));
  return 0;
}
