// OUCH 5.0 order entry: requests (to the venue) and answers (from it), and their readers. The
// layouts are in requests.def and answers.def. Used by the gateway's venue side and by the
// exchange simulator; knows no session layer.
#pragma once
#include "gateway/wire/fields.h"

namespace pinion::ouch {

namespace request {
#define MESSAGES "gateway/ouch/requests.def"
#include "gateway/wire/declare.def"
#undef MESSAGES
}  // namespace request

namespace answer {
#define MESSAGES "gateway/ouch/answers.def"
#include "gateway/wire/declare.def"
#undef MESSAGES
}  // namespace answer

inline constexpr uint64_t kMarketPrice = 0x7fffffff;  // crosses only
inline constexpr uint32_t kQuantityMax = 999'999;

// Reasons of Rejected (a selection: OUCH 5.0, "Rejected Order Reasons").
enum class Reject : uint16_t {
  quote_unavailable = 0x01,
  destination_closed = 0x02,
  display = 0x03,
  fat_finger = 0x06,
  halted = 0x07,
  side = 0x09,
  processing_error = 0x0a,
  firm = 0x0c,
  cancel_not_allowed = 0x10,
  crossed_market = 0x12,
  quantity = 0x13,
  replace_not_allowed = 0x15,
  symbol = 0x17,
  price = 0x1d,
  shares_over_threshold = 0x1e,
  notional_over_limit = 0x1f,
};

template <class Message>
Message make() {
  Message message{};
  message.type = Char::of(Message::kType);
  return message;
}

// The strategy that the newer revision appends to AiqCancelled; 0 where it has none.
inline char aiq_strategy(Bytes rest) { return rest.empty() ? '\0' : static_cast<char>(rest[0]); }

}  // namespace pinion::ouch
