#include "support/memory_port.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "support/segments.h"

namespace pinion::testing {
namespace {
constexpr uint32_t kLinkHeaderMax = 18;  // Ethernet with one tag
constexpr size_t kIpv4ChecksumAt = 10, kUdpChecksumAt = 6, kTcpChecksumAt = 16;

void put_checksum(Bytes over, std::byte* at) {
  const uint16_t sum = internet_checksum(over);
  at[0] = static_cast<std::byte>(sum >> 8), at[1] = static_cast<std::byte>(sum);
}

// What a device does: the header's sum over zeros, the datagram's over what stands in its place.
void complete_checksums(MemoryPort::Sent& sent) {
  const MutableBytes ip = MutableBytes{sent.bytes}.subspan(sent.l2_length);
  const MutableBytes udp = ip.subspan(sent.l3_length);
  if (sent.tx_offload & kTxTcpCsum) {
    const size_t total = std::to_integer<size_t>(ip[2]) << 8 | std::to_integer<size_t>(ip[3]);
    put_checksum(udp.first(total - sent.l3_length), &udp[kTcpChecksumAt]);
  }
  if (sent.tx_offload & kTxIpv4Csum) {
    ip[kIpv4ChecksumAt] = ip[kIpv4ChecksumAt + 1] = std::byte{0};
    put_checksum(ip.first(sent.l3_length), &ip[kIpv4ChecksumAt]);
  }
  if ((sent.tx_offload & kTxUdpCsum) == 0) return;
  const size_t length = std::to_integer<size_t>(udp[4]) << 8 | std::to_integer<size_t>(udp[5]);
  put_checksum(udp.first(length), &udp[kUdpChecksumAt]);
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
    if (reads_late && f->attached_length != 0) unread_.push_back(f);
    else transmit(f);
  }
  return n;
}

void MemoryPort::transmit(Frame* f) {
  Sent sent{{f->data, f->data + f->length}, f->tx_offload, f->l2_length, f->l3_length};
  if (f->attached_length != 0) {
    STACK_CHECK(capabilities_.tx_attach);
    sent.bytes.insert(sent.bytes.end(), f->attached, f->attached + f->attached_length);
    released_.push_back(f->token);
  }
  if (capabilities_.tx_attach && f->tx_offload != kTxNone) complete_checksums(sent);
  sent_.push_back(std::move(sent));
  free({&f, 1});
}

void MemoryPort::attach_payloads() {
  capabilities_.tx_attach = true;
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
