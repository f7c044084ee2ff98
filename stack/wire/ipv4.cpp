#include "wire/ipv4.h"

#include "base/check.h"
#include "wire/checksum.h"
#include "wire/tcp.h"

namespace pinion {
namespace {

constexpr size_t kDatagramMax = 65535;

enum Option : uint8_t {
  kEndOfOptions = 0,
  kNoOperation = 1,
  kRecordRoute = 7,
  kTimestamp = 68,
  kRouterAlert = 148,
  kLooseSourceRoute = 131,
  kStrictSourceRoute = 137
};

constexpr uint8_t kRouterAlertOption[kRouterAlertBytes] = {kRouterAlert, kRouterAlertBytes, 0, 0};

// Of options that were found well formed.
bool has_router_alert(Bytes options) {
  while (!options.empty() && static_cast<uint8_t>(options[0]) != kEndOfOptions) {
    const auto kind = static_cast<uint8_t>(options[0]);
    if (kind == kRouterAlert) return static_cast<size_t>(options[1]) == kRouterAlertBytes;
    options = options.subspan(kind == kNoOperation ? 1 : static_cast<size_t>(options[1]));
  }
  return false;
}

// Options of type, length, pointer: the pointer counts from 1, and one past the end means full.
bool pointer_ok(Bytes option, size_t first) {
  if (option.size() < 3) return false;
  const size_t pointer = static_cast<size_t>(option[2]);
  return pointer >= first && pointer <= option.size() + 1;
}

// Most headers have no options: three words then, and no loop.
bool checksum_ok(Bytes header) {
  if (header.size() != sizeof(Ipv4Hdr)) return checksum(header) == 0;
  const std::byte* at = header.data();
  const uint64_t front = checksum_join(load<uint64_t>(at), load<uint64_t>(at + 8));
  return checksum_finish(checksum_join(front, load<uint32_t>(at + 16))) == 0;
}

void to_host_order(const Ipv4Hdr& h, Ipv4Header& out) {
  const uint16_t flags = h.flags_fragment.get();
  out = {.tos = h.tos,
         .total_length = h.total_length.get(),
         .id = h.id.get(),
         .reserved_flag = (flags & Ipv4Hdr::kReserved) != 0,
         .dont_fragment = (flags & Ipv4Hdr::kDontFragment) != 0,
         .more_fragments = (flags & Ipv4Hdr::kMoreFragments) != 0,
         .fragment_offset = static_cast<uint16_t>(flags & Ipv4Hdr::kOffsetMask),
         .ttl = h.ttl,
         .protocol = h.protocol,
         .source = {h.source.get()},
         .destination = {h.destination.get()},
         .router_alert = false};
}

}  // namespace

Drop ipv4_parse(Bytes packet, Ipv4Packet& out, bool checksum_known_good) {
  if (packet.size() < sizeof(Ipv4Hdr)) return Drop::ipv4_short;
  Ipv4Hdr h;
  std::memcpy(&h, packet.data(), sizeof h);
  if (h.version_ihl >> 4 != 4) return Drop::ipv4_version;
  const size_t header_length = size_t{h.version_ihl & 0x0fu} * 4;
  if (header_length < sizeof h || header_length > packet.size()) return Drop::ipv4_header_length;
  const size_t total_length = h.total_length.get();
  if (total_length < header_length || total_length > packet.size()) return Drop::ipv4_total_length;
  if (!checksum_known_good && !checksum_ok(packet.first(header_length)))
    return Drop::ipv4_checksum;  // RFC 1122 3.2.1.2
  out.options = packet.subspan(sizeof h, header_length - sizeof h);
  if (const Drop why = ipv4_check_options(out.options); why != Drop::none) return why;
  to_host_order(h, out.header);
  out.header.router_alert = !out.options.empty() && has_router_alert(out.options);
  out.payload = packet.subspan(header_length, total_length - header_length);
  return Drop::none;
}

Drop ipv4_check_options(Bytes options) {
  while (!options.empty()) {
    const auto kind = static_cast<uint8_t>(options[0]);
    if (kind == kEndOfOptions) break;
    if (kind == kNoOperation) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2) return Drop::ipv4_options;
    const auto length = static_cast<size_t>(options[1]);
    if (length < 2 || length > options.size()) return Drop::ipv4_options;
    if (kind == kRecordRoute && !pointer_ok(options.first(length), 4)) return Drop::ipv4_options;
    if (kind == kTimestamp && !pointer_ok(options.first(length), 5)) return Drop::ipv4_options;
    if (kind == kLooseSourceRoute || kind == kStrictSourceRoute) return Drop::ipv4_options;
    options = options.subspan(length);
  }
  return Drop::none;
}

Drop ipv4_check_fragment(const Ipv4Packet& packet) {
  const Ipv4Header& h = packet.header;
  if (h.reserved_flag || h.dont_fragment || packet.payload.empty()) return Drop::ipv4_fragment_bad;
  if (h.more_fragments && packet.payload.size() % 8 != 0) return Drop::ipv4_fragment_bad;
  const size_t header = sizeof(Ipv4Hdr) + packet.options.size();
  const bool fits = header + size_t{h.fragment_offset} * 8 + packet.payload.size() <= kDatagramMax;
  return fits ? Drop::none : Drop::fragment_too_long;
}

size_t upper_header_least(uint8_t protocol) {
  switch (protocol) {
    case kProtocolIcmp:
    case kProtocolUdp: return 8;
    case kProtocolTcp: return 20;
  }
  return 0;
}

void ipv4_emit(const Ipv4Header& header, MutableBytes out, bool with_checksum) {
  const size_t length = header.length();
  STACK_DCHECK(out.size() >= length && header.total_length >= length);
  STACK_DCHECK(header.fragment_offset <= Ipv4Hdr::kOffsetMask);
  const int flags = (header.reserved_flag ? Ipv4Hdr::kReserved : 0) |
                    (header.dont_fragment ? Ipv4Hdr::kDontFragment : 0) |
                    (header.more_fragments ? Ipv4Hdr::kMoreFragments : 0) | header.fragment_offset;
  Ipv4Hdr h{.version_ihl = static_cast<uint8_t>(4 << 4 | length / 4),
            .tos = header.tos,
            .total_length = be16::of(header.total_length),
            .id = be16::of(header.id),
            .flags_fragment = be16::of(static_cast<uint16_t>(flags)),
            .ttl = header.ttl,
            .protocol = header.protocol,
            .checksum = {},
            .source = be32::of(header.source.v),
            .destination = be32::of(header.destination.v)};
  std::memcpy(out.data(), &h, sizeof h);
  if (header.router_alert)
    std::memcpy(out.data() + sizeof h, kRouterAlertOption, sizeof kRouterAlertOption);
  if (!with_checksum) return;
  h.checksum = be16::of(checksum(out.first(length)));
  std::memcpy(out.data(), &h, sizeof h);
}

}  // namespace pinion
