#include "support/memory_port.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "support/segmenter.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {
constexpr uint32_t kLinkHeaderMax = 18;  // Ethernet with one tag
constexpr size_t kIpv4ChecksumAt = 10, kUdpChecksumAt = 6, kTcpChecksumAt = 16;

size_t get16(Bytes bytes, size_t at) {
  return std::to_integer<size_t>(bytes[at]) << 8 | std::to_integer<size_t>(bytes[at + 1]);
}

// Of an IP packet, without the padding behind it.
size_t packet_length(Bytes ip) {
  constexpr std::byte kVersion4{0x40}, kVersions{0xf0};
  return (ip[0] & kVersions) == kVersion4 ? get16(ip, 2) : 40 + get16(ip, 4);
}

void put_checksum(Bytes over, std::byte* at) {
  const uint16_t sum = internet_checksum(over);
  at[0] = static_cast<std::byte>(sum >> 8), at[1] = static_cast<std::byte>(sum);
}

// What a device does: the header's sum over zeros, the datagram's over what stands in its place.
void complete_checksums(MemoryPort::Sent& sent) {
  const MutableBytes ip = MutableBytes{sent.bytes}.subspan(sent.l2_length);
  const MutableBytes udp = ip.subspan(sent.l3_length);
  if (sent.tx_offload & kTxTcpCsum)
    put_checksum(udp.first(packet_length(ip) - sent.l3_length), &udp[kTcpChecksumAt]);
  if (sent.tx_offload & kTxIpv4Csum) {
    ip[kIpv4ChecksumAt] = ip[kIpv4ChecksumAt + 1] = std::byte{0};
    put_checksum(ip.first(sent.l3_length), &ip[kIpv4ChecksumAt]);
  }
  if ((sent.tx_offload & kTxUdpCsum) == 0) return;
  put_checksum(udp.first(get16(udp, 4)), &udp[kUdpChecksumAt]);
  if (udp[kUdpChecksumAt] == std::byte{0} && udp[kUdpChecksumAt + 1] == std::byte{0})
    udp[kUdpChecksumAt] = udp[kUdpChecksumAt + 1] = std::byte{0xff};
}

}  // namespace

MemoryPort::MemoryPort(Mac mac, uint16_t mtu_bytes, uint8_t tx_offload) {
  capabilities_.mac = mac;
  capabilities_.mtu_bytes = mtu_bytes;
  capabilities_.tx_offload = tx_offload;
}

MemoryPort::~MemoryPort() {
  let_go();
  for (Frame* frame : to_receive_) release(frame);
}

size_t MemoryPort::rx_burst(std::span<Frame*> out) {
  const size_t n = std::min(out.size(), to_receive_.size());
  for (size_t i = 0; i < n; ++i) {
    out[i] = to_receive_.front();
    to_receive_.pop_front();
  }
  *account_ += n;
  return n;
}

size_t MemoryPort::tx_burst(std::span<Frame*> frames) {
  const size_t n = std::min(frames.size(), link_is_up ? tx_accepts : 0);
  for (Frame* f : frames.first(n)) {
    if (reads_late && f->has_attached()) unread_.push_back(f);
    else transmit(f);
  }
  return n;
}

void MemoryPort::transmit(Frame* f) {
  Sent sent{{f->data, f->data + f->length}, f->tx_offload, f->l2_length, f->l3_length};
  if (f->segment_bytes != 0) return transmit_cut(f, std::move(sent));
  if (f->has_attached()) {
    STACK_CHECK(capabilities_.tx_attach);
    sent.bytes.insert(sent.bytes.end(), f->attached, f->attached + f->behind_length);
    released_.push_back(f->token);
  }
  if (completes_checksums_ && f->tx_offload != kTxNone) complete_checksums(sent);
  if (capabilities_.tx_tso_bytes != 0) sent.tx_offload = kTxNone;
  sent_.push_back(std::move(sent));
  free({&f, 1});
}

