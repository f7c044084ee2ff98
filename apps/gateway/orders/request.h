// What a client asks for, read out of its FIX message and checked for form: NewOrderSingle (D),
// OrderCancelRequest (F), OrderCancelReplaceRequest (G), OrderStatusRequest (H). The session layer
// has seen to it that required fields are there and of their type; here is what they may say.
#pragma once
#include "gateway/fix/message.h"
#include "gateway/orders/symbols.h"
#include "gateway/risk/order_table.h"

namespace pinion::gateway {

// Values of OrdRejReason (103) and CxlRejReason (102), which differ in meaning.
inline constexpr int kBrokerOption = 0, kUnknownSymbol = 1, kExceedsLimit = 3, kUnknownOrder = 5,
                     kDuplicateOrder = 6;
inline constexpr int kTooLate = 0, kCancelUnknownOrder = 1, kCancelBrokerOption = 2,
                     kCancelPending = 3;

struct ClientRequest {
  char type = 0;  // D, F, G, H
  bool repeated = false;  // PossDupFlag or PossResend: we may have had it
  std::string_view cl_ord_id = {}, orig_cl_ord_id = {};
  std::string_view symbol_text = {};
  uint32_t symbol = kNone;
  risk::Side side = risk::Side::buy;
  char time_in_force = '0';
  uint32_t quantity = 0;
  risk::Price price = 0;
  bool located = false;
  // What is wrong with it; empty: nothing.
  std::string_view fault = {};
  int reason = kBrokerOption;  // OrdRejReason
};

// Anything but these four types, and what has no ClOrdID, is not for us: false.
bool read_request(const fix::Message& message, const Symbols& symbols, ClientRequest& out);

}  // namespace pinion::gateway
