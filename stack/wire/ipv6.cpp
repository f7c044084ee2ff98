#include "wire/ipv6.h"

#include "base/check.h"
#include "wire/ipv4.h"

namespace pinion {
namespace {

constexpr uint32_t kVersion = 6;
constexpr uint32_t kFlowLabelMask = 0xfffff;
constexpr size_t kNextHeaderAt = 6;  // in the IPv6 header

enum NextHeader : uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = kNextHeaderFragment,
  kNoNextHeader = 59,
  kDestinationOptions = 60,
};
enum OptionType : uint8_t { kPad1 = 0, kPadN = 1, kRouterAlert6 = 5 };
// RFC 8200 4.2: what the upper two bits of an option nobody knows ask for.
enum OptionAction : uint8_t { kSkip = 0, kDiscard = 1, kDiscardAndTell = 2, kTellIfUnicast = 3 };
enum ProblemCode : uint8_t {
  kErroneousField = 0,
  kUnknownNextHeader = 1,
  kUnknownOption = 2,
  kIncompleteChain = 3,  // RFC 7112
};

struct ExtensionHdr {
  uint8_t next_header, length;  // in units of 8 bytes, the first not counted
};
struct RoutingHdr {
  uint8_t next_header, length, type, segments_left;
};
constexpr uint16_t kOffsetMask = 0xfff8, kMore = 1;

Drop tell(Ipv6Chain& out, Drop why, uint8_t code, size_t pointer) {
  out.tell = true;
  out.code = code;
  out.pointer = static_cast<uint32_t>(pointer);
  return why;
}

// A chain that ends too soon. That of a first fragment goes on in the next one, which no filter
// could judge (RFC 7112).
Drop cut_short(Ipv6Chain& out) {
  return out.is_part ? tell(out, Drop::fragment_tiny, kIncompleteChain, 0) : Drop::ipv6_extension;
}

// The options of one header; `at`: where they begin, from the IPv6 header on.
Drop walk_options(Bytes options, size_t at, bool hop_by_hop, Ipv6Chain& out) {
  while (!options.empty()) {
    const auto type = static_cast<uint8_t>(options[0]);
    if (type == kPad1) {
      options = options.subspan(1), ++at;
      continue;
    }
    if (options.size() < 2) return Drop::ipv6_extension;
    const size_t length = size_t{2} + static_cast<uint8_t>(options[1]);
    if (length > options.size()) return Drop::ipv6_extension;
    if (type == kRouterAlert6 && hop_by_hop) {
      if (length != 4) return Drop::ipv6_extension;
      out.router_alert = true;
    } else if (type != kPadN) {
      const auto action = static_cast<OptionAction>(type >> 6);
      out.tell_if_group = action == kDiscardAndTell;
      if (action == kDiscard) return Drop::ipv6_option;
      if (action != kSkip) return tell(out, Drop::ipv6_option, kUnknownOption, at);
    }
    options = options.subspan(length), at += length;
  }
  return Drop::none;
}

// One header, whose bytes are all there.
Drop walk_header(uint8_t kind, Bytes header, size_t at, Ipv6Chain& out) {
  if (kind == kRouting) {
    RoutingHdr h;
    std::memcpy(&h, header.data(), sizeof h);
    // 4.4, and RFC 5095: no type is spoken here, so none may ask for a way on.
    if (h.segments_left == 0) return Drop::none;
    return tell(out, Drop::ipv6_routing, kErroneousField, at + offsetof(RoutingHdr, type));
  }
  return walk_options(header.subspan(sizeof(ExtensionHdr)), at + sizeof(ExtensionHdr),
                      kind == kHopByHop, out);
}

// The fragment header at `at`, and the data behind it (4.5). `named_at`: the field that names it.
Drop walk_fragment(Bytes bytes, size_t at, size_t named_at, Ipv6Chain& out) {
  Ipv6FragmentHdr h;
  std::memcpy(&h, bytes.data(), sizeof h);
  if (out.has_fragment) return Drop::ipv6_extension;  // nested
  out.has_fragment = true;
  const uint16_t field = h.offset_flags.get();
  out.part = {.id = h.id.get(),
              .offset = uint32_t{field} & kOffsetMask,
              .more = (field & kMore) != 0,
              .begin = static_cast<uint32_t>(at + sizeof h),
              .next_header_at = static_cast<uint32_t>(named_at)};
  out.is_part = out.part.offset != 0 || out.part.more;
  if (!out.is_part) return Drop::none;  // RFC 6946: it waits for nobody
  const size_t length = bytes.size() - sizeof h;
  if (out.part.more && length % 8 != 0)
    return tell(out, Drop::ipv6_fragment_bad, kErroneousField, offsetof(Ipv6Hdr, payload_length));
  if (length == 0) return Drop::ipv6_fragment_bad;
  if (at - sizeof(Ipv6Hdr) + out.part.offset + length > UINT16_MAX)
    return tell(out, Drop::fragment_too_long, kErroneousField,
                at + offsetof(Ipv6FragmentHdr, offset_flags));
  return Drop::none;
}

// What a first fragment must hold of the upper layer (8200 4.5: its whole header).
size_t upper_least(uint8_t protocol) {
  return protocol == kProtocolIcmp6 ? 8 : upper_header_least(protocol);
}

bool is_extension(uint8_t next_header) {
  return next_header == kHopByHop || next_header == kRouting || next_header == kFragment ||
         next_header == kDestinationOptions;
}

}  // namespace

