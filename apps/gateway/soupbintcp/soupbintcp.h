// SoupBinTCP 3.00 packets: a length u16 (of type and payload), a type, a payload. Packets and TCP
// segments have nothing to do with each other: next_packet finds the packets in what has come.
#pragma once
#include "gateway/wire/fields.h"

namespace pinion::soupbintcp {

#define MESSAGES "gateway/soupbintcp/packets.def"
#include "gateway/wire/declare.def"
#undef MESSAGES

inline constexpr size_t kLengthBytes = sizeof(be16);
inline constexpr size_t kPacketBytesMax = kLengthBytes + 0xffff;

enum class Framing : uint8_t {
  packet,      // out is a whole packet, type first; `used` bytes of the stream are done with
  incomplete,  // the stream ends within the packet
  malformed,   // a length of 0: there is no type. The stream cannot be read any further.
};

// Looks at the front of the stream.
inline Framing next_packet(Bytes stream, Bytes& out, size_t& used) {
  const be16* length = in_place<be16>(stream);
  if (!length) return Framing::incomplete;
  if (length->get() == 0) return Framing::malformed;
  if (length->get() > stream.size() - kLengthBytes) return Framing::incomplete;
  out = stream.subspan(kLengthBytes, length->get());
  used = kLengthBytes + length->get();
  return Framing::packet;
}

// Writes a packet of this fixed part and this rest; 0 if it has no room or is too long to encode.
template <class Message>
size_t emit_packet(const Message& message, Bytes rest, MutableBytes out) {
  const size_t length = sizeof message + rest.size();
  if (length > 0xffff || out.size() < kLengthBytes + length) return 0;
  const be16 header = be16::of(static_cast<uint16_t>(length));
  std::memcpy(out.data(), &header, sizeof header);
  std::memcpy(out.data() + kLengthBytes, &message, sizeof message);
  if (!rest.empty()) {
    std::memcpy(out.data() + kLengthBytes + sizeof message, rest.data(), rest.size());
  }
  return kLengthBytes + length;
}

// A packet that is its type alone, or its type and the rest.
template <class Message>
size_t emit_typed(Bytes rest, MutableBytes out) {
  static_assert(sizeof(Message) == 1);
  return emit_packet(Message{Char::of(Message::kType)}, rest, out);
}

}  // namespace pinion::soupbintcp
