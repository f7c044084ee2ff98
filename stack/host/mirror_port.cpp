// See mirror_port.h.
#include "host/mirror_port.h"

#include <algorithm>

#include "wire/eth.h"
#include "wire/ipv4.h"

namespace pinion {
namespace {

constexpr uint32_t kIp = sizeof(EthHdr), kPorts = kIp + sizeof(Ipv4Hdr);
constexpr uint8_t kWithoutOptions = 0x45;

void swap_ends(std::byte* at, uint32_t n) { std::swap_ranges(at, at + n, at + n); }

}  // namespace

MirrorPort::MirrorPort() {
  capabilities_.mac = kOurs;
  capabilities_.tx_headroom_bytes = kHeadroomBytes;
  for (Buffer& b : buffers_) {
    Frame* frame = &b.frame;
    frame->driver = &b;
    free({&frame, 1});
  }
}

bool MirrorPort::mirror(Frame& frame) {
  if (frame.length < kPorts + 2 * sizeof(be16)) return false;
  const auto eth = load<EthHdr>(frame.data);
  const auto ip = load<Ipv4Hdr>(frame.data + kIp);
  if (!(eth.dst == kNeighbour) || eth.type.get() != kEthTypeIpv4) return false;
  if (ip.version_ihl != kWithoutOptions) return false;
  swap_ends(frame.data, sizeof(Mac));
  swap_ends(frame.data + kIp + offsetof(Ipv4Hdr, source), sizeof(be32));
  swap_ends(frame.data + kPorts, sizeof(be16));
  return true;
}

size_t MirrorPort::rx_burst(std::span<Frame*> out) {
  size_t n = 0;
  while (n < out.size() && first_ != nullptr) {
    out[n] = first_;
    first_ = first_->next;
    out[n++]->next = nullptr;
  }
  if (first_ == nullptr) last_ = &first_;
  return n;
}

size_t MirrorPort::tx_burst(std::span<Frame*> frames) {
  for (Frame* frame : frames) {
    if (!mirror(*frame)) {
      free({&frame, 1});
      continue;
    }
    frame->next = nullptr;
    frame->tx_offload = kTxNone;
    frame->token = 0;
    *last_ = frame;
    last_ = &frame->next;
  }
  return frames.size();
}

size_t MirrorPort::alloc(std::span<Frame*> out) {
  size_t n = 0;
  while (n < out.size() && free_ != nullptr) {
    Frame* frame = free_;
    free_ = frame->next;
    auto* buffer = static_cast<Buffer*>(frame->driver);
    *frame = Frame{};
    frame->driver = buffer;
    frame->data = buffer->bytes + kHeadroomBytes;
    frame->headroom = kHeadroomBytes;
    frame->tailroom = kRoomBytes;
    out[n++] = frame;
  }
  return n;
}

void MirrorPort::free(std::span<Frame*> frames) {
  for (Frame* frame : frames) {
    frame->next = free_;
    free_ = frame;
  }
}

}  // namespace pinion
