// Packets of either family that leave in fragments (RFC 791 3.2, RFC 8200 4.5).
#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "base/siphash.h"
#include "net/net.h"

namespace pinion {
namespace {

// Bytes [at, at + out.size()) of a packet.
void copy_part(const Net::Halves& packet, size_t at, MutableBytes out) {
  const Bytes head = packet.head.subspan(std::min(at, packet.head.size()));
  const size_t of_head = std::min(head.size(), out.size());
  if (of_head != 0) std::memcpy(out.data(), head.data(), of_head);
  if (of_head == out.size()) return;
  std::memcpy(out.data() + of_head, packet.body.data() + (at + of_head - packet.head.size()),
              out.size() - of_head);
}

}  // namespace

// Data of a fragment: all but the last have as much.
size_t Net::fragment_bytes(const Path& path) {
  const size_t headers =
      path.source.is_v4() ? sizeof(Ipv4Hdr) : sizeof(Ipv6Hdr) + sizeof(Ipv6FragmentHdr);
  const size_t mtu = path.mtu();
  return mtu < headers + 8 ? 8 : (mtu - headers) / 8 * 8;
}

// All fragments of a packet leave, or none. 0; -EAGAIN: too few frames; -EMSGSIZE: too many of them
// would be needed; -ENOBUFS: the neighbour is not known yet. So much does not wait for it: it is
// asked, and what is sent later finds it.
int Net::ip_output_fragments(const Path& path, const Halves& packet, const IpFields& fields,
                             uint64_t token, Nanos now) {
  const size_t size = packet.size(), most = fragment_bytes(path);
  const size_t count = (size + most - 1) / most;
  const size_t size_max = UINT16_MAX - (path.source.is_v4() ? sizeof(Ipv4Hdr) : 0);
  if (count > kFragmentsMax || size > size_max) return -EMSGSIZE;
  if (!path.ready) {
    if (path.neighbour == nullptr && neighbours_.ask(path.interface->index, path.next_hop, now))
      neighbour_request(*path.interface, path.next_hop, nullptr);
    return -ENOBUFS;
  }
  STACK_DCHECK(count != 0);  // there is a UDP header at least
  Frame* frames[kFragmentsMax];
  if (!take_frames(*path.interface, {frames, count})) return -EAGAIN;
  frames[count - 1]->token = token;  // a port takes them in order: when it has this one, it has all
  more_work_ += static_cast<uint32_t>(count - 1);
  Ipv6Part part{.id = fragment_id(path.source, fields.destination)};
  for (size_t i = 0, at = 0; i < count; ++i, at += most) {
    const size_t length = std::min(most, size - at);
    copy_part(packet, at, {frames[i]->append(static_cast<uint32_t>(length)), length});
    part.offset = static_cast<uint32_t>(at), part.more = i + 1 < count;
    fragment_output(path, frames[i], part, fields, now);
  }
  return 0;
}

// All of them, or none.
bool Net::take_frames(const Interface& interface, std::span<Frame*> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] = frame_alloc(interface);
    if (out[i] != nullptr) continue;
    while (i > 0) frame_free(interface, out[--i]);
    return false;
  }
  return true;
}

// Cannot fail: the path is ready.
void Net::fragment_output(const Path& path, Frame* frame, const Ipv6Part& part,
                          const IpFields& fields, Nanos now) {
  if (!path.source.is_v4()) {
    frame->push(sizeof(Ipv6FragmentHdr));
    ipv6_emit_fragment(part, fields.protocol, {frame->data, sizeof(Ipv6FragmentHdr)});
    IpFields named = fields;
    named.protocol = kNextHeaderFragment;
    ipv6_output(path, frame, named, now);
    return;
  }
  ipv4_output(path, frame,
              {.tos = fields.tos,
               .total_length = static_cast<uint16_t>(sizeof(Ipv4Hdr) + frame->total_length()),
               .id = static_cast<uint16_t>(part.id),
               .more_fragments = part.more,
               .fragment_offset = static_cast<uint16_t>(part.offset / 8),
               .ttl = fields.ttl,
               .protocol = fields.protocol,
               .source = path.source.v4(),
               .destination = fields.destination.v4()},
              now);
}

// RFC 7739 5.3: a counter for each of many groups of flows, behind an offset that only we know for
// each flow: nobody can tell another flow's next one, and none comes again soon (RFC 6864). IPv4
// has the lower half of it.
uint32_t Net::fragment_id(Ip source, Ip destination) {
  const uint64_t flow[] = {source.hi, source.lo, destination.hi, destination.lo};
  const uint64_t hash = siphash(fragment_secret_, std::as_bytes(std::span{flow}));
  return static_cast<uint32_t>(hash) + fragment_ids_[mix64(hash) % fragment_ids_.size()]++;
}

}  // namespace pinion
