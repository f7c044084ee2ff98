// Nasdaq TotalView-ITCH 5.0: the messages and their reader (messages.def has the layouts). A
// message is the bytes of one MoldUDP64 block, or of one sequenced packet of a GLIMPSE session.
#pragma once
#include "gateway/wire/fields.h"

namespace pinion::itch {

#define MESSAGES "gateway/itch/messages.def"
#include "gateway/wire/declare.def"
#undef MESSAGES

// The longest of them: what a window for messages needs as room, if no revision makes them longer.
inline constexpr size_t kMessageBytesMax = sizeof(OrderImbalance);

// A message of this type with its prefix filled in.
template <class Message>
Message make(uint16_t locate, uint64_t timestamp) {
  Message message{};
  message.type = Char::of(Message::kType);
  message.locate = be16::of(locate);
  message.timestamp = be48::of(timestamp);
  return message;
}

}  // namespace pinion::itch
