#include "wire/igmp.h"

#include "base/check.h"
#include "wire/checksum.h"

namespace pinion {
namespace {

constexpr size_t kQueryV3 = sizeof(IgmpHdr) + sizeof(IgmpQueryTail);
constexpr Nanos kTenth = kSecond / 10;

// RFC 3376 4.1.1 and 4.1.7: above 127, four bits of mantissa and three of exponent.
uint32_t decode(uint8_t code) {
  if (code < 128) return code;
  return ((code & 0x0fu) | 0x10u) << ((code >> 4 & 7u) + 3);
}

Drop parse_query(Bytes packet, const IgmpHdr& h, IgmpMessage& out) {
  out.group = {h.group.get()};
  if (packet.size() == sizeof h) {  // RFC 3376 7.1
    out.version = h.code == 0 ? 1 : 2;
    out.max_response = (h.code == 0 ? 100 : h.code) * kTenth;  // RFC 2236 4: version 1 means 10 s
    return Drop::none;
  }
  if (packet.size() < kQueryV3) return Drop::igmp_length;
  IgmpQueryTail tail;
  std::memcpy(&tail, packet.data() + sizeof h, sizeof tail);
  const size_t bytes = size_t{tail.sources.get()} * sizeof(be32);
  if (bytes > packet.size() - kQueryV3) return Drop::igmp_length;
  out.version = 3;
  out.max_response = decode(h.code) * kTenth;
  out.robustness = tail.flags & kRobustnessMask;
  out.interval = decode(tail.interval_code) * kSecond;
  out.sources = packet.subspan(kQueryV3, bytes);
  return Drop::none;
}

}  // namespace

Drop igmp_parse(Bytes packet, IgmpMessage& out) {
  if (packet.size() < sizeof(IgmpHdr)) return Drop::igmp_short;
  if (checksum(packet) != 0) return Drop::igmp_checksum;
  IgmpHdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  out = {.type = h.type, .group = {}, .sources = {}};
  if (h.type == kIgmpQuery) return parse_query(packet, h, out);
  if (h.type == kIgmpV1Report || h.type == kIgmpV2Report || h.type == kIgmpV2Leave)
    out.group = {h.group.get()};
  return Drop::none;
}

void igmp_emit(uint8_t type, Ipv4 group, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(IgmpHdr));
  IgmpHdr h{type, 0, {}, be32::of(group.v)};
  h.checksum = be16::of(checksum(std::as_bytes(std::span{&h, 1})));
  std::memcpy(out.data(), &h, sizeof h);
}

void igmp_emit_report(uint16_t records, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(IgmpReportHdr));
  IgmpReportHdr h{kIgmpV3Report, 0, {}, {}, be16::of(records)};
  std::memcpy(out.data(), &h, sizeof h);
  h.checksum = be16::of(checksum(out));
  std::memcpy(out.data(), &h, sizeof h);
}

}  // namespace pinion
