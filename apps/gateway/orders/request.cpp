#include "gateway/orders/request.h"

#include <array>

#include "gateway/fix/value.h"
#include "gateway/orders/orders.h"
#include "gateway/risk/limits.h"

namespace pinion::gateway {

namespace {

bool read_side(std::string_view text, risk::Side& out) {
  if (text.size() != 1) return false;
  switch (text[0]) {
    case '1': out = risk::Side::buy; return true;
    case '2': out = risk::Side::sell; return true;
    case '5': out = risk::Side::sell_short; return true;
    case '6': out = risk::Side::sell_short_exempt; return true;
    default: return false;
  }
}

// "100", and also "100.0": a quantity may be written with decimals, but shares are whole.
bool read_quantity(std::string_view text, uint32_t& out) {
  int64_t shares = 0;
  if (!fix::parse_decimal(text, 0, shares) || shares < 1 || shares > risk::kSharesMax) return false;
  out = static_cast<uint32_t>(shares);
  return true;
}

// Fields that make another order of it than the venue would get, with what they may say all the
// same because it holds anyhow. What no order here depends on (Account, settlement date,
// commission) is not among them.
struct Condition {
  int32_t tag;
  std::string_view may_be;
  std::string_view fault;
};
constexpr Condition kConditions[] = {
    {15, "USD", "Currency is not USD"},
    {18, "", "ExecInst (18) is not supported"},
    {63, "0", "only regular settlement (63=0)"},
    {65, "", "SymbolSfx (65) is not supported: Symbol is all of it"},
    {99, "", "StopPx (99) is not supported"},
    {110, "0", "MinQty (110) is not supported"},
    {111, "", "MaxFloor (111) is not supported"},
    {126, "", "ExpireTime (126) is not supported"},
    {152, "", "CashOrderQty (152) is not supported"},
    {168, "", "EffectiveTime (168) is not supported"},
    {192, "", "OrderQty2 (192) is not supported"},
    {200, "", "MaturityMonthYear (200): only equities"},
    {201, "", "PutOrCall (201): only equities"},
    {202, "", "StrikePrice (202): only equities"},
    {211, "", "PegDifference (211) is not supported"},
    {386, "0", "NoTradingSessions (386) is not supported"},
    {388, "", "DiscretionInst (388) is not supported"},
    {389, "", "DiscretionOffset (389) is not supported"},
    {423, "2", "only prices of a share (423=2)"},
    {432, "", "ExpireDate (432) is not supported"},
    {516, "", "OrderPercent (516) is not supported"},
    {640, "", "Price2 (640) is not supported"},
    {854, "0", "only quantities in shares (854=0)"},
};
constexpr size_t kConditionTags = 1024;

// 0: none; else one more than the row.
constexpr std::array<uint8_t, kConditionTags> kConditionOf = [] {
  std::array<uint8_t, kConditionTags> of{};
  uint8_t row = 0;
  for (const Condition& c : kConditions) of[static_cast<size_t>(c.tag)] = ++row;
  return of;
}();

std::string_view read_conditions(const fix::Message& m) {
  for (const fix::Field& field : m.fields()) {
    const auto tag = static_cast<size_t>(field.tag);  // a negative one is beyond all
    if (tag >= kConditionTags || kConditionOf[tag] == 0) continue;
    const Condition& c = kConditions[kConditionOf[tag] - 1];
    if (field.value != c.may_be) return c.fault;
  }
  return {};
}

std::string_view read_terms(const fix::Message& m, ClientRequest& out) {
  if (const std::string_view fault = read_conditions(m); !fault.empty()) return fault;
  if (m.value(fix::kHandlInst) == "3") return "HandlInst=3: nobody handles orders by hand here";
  if (m.value(fix::kOrdType) != "2") return "only limit orders (40=2)";
  const std::string_view tif = m.value(fix::kTimeInForce);
  if (!tif.empty() && tif != "0" && tif != "3") return "only day and IOC orders (59=0, 59=3)";
  out.time_in_force = tif.empty() ? '0' : tif[0];
  if (!read_quantity(m.value(fix::kOrderQty), out.quantity)) return "OrderQty is not 1 to 999999";
  if (!fix::parse_decimal(m.value(fix::kPrice), risk::kPriceDecimals, out.price) || out.price < 1 ||
      out.price > risk::kPriceMax)
    return "Price is not above 0 with at most 4 decimals";
  // LocateReqd=N: the client has located the shares (Reg SHO, rule 203(b)).
  out.located = m.value(fix::kLocateReqd) == "N";
  return {};
}

std::string_view read_order(const fix::Message& m, const Symbols& symbols, ClientRequest& out) {
  if (out.cl_ord_id.size() > kClOrdIdMax) return "ClOrdID is longer than 40";
  if (out.type == 'F' || out.type == 'H') return {};  // nothing else may stop a cancel
  out.symbol = symbols.find(out.symbol_text);
  if (out.symbol == kNone) {
    out.reason = kUnknownSymbol;
    return "unknown symbol";
  }
  if (!read_side(m.value(fix::kSide), out.side)) return "Side is not 1, 2, 5 or 6";
  return read_terms(m, out);
}

}  // namespace

bool read_request(const fix::Message& m, const Symbols& symbols, ClientRequest& out) {
  if (m.type().size() != 1) return false;
  out = {};
  out.type = m.type()[0];
  if (out.type != 'D' && out.type != 'F' && out.type != 'G' && out.type != 'H') return false;
  out.repeated = m.is_yes(fix::kPossDupFlag) || m.is_yes(fix::kPossResend);
  out.cl_ord_id = m.value(fix::kClOrdID);
  if (out.cl_ord_id.empty()) return false;  // the dictionary wants one
  out.orig_cl_ord_id = m.value(fix::kOrigClOrdID);
  out.symbol_text = m.value(fix::kSymbol);
  out.fault = read_order(m, symbols, out);
  return true;
}

}  // namespace pinion::gateway
