// The TCP header and its options (RFC 9293 3.1 and 3.2, RFC 7323, RFC 2018). What a segment means
// is tcp's business.
#pragma once
#include <span>

#include "base/drop.h"
#include "base/seq.h"
#include "base/types.h"

namespace pinion {

struct TcpHdr {
  be16 source_port, destination_port;
  be32 sequence, acknowledgment;
  uint8_t data_offset, flags;  // the offset in the upper four bits; the lower are reserved
  be16 window, checksum, urgent_pointer;
};
static_assert(sizeof(TcpHdr) == 20 && alignof(TcpHdr) == 1);

inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr size_t kTcpHeaderMax = 60;
inline constexpr uint8_t kWindowScaleMax = 14;  // RFC 7323 2.3
// Of a peer that says none (RFC 9293 MUST-15), over IPv4 and IPv6.
inline constexpr uint16_t kTcpMssDefault = 536, kTcpMssDefaultIpv6 = 1220;

enum TcpFlag : uint8_t {
  kTcpFin = 0x01,
  kTcpSyn = 0x02,
  kTcpRst = 0x04,
  kTcpPsh = 0x08,
  kTcpAck = 0x10,
  kTcpUrg = 0x20,
  kTcpEce = 0x40,
  kTcpCwr = 0x80,
};

// Bytes left, left + 1, .. right - 1 are there.
struct SackBlock {
  Seq left, right;
  friend constexpr bool operator==(SackBlock, SackBlock) = default;
};

struct TcpOptions {
  static constexpr size_t kSackBlocksMax = 4;  // three beside timestamps

  uint16_t mss = 0;  // 0: absent (a peer's 0 counts as absent)
  bool has_window_scale = false;
  bool sack_permitted = false;
  bool has_timestamps = false;
  uint8_t window_scale = 0;  // at most 14: more counts as 14 (RFC 7323 2.3)
  uint8_t sack_count = 0;
  uint32_t ts_val = 0, ts_ecr = 0;
  SackBlock sack[kSackBlocksMax] = {};

  std::span<const SackBlock> sack_blocks() const { return {sack, sack_count}; }
  friend bool operator==(const TcpOptions& a, const TcpOptions& b);
};

// SEG.SEQ and so on, in host order. wnd is as it stands on the wire, not scaled.
struct TcpSegment {
  uint16_t source_port = 0, destination_port = 0;
  Seq seq{}, ack{};
  uint8_t flags = 0;
  uint16_t wnd = 0, checksum = 0, up = 0;
  TcpOptions options{};
  Bytes payload{};
  RxTime came{};  // of a received one; not on the wire

  bool has_fin() const { return flags & kTcpFin; }
  bool has_syn() const { return flags & kTcpSyn; }
  bool has_rst() const { return flags & kTcpRst; }
  bool has_psh() const { return flags & kTcpPsh; }
  bool has_ack() const { return flags & kTcpAck; }
  // SEG.LEN: payload, SYN and FIN.
  uint32_t len() const {
    return static_cast<uint32_t>(payload.size()) + (has_syn() ? 1 : 0) + (has_fin() ? 1 : 0);
  }
};

// tcp_short: less than a header. tcp_data_offset: below 5, or beyond the packet. Bad options refuse
// nothing: what cannot be read is as if it were not there (RFC 9293 MUST-7), unknown kinds are
// skipped (MUST-6), a kind that comes twice counts as it stood last.
Drop tcp_parse(Bytes packet, TcpSegment& out);
// Over all of the segment, header included: packet is what tcp_parse has accepted.
bool tcp_checksum_ok(Bytes packet, Ip source, Ip destination);

// Length of the header with these options: 20..60, a multiple of 4. SACK blocks for which there is
// no room are not counted; see tcp_sack_room.
size_t tcp_header_length(const TcpOptions& options);
// How many SACK blocks fit beside the other options: 4, or 3 beside timestamps.
size_t tcp_sack_room(const TcpOptions& options);
// Writes header and options to the front of out, which has room for tcp_header_length(options);
// returns that length. The checksum is written as it stands in `segment`; the payload is not. On
// the wire options stand in the order MSS, SACK permitted, timestamps, window scale, SACK, each
// 32-bit aligned behind NOPs.
size_t tcp_emit(const TcpSegment& segment, MutableBytes out);

}  // namespace pinion