void MemoryPort::transmit_cut(Frame* f, Sent sent) {
  STACK_CHECK(f->segment_bytes >= kTsoSegmentMin && f->buffers() <= kTsoBuffersMax);
  std::vector<Frame*> buffers{f};
  for (Frame* b = f->second(); b != nullptr; b = b->next) {
    buffers.push_back(b);
    sent.bytes.insert(sent.bytes.end(), b->data, b->data + b->length);
  }
  STACK_CHECK(sent.bytes.size() == f->total_length() && (f->tx_offload & kTxTcpCsum) != 0);
  const LongFrame whole{.frame = sent.bytes,
                        .l2_length = f->l2_length,
                        .l3_length = f->l3_length,
                        .segment_bytes = f->segment_bytes,
                        .ipv4_csum = (f->tx_offload & kTxIpv4Csum) != 0};
  ++cut_;
  for (auto& bytes : cut(whole))
    if (!loses_cut) sent_.push_back({std::move(bytes), kTxNone, f->l2_length, f->l3_length});
  free(buffers);
}

void MemoryPort::cut_segments(uint32_t bytes) {
  completes_checksums_ = true;
  capabilities_.tx_offload |= kTxTcpCsum;
  capabilities_.tx_tso_bytes = bytes;
}

void MemoryPort::attach_payloads() {
  capabilities_.tx_attach = completes_checksums_ = true;
  capabilities_.tx_offload = kTxIpv4Csum | kTxUdpCsum | kTxTcpCsum;
}

void MemoryPort::let_go() {
  for (Frame* f : std::exchange(unread_, {})) transmit(f);
}

size_t MemoryPort::released(std::span<uint64_t> out) {
  const size_t n = std::min(out.size(), released_.size());
  for (size_t i = 0; i < n; ++i) {
    out[i] = released_.front();
    released_.pop_front();
  }
  return n;
}

size_t MemoryPort::alloc(std::span<Frame*> out) {
  const size_t room = pool_frames > *account_ ? pool_frames - *account_ : 0;
  const size_t n = std::min({out.size(), room, alloc_fails_after});
  if (n == alloc_fails_after && n < out.size()) alloc_fails_after = SIZE_MAX;
  else if (alloc_fails_after != SIZE_MAX) alloc_fails_after -= n;
  for (size_t i = 0; i < n; ++i)
    out[i] = make_frame(capabilities_.tx_headroom_bytes, 0,
                        uint32_t{capabilities_.mtu_bytes} + kLinkHeaderMax);
  *account_ += n;
  return n;
}

void MemoryPort::free(std::span<Frame*> frames) {
  STACK_CHECK(frames.size() <= *account_);
  *account_ -= frames.size();
  for (Frame* frame : frames) release(frame);
}

Frame& MemoryPort::receive(Bytes bytes) {
  Frame* frame = make_frame(0, static_cast<uint32_t>(bytes.size()), 0);
  std::copy(bytes.begin(), bytes.end(), frame->data);
  to_receive_.push_back(frame);
  return *frame;
}

std::vector<std::vector<std::byte>> MemoryPort::take_sent() {
  std::vector<std::vector<std::byte>> out;
  for (Sent& s : take_sent_with_offload()) out.push_back(std::move(s.bytes));
  return out;
}

std::vector<MemoryPort::Sent> MemoryPort::take_sent_with_offload() {
  return std::exchange(sent_, {});
}

Frame* MemoryPort::make_frame(uint32_t headroom, uint32_t length, uint32_t tailroom) const {
  auto* buffer = new Buffer;
  const size_t bytes = size_t{headroom} + length + tailroom;
  buffer->memory = std::make_unique_for_overwrite<std::byte[]>(bytes);
  std::fill_n(buffer->memory.get(), bytes, fill);
  buffer->frame.data = buffer->memory.get() + headroom;
  buffer->frame.length = length;
  buffer->frame.headroom = headroom;
  buffer->frame.tailroom = tailroom;
  buffer->frame.driver = buffer;
  return &buffer->frame;
}

void MemoryPort::release(Frame* frame) { delete static_cast<Buffer*>(frame->driver); }

}  // namespace pinion::testing