Drop ipv6_parse(Bytes packet, Ipv6Packet& out) {
  if (packet.size() < sizeof(Ipv6Hdr)) return Drop::ipv6_short;
  Ipv6Hdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  const uint32_t first = h.version_class_label.get();
  if (first >> 28 != kVersion) return Drop::ipv6_version;
  const uint16_t length = h.payload_length.get();
  if (length > packet.size() - sizeof h) return Drop::ipv6_payload_length;
  out.header = {.traffic_class = static_cast<uint8_t>(first >> 20),
                .flow_label = first & kFlowLabelMask,
                .payload_length = length,
                .next_header = h.next_header,
                .hop_limit = h.hop_limit,
                .source = ip_of(h.source),
                .destination = ip_of(h.destination)};
  if (out.header.source.is_v4()) return Drop::ipv6_source;
  if (out.header.destination.is_v4()) return Drop::ipv6_destination;
  out.payload = packet.subspan(sizeof h, length);
  return Drop::none;
}

Drop ipv6_walk(const Ipv6Packet& packet, Ipv6Chain& out) {
  uint8_t next = packet.header.next_header;
  size_t at = 0, next_at = kNextHeaderAt;  // at: into the payload
  for (uint32_t n = 0; is_extension(next); ++n) {
    if (n == kExtensionHeadersMax) return Drop::ipv6_extension;
    // 4.3: only directly behind the IPv6 header.
    if (next == kHopByHop && n != 0)
      return tell(out, Drop::ipv6_next_header, kUnknownNextHeader, next_at);
    const Bytes rest = packet.payload.subspan(at);
    if (rest.size() < sizeof(Ipv6FragmentHdr)) return cut_short(out);
    ExtensionHdr h;
    std::memcpy(&h, rest.data(), sizeof h);
    const size_t length = next == kFragment ? sizeof(Ipv6FragmentHdr) : (size_t{h.length} + 1) * 8;
    if (at + length > kExtensionBytesMax) return Drop::ipv6_extension;
    if (length > rest.size()) return cut_short(out);
    const size_t in_packet = sizeof(Ipv6Hdr) + at;
    // Also of a chain that is refused here: what its sender may be told depends on what it holds.
    out.protocol = h.next_header, out.payload = rest.subspan(length);
    const Drop why = next == kFragment ? walk_fragment(rest, in_packet, next_at, out)
                                       : walk_header(next, rest.first(length), in_packet, out);
    if (why != Drop::none || (out.is_part && out.part.offset != 0)) return why;
    next = h.next_header, next_at = in_packet;
    at += length;
  }
  out.protocol = next;
  out.payload = packet.payload.subspan(at);
  out.pointer = static_cast<uint32_t>(next_at);
  if (out.is_part && out.payload.size() < upper_least(next)) return cut_short(out);
  return next == kNoNextHeader ? Drop::ipv6_no_next_header : Drop::none;
}

void ipv6_emit(const Ipv6Header& header, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(Ipv6Hdr) && header.flow_label <= kFlowLabelMask);
  STACK_DCHECK(!header.source.is_v4() && !header.destination.is_v4());
  const uint32_t first = kVersion << 28 | uint32_t{header.traffic_class} << 20 | header.flow_label;
  const Ipv6Hdr h{
      .version_class_label = be32::of(first),
      .payload_length = be16::of(header.payload_length),
      .next_header = header.next_header,
      .hop_limit = header.hop_limit,
      .source = {be64::of(header.source.hi), be64::of(header.source.lo)},
      .destination = {be64::of(header.destination.hi), be64::of(header.destination.lo)}};
  std::memcpy(out.data(), &h, sizeof h);
}

void ipv6_emit_fragment(const Ipv6Part& part, uint8_t next_header, MutableBytes out) {
  STACK_DCHECK(out.size() >= sizeof(Ipv6FragmentHdr));
  STACK_DCHECK(part.offset % 8 == 0 && part.offset <= kOffsetMask);
  const uint32_t field = part.offset | (part.more ? kMore : 0);
  const Ipv6FragmentHdr h{.next_header = next_header,
                          .reserved = 0,
                          .offset_flags = be16::of(static_cast<uint16_t>(field)),
                          .id = be32::of(part.id)};
  std::memcpy(out.data(), &h, sizeof h);
}

}  // namespace pinion
