// What a client is told: an execution report (8) or a cancel reject (9), before it is FIX.
#pragma once
#include <string_view>

#include "gateway/risk/order_table.h"
#include "gateway/wire/fields.h"

namespace pinion::gateway {

enum class ReportKind : uint8_t {
  accepted,
  refused,  // by us or by the venue
  replaced,
  executed,
  cancelled,
  expired,
  restated,  // by the venue: fewer shares
  broken,
  status,
  cancel_refused,   // a cancel reject, as is the next
  replace_refused,
};

// Names a report for the day and for ever: the number of the journal's record that caused it, and
// which of that record's reports it is. What a client has got is known by the last of these.
struct ReportId {
  uint64_t cause = 0;
  uint32_t part = 0;
  friend constexpr auto operator<=>(const ReportId&, const ReportId&) = default;
};

// Values of FIX where they are the same in all versions. The texts live as long as the call.
struct Report {
  ReportId id = {};
  ReportKind kind = ReportKind::status;
  uint16_t session = 0;
  uint32_t order_id = 0;  // 0: it never was an order
  std::string_view cl_ord_id = {}, orig_cl_ord_id = {};
  std::string_view symbol = {};
  risk::Side side = risk::Side::buy;
  char time_in_force = '0';
  char status = '0';  // OrdStatus (39) of 4.2, which 4.4 knows as well, but for 5 (replaced)
  uint32_t quantity = 0, executed = 0, leaves = 0;
  risk::Price price = 0;
  risk::Amount traded = 0;
  uint32_t last_shares = 0;
  risk::Price last_price = 0;
  uint64_t broken = 0;  // the ExecID that does not count any more
  int reason = -1;      // OrdRejReason or CxlRejReason
  std::string_view text = {};

  bool is_cancel_reject() const {
    return kind == ReportKind::cancel_refused || kind == ReportKind::replace_refused;
  }
};

}  // namespace pinion::gateway
