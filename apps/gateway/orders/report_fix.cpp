#include "gateway/orders/report_fix.h"

#include "gateway/fix/value.h"
#include "gateway/risk/limits.h"

namespace pinion::gateway {

namespace {

using fix::Encoder;

constexpr int kAverageDecimals = 6;
constexpr int64_t kAverageUnit = 100;  // from the ones to the others

char exec_type(const Report& r, bool fix42) {
  switch (r.kind) {
    case ReportKind::accepted: return '0';
    case ReportKind::refused: return '8';
    case ReportKind::replaced: return '5';
    case ReportKind::executed: return fix42 ? (r.leaves == 0 ? '2' : '1') : 'F';
    case ReportKind::cancelled: return '4';
    case ReportKind::expired: return 'C';
    case ReportKind::restated: return 'D';
    case ReportKind::broken: return fix42 ? r.status : 'H';
    default: return fix42 ? r.status : 'I';
  }
}

char trans_type(ReportKind kind) {
  if (kind == ReportKind::broken) return '1';
  return kind == ReportKind::status ? '3' : '0';
}

// "17" or, of the second report that one cause has, "17-1".
void exec_id(Encoder& e, int32_t tag, const ReportId& id) {
  char text[2 * fix::kUintDigits + 1];
  size_t n = fix::write_uint(id.cause, text);
  if (id.part != 0) {
    text[n++] = '-';
    n += fix::write_uint(id.part, std::span(text).subspan(n));
  }
  e.text(tag, {text, n});
}

void order_id(Encoder& e, const Report& r) {
  if (r.order_id == 0) e.text(fix::kOrderID, "NONE");
  else e.number(fix::kOrderID, r.order_id);
}

int64_t average(const Report& r) {
  if (r.executed == 0) return 0;
  return (r.traded * kAverageUnit + r.executed / 2) / r.executed;
}

void add_execution_report(Encoder& e, const Report& r, bool fix42) {
  order_id(e, r);
  e.text(fix::kClOrdID, r.cl_ord_id);
  if (!r.orig_cl_ord_id.empty()) e.text(fix::kOrigClOrdID, r.orig_cl_ord_id);
  exec_id(e, fix::kExecID, r.id);
  if (fix42) e.character(fix::kExecTransType, trans_type(r.kind));
  if (r.kind == ReportKind::broken) exec_id(e, fix::kExecRefID, {r.broken, 0});
  e.character(fix::kExecType, exec_type(r, fix42));
  const bool replaced = r.kind == ReportKind::replaced && fix42;
  e.character(fix::kOrdStatus, replaced ? '5' : r.status);
  if (r.kind == ReportKind::restated) e.number(fix::kExecRestatementReason, 5);
  if (r.reason >= 0) e.number(fix::kOrdRejReason, static_cast<uint64_t>(r.reason));
  e.text(fix::kSymbol, r.symbol);
  e.character(fix::kSide, "1256"[static_cast<size_t>(r.side)]);
  e.number(fix::kOrderQty, r.quantity);
  e.character(fix::kOrdType, '2');
  if (r.price > 0) e.decimal(fix::kPrice, r.price, risk::kPriceDecimals);
  e.character(fix::kTimeInForce, r.time_in_force);
  if (r.last_shares != 0) {
    e.number(fix::kLastShares, r.last_shares);
    e.decimal(fix::kLastPx, r.last_price, risk::kPriceDecimals);
  }
  e.number(fix::kLeavesQty, r.leaves);
  e.number(fix::kCumQty, r.executed);
  e.decimal(fix::kAvgPx, average(r), kAverageDecimals);
}

void add_cancel_reject(Encoder& e, const Report& r) {
  order_id(e, r);
  e.text(fix::kClOrdID, r.cl_ord_id);
  e.text(fix::kOrigClOrdID, r.orig_cl_ord_id);
  e.character(fix::kOrdStatus, r.status);
  e.character(fix::kCxlRejResponseTo, r.kind == ReportKind::cancel_refused ? '1' : '2');
  if (r.reason >= 0) e.number(fix::kCxlRejReason, static_cast<uint64_t>(r.reason));
}

}  // namespace

bool send_report(fix::Session& session, const Report& r, const fix::Now& now,
                 const fix::Routing& routing) {
  const bool fix42 = session.config().version == fix::Version::fix42;
  Encoder e = session.begin(r.is_cancel_reject() ? "9" : "8", now, routing);
  if (r.is_cancel_reject()) add_cancel_reject(e, r);
  else add_execution_report(e, r, fix42);
  e.time(fix::kTransactTime, now.utc_ns);
  if (!r.text.empty()) e.text(fix::kText, r.text);
  return session.send(e, now);
}

bool read_sent_report(std::string_view message, SentReport& out) {
  fix::Message m;
  out = {};
  if (!m.parse(message)) return false;
  if (m.is_type('9')) return out.cl_ord_id = m.value(fix::kClOrdID), true;
  if (!m.is_type('8')) return false;
  const std::string_view id = m.value(fix::kExecID);
  const size_t dash = id.find('-');
  uint64_t part = 0;
  if (!fix::parse_uint(id.substr(0, dash), out.id.cause)) return false;
  if (dash != std::string_view::npos && !fix::parse_uint(id.substr(dash + 1), part)) return false;
  out.id.part = static_cast<uint32_t>(part);
  return true;
}

}  // namespace pinion::gateway
