// The clients' side of the desk, and what both sides share. The venue's is in desk_venue.cpp.
#include "gateway/orders/desk.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "base/check.h"
#include "gateway/ouch/appendage.h"

namespace pinion::gateway {

namespace {

constexpr Nanos kTryAgain = 10 * kMilli;  // to send a cancel that found no room

int reason_of(risk::Refusal why) {
  switch (why) {
    case risk::Refusal::unknown_symbol: return kUnknownSymbol;
    case risk::Refusal::duplicate_id: return kDuplicateOrder;
    case risk::Refusal::killed:
    case risk::Refusal::stale_book:
    case risk::Refusal::restricted:
    case risk::Refusal::halted:
    case risk::Refusal::no_reference_price: return kBrokerOption;
    default: return kExceedsLimit;
  }
}

char ouch_side(risk::Side side) { return "BSTE"[static_cast<size_t>(side)]; }

// What a client said, as far as an answer repeats it: no answer is too long to be sent.
std::string_view echo_of(std::string_view text) { return text.substr(0, kRecordTextMax); }

// FIX takes any bytes for a ClOrdID; a venue may end the session of whoever sends it such.
bool fits_ouch(std::string_view id) {
  return id.size() <= 14 && std::ranges::all_of(id, [](char c) { return c > ' ' && c <= '~'; });
}

// The client's own ClOrdID where it fits; else a short one, which the journal brings together with
// it by the UserRefNum.
Alpha<14> ouch_id(const Request& request) {
  if (fits_ouch(request.cl_ord_id())) return Alpha<14>::of(request.cl_ord_id());
  char text[15] = {};
  std::snprintf(text, sizeof text, "#%u", request.user_ref);
  return Alpha<14>::of(text);
}

}  // namespace

Desk::Desk(const DeskConfig& config, const Symbols& symbols, Orders& orders, risk::Risk& risk,
           Outlet& outlet)
    : config_(config), symbols_(symbols), orders_(orders), risk_(risk), outlet_(outlet),
      last_refused_(orders.sessions()) {
  venue_rate_.set(config.orders_per_s, config.burst_orders);
}

void Desk::on_request(uint16_t session, const ClientRequest& r, Nanos now) {
  if (r.type == 'H') return status(session, r);
  if (answer_repeat(session, r)) return;
  switch (r.type) {
    case 'D': return enter(session, r, now);
    case 'F': return cancel(session, r, now);
    default: return replace(session, r, now);
  }
}

// A message that may be a repeat, and is one, is answered with how things stand, and nothing else.
bool Desk::answer_repeat(uint16_t session, const ClientRequest& r) {
  if (!r.repeated || r.cl_ord_id.size() > kClOrdIdMax) return false;
  const bool refused = last_refused_[session].cl_ord_id() == r.cl_ord_id;
  const bool known = orders_.find(session, r.cl_ord_id) != kNone;
  if (!known && !refused) return false;
  ++counters_.repeated;
  if (known) status(session, r);
  return true;
}

std::string_view Desk::refuse_enter(const ClientRequest& r, Nanos now, int& reason) const {
  reason = r.reason;
  if (!r.fault.empty()) return r.fault;
  reason = kBrokerOption;
  if (!closed_.empty()) return closed_;
  if (orders_.full_for_orders()) return "no more orders today: orders_per_day_max";
  if (!caught_up_ || !outlet_.venue_ready()) return "venue not connected";
  reason = kExceedsLimit;
  if (!venue_rate_.would_pass(now)) return "venue throttle";
  return {};
}

void Desk::enter(uint16_t session, const ClientRequest& r, Nanos now) {
  int reason = kDuplicateOrder;
  std::string_view why;
  if (r.cl_ord_id.size() <= kClOrdIdMax && orders_.find(session, r.cl_ord_id) != kNone)
    why = "ClOrdID was used today";
  else
    why = refuse_enter(r, now, reason);
  const uint32_t ref = orders_.next_ref();
  if (!why.empty()) {
    if (caught_up_) risk_.count_reject(session, now);  // an outage is not the client's
  } else {
    const risk::Refusal refusal = risk_.check_new(
        {ref, session, r.symbol, r.side, r.quantity, r.price, r.located},
        outlet_.market(r.symbol), now);
    why = risk::text_of(refusal);
    reason = reason_of(refusal);
  }
  if (!why.empty()) return refuse(Decision::refuse, session, r, reason, why);

  OrderRecord record{.decision = Decision::enter, .side = r.side};
  record.time_in_force = r.time_in_force, record.session = session, record.user_ref = ref;
  record.quantity = r.quantity, record.price = r.price;
  record.symbol = symbols_.name(r.symbol), record.cl_ord_id = r.cl_ord_id;
  begin(outlet_.record(record, false));
  if (cause_ == 0) {
    risk_.withdrawn(ref);
    return refuse(Decision::refuse, session, r, kBrokerOption, "journal stopped");
  }
  const uint32_t request = apply_enter(record);
  venue_rate_.pass(now);
  send_enter(orders_.order(orders_.request(request).order), orders_.request(request));
}

void Desk::replace(uint16_t session, const ClientRequest& r, Nanos now) {
  uint32_t index = kNone;
  int reason = kCancelBrokerOption;
  std::string_view why = refuse_cancel(session, r, index, reason);
  if (why.empty()) why = refuse_replace(orders_.order(index), r, reason);
  if (why.empty() && !venue_rate_.would_pass(now)) why = "venue throttle";
  const uint32_t ref = orders_.next_ref();
  if (!why.empty()) {
    if (caught_up_) risk_.count_reject(session, now);
  } else {
    const Order& order = orders_.order(index);
    const risk::Refusal refusal = risk_.check_replace(
        order.ref,
        {ref, session, r.symbol, r.side, r.quantity - order.executed, r.price, r.located},
        outlet_.market(r.symbol), now);
    why = risk::text_of(refusal);
  }
  if (!why.empty()) return refuse(Decision::refuse_replace, session, r, reason, why);

  OrderRecord record{.decision = Decision::replace, .side = r.side};
  record.time_in_force = r.time_in_force, record.session = session, record.user_ref = ref;
  record.about = index, record.quantity = r.quantity, record.price = r.price;
  record.symbol = symbols_.name(r.symbol);
  record.cl_ord_id = r.cl_ord_id, record.orig_cl_ord_id = r.orig_cl_ord_id;
  begin(outlet_.record(record, false));
  if (cause_ == 0) {
    risk_.withdrawn(ref);
    return refuse(Decision::refuse_replace, session, r, kCancelBrokerOption, "journal stopped");
  }
  apply_replace(record);
  venue_rate_.pass(now);
  const Order& order = orders_.order(index);
  send_replace(order, orders_.request(order.replace));
}

std::string_view Desk::refuse_replace(const Order& order, const ClientRequest& r,
                                      int& reason) const {
  reason = kCancelBrokerOption;
  if (!r.fault.empty()) return r.fault;
  if (r.symbol != order.symbol || r.side != order.side) return "Symbol and Side cannot be replaced";
  if (r.time_in_force != order.time_in_force) return "TimeInForce cannot be replaced";
  if (!closed_.empty()) return closed_;
  if (orders_.full_for_orders()) return "no more orders today: orders_per_day_max";
  if (!caught_up_ || !outlet_.venue_ready()) return "venue not connected";
  reason = kCancelPending;
  if (order.cancel_wanted) return "a cancel is pending";
  if (order.replace != kNone) return "a replacement is pending";
  reason = kTooLate;
  if (r.quantity <= order.executed) return "OrderQty is not above what has traded";
  reason = kCancelBrokerOption;
  return {};
}

// What a cancel and a replacement have in common: the order that they are about.
std::string_view Desk::refuse_cancel(uint16_t session, const ClientRequest& r, uint32_t& order,
                                     int& reason) const {
  reason = kCancelBrokerOption;
  if (r.cl_ord_id.size() > kClOrdIdMax) return "ClOrdID is longer than 40";
  if (orders_.find(session, r.cl_ord_id) != kNone) return "ClOrdID was used today";
  reason = kCancelUnknownOrder;
  if (r.orig_cl_ord_id.size() > kClOrdIdMax) return "unknown order";
  const uint32_t orig = orders_.find(session, r.orig_cl_ord_id);
  if (orig == kNone || orders_.request(orig).order == kNone) return "unknown order";
  order = orders_.request(orig).order;
  reason = kTooLate;
  if (!orders_.order(order).open()) return "too late to cancel";
  return {};
}

void Desk::cancel(uint16_t session, const ClientRequest& r, Nanos now) {
  uint32_t index = kNone;
  int reason = 0;
  std::string_view why = refuse_cancel(session, r, index, reason);
  if (why.empty() && orders_.order(index).cancel != kNone) {
    why = "a cancel is pending";
    reason = kCancelPending;
  }
  if (!why.empty()) return refuse(Decision::refuse_cancel, session, r, reason, why);
  want_cancel(index, session, r.cl_ord_id, r.orig_cl_ord_id, now);
}

// A cancel goes on even if the journal is dead: what it would lose is who asked for it.
void Desk::want_cancel(uint32_t index, uint16_t session, std::string_view id,
                       std::string_view orig, Nanos now) {
  OrderRecord record{.decision = Decision::cancel, .side = orders_.order(index).side};
  record.session = session, record.about = index;
  record.cl_ord_id = id, record.orig_cl_ord_id = orig;
  record.symbol = symbols_.name(orders_.order(index).symbol);
  begin(outlet_.record(record, true));
  apply_cancel(record, now);
  send_cancel(index, now);
}

void Desk::cancel_all(uint16_t session, Nanos now) {
  for (uint32_t i = orders_.first_open(session); i != kNone; i = orders_.order(i).next_open)
    if (!orders_.order(i).cancel_wanted) want_cancel(i, session, {}, {}, now);
}

void Desk::refuse(Decision what, uint16_t session, const ClientRequest& r, int reason,
                  std::string_view text) {
  ++counters_.refused;
  OrderRecord record{.decision = what, .side = r.side};
  record.time_in_force = r.time_in_force, record.session = session;
  record.reason = static_cast<int16_t>(reason);
  record.quantity = r.quantity, record.price = r.price;
  record.symbol = Alpha<8>::of(r.symbol_text);
  record.cl_ord_id = echo_of(r.cl_ord_id), record.orig_cl_ord_id = echo_of(r.orig_cl_ord_id);
  record.text = text;
  begin(outlet_.record(record, true));
  apply_refusal(record);
}

uint32_t Desk::apply_enter(const OrderRecord& r) {
  const uint32_t request = orders_.add_request(RequestKind::enter, r.session, r.cl_ord_id);
  const uint32_t index = orders_.add_order(r.session);
  orders_.take_ref(r.user_ref, request);
  Request& q = orders_.request(request);
  q.order = index, q.user_ref = r.user_ref, q.quantity = r.quantity, q.price = r.price;
  Order& order = orders_.order(index);
  order.symbol = static_cast<uint16_t>(symbols_.find(r.symbol.get()));
  order.side = r.side, order.time_in_force = r.time_in_force;
  order.ref = r.user_ref, order.named = request;
  order.quantity = order.leaves = r.quantity, order.price = r.price;
  ++counters_.entered;
  return request;
}

void Desk::apply_replace(const OrderRecord& r) {
  const uint32_t request = orders_.add_request(RequestKind::replace, r.session, r.cl_ord_id);
  orders_.take_ref(r.user_ref, request);
  Request& q = orders_.request(request);
  q.order = r.about, q.user_ref = r.user_ref, q.quantity = r.quantity, q.price = r.price;
  orders_.order(r.about).replace = request;
  ++counters_.replaced;
}

// Without a ClOrdID it is our own.
void Desk::apply_cancel(const OrderRecord& r, Nanos now) {
  Order& order = orders_.order(r.about);
  if (!r.cl_ord_id.empty() && !orders_.full()) {
    order.cancel = orders_.add_request(RequestKind::cancel, r.session, r.cl_ord_id);
    orders_.request(order.cancel).order = r.about;
  }
  order.cancel_wanted = true;
  order.cancel_tries = 0;
  orders_.await_cancel(r.about, now);
  ++counters_.cancels;
}

// An order's ClOrdID is taken from now on, as long as refused ones have not used up their part of
// the day; that of a cancel that came to nothing is not. Of these the last one is known: it is the
// one that may come again if we die before its number is counted.
void Desk::apply_refusal(const OrderRecord& r) {
  const uint32_t known =
      r.cl_ord_id.size() > kClOrdIdMax ? kNone : orders_.find(r.session, r.cl_ord_id);
  const bool order = r.decision == Decision::refuse;
  if (order && known == kNone && r.cl_ord_id.size() <= kClOrdIdMax &&
      !orders_.full_for_refused()) {
    Request& q =
        orders_.request(orders_.add_request(RequestKind::enter, r.session, r.cl_ord_id));
    q.state = RequestState::refused, q.quantity = r.quantity, q.price = r.price;
  }
  if (r.cl_ord_id.size() <= kClOrdIdMax) {
    Request& last = last_refused_[r.session];
    last.id_bytes = static_cast<uint8_t>(r.cl_ord_id.size());
    std::memcpy(last.id, r.cl_ord_id.data(), r.cl_ord_id.size());
  }
  Report report;
  report.kind = order                                    ? ReportKind::refused
                : r.decision == Decision::refuse_cancel ? ReportKind::cancel_refused
                                                         : ReportKind::replace_refused;
  report.status = '8';
  if (!order && r.orig_cl_ord_id.size() <= kClOrdIdMax) {
    const uint32_t orig = orders_.find(r.session, r.orig_cl_ord_id);
    if (orig != kNone && orders_.request(orig).order != kNone) {
      report.order_id = orders_.request(orig).order + 1;
      report.status = status_of(orders_.order(orders_.request(orig).order));
    }
  }
  report.id = {cause_, part_++};
  report.session = r.session;
  report.cl_ord_id = r.cl_ord_id, report.orig_cl_ord_id = r.orig_cl_ord_id;
  report.symbol = r.symbol.get(), report.side = r.side, report.time_in_force = r.time_in_force;
  report.quantity = r.quantity, report.price = r.price;
  report.reason = r.reason, report.text = r.text;
  outlet_.report(report);
}

void Desk::apply_give_up(const OrderRecord& r) {
  Order& order = orders_.order(r.about);
  orders_.forget_cancel(r.about);
  order.cancel_wanted = false;
  end_cancel(order, kCancelBrokerOption, "no answer from the venue");
}

void Desk::poll(Nanos now) {
  while (orders_.first_cancel() != kNone && caught_up_ && outlet_.venue_ready()) {
    const uint32_t index = orders_.first_cancel();
    const Order& order = orders_.order(index);
    if (order.cancel_due > now) return;
    if (order.cancel == kNone || order.cancel_tries < config_.cancel_tries) {
      send_cancel(index, now);
      continue;
    }
    OrderRecord record{.decision = Decision::give_up_cancel, .side = order.side};
    record.session = order.session, record.about = index;
    begin(outlet_.record(record, true));
    apply_give_up(record);
  }
}

void Desk::send_enter(const Order& order, const Request& request) {
  std::byte room[sizeof(ouch::request::EnterOrder) + 16];
  auto m = ouch::make<ouch::request::EnterOrder>();
  m.user_ref = be32::of(request.user_ref);
  m.side = Char::of(ouch_side(order.side));
  m.quantity = be32::of(order.quantity);
  m.symbol = symbols_.name(order.symbol);
  m.price = be64::of(static_cast<uint64_t>(order.price));
  m.time_in_force = Char::of(order.time_in_force);
  m.display = Char::of('Y'), m.capacity = Char::of('A');
  m.sweep_eligible = Char::of('N'), m.cross = Char::of('N');
  m.cl_ord_id = ouch_id(request);
  std::memcpy(room, &m, sizeof m);
  size_t bytes = sizeof m;
  if (!config_.firm.empty()) {
    const auto firm = Alpha<4>::of(config_.firm);
    ouch::AppendageWriter more(MutableBytes(room).subspan(bytes));
    (void)more.add(ouch::Tag::firm, bytes_of_message(firm));
    bytes += more.finish();
  }
  if (!outlet_.to_venue(Bytes(room, bytes))) outlet_.alarm("an order found no room");
}

void Desk::send_replace(const Order& order, const Request& request) {
  auto m = ouch::make<ouch::request::ReplaceOrder>();
  m.original_user_ref = be32::of(order.ref);
  m.user_ref = be32::of(request.user_ref);
  m.quantity = be32::of(request.quantity);
  m.price = be64::of(static_cast<uint64_t>(request.price));
  m.time_in_force = Char::of(order.time_in_force);
  m.display = Char::of('Y'), m.sweep_eligible = Char::of('N');
  m.cl_ord_id = ouch_id(request);
  if (!outlet_.to_venue(bytes_of_message(m))) outlet_.alarm("a replacement found no room");
}

// Of the replacement, if one is on its way: the venue takes one after the other. If it refuses the
// replacement, the cancel is sent again (on_replace_rejected).
void Desk::send_cancel(uint32_t index, Nanos now) {
  Order& order = orders_.order(index);
  auto m = ouch::make<ouch::request::CancelOrder>();
  m.user_ref =
      be32::of(order.replace == kNone ? order.ref : orders_.request(order.replace).user_ref);
  m.quantity = be32::of(0);
  const bool sent = caught_up_ && outlet_.venue_ready() && outlet_.to_venue(bytes_of_message(m));
  if (sent && order.cancel_tries < UINT8_MAX) ++order.cancel_tries;
  orders_.await_cancel(index, now + (sent ? config_.cancel_timeout : kTryAgain));
}

void Desk::status(uint16_t session, const ClientRequest& r) {
  const uint32_t i =
      r.cl_ord_id.size() > kClOrdIdMax ? kNone : orders_.find(session, r.cl_ord_id);
  Report report;
  report.session = session;
  report.cl_ord_id = echo_of(r.cl_ord_id), report.symbol = echo_of(r.symbol_text);
  report.side = r.side;
  if (i != kNone && orders_.request(i).order != kNone) {
    const Order& order = orders_.order(orders_.request(i).order);
    return tell(ReportKind::status, order, named(order), {});
  }
  report.status = '8';
  report.reason = i == kNone ? kUnknownOrder : kBrokerOption;
  report.text = i == kNone ? "unknown order" : "refused";
  outlet_.report(report);
}

// What an earlier process decided. An order that risk has no room for, since it has fewer than it
// had, still lives: it is counted as far as there is room.
const char* Desk::recover(uint64_t cause, const OrderRecord& r, Nanos now) {
  begin(cause);
  if (const char* fault = misfit(r); fault != nullptr) return fault;
  switch (r.decision) {
    case Decision::enter: (void)apply_enter(r), adopt(r); break;
    case Decision::replace: apply_replace(r), adopt(r); break;
    case Decision::cancel: apply_cancel(r, now); break;
    case Decision::give_up_cancel: apply_give_up(r); break;
    case Decision::query: apply_query(r.about != 0); break;
    case Decision::refuse:
    case Decision::refuse_cancel:
    case Decision::refuse_replace: apply_refusal(r); break;
  }
  return nullptr;
}

// What the configuration has to be for this record, and what the records before it must have made.
const char* Desk::misfit(const OrderRecord& r) const {
  const bool enters = r.decision == Decision::enter, replaces = r.decision == Decision::replace;
  const bool about =
      replaces || r.decision == Decision::cancel || r.decision == Decision::give_up_cancel;
  if (r.session >= orders_.sessions()) return "it is of a session that is not configured";
  if (enters && symbols_.find(r.symbol.get()) == kNone)
    return "it is an order of a symbol that is not configured";
  if ((enters || replaces) && (orders_.full() || !orders_.has_room_for_ref(r.user_ref)))
    return "it is one order more than orders_per_day_max";
  if (about && (r.about >= orders_.order_count() || !orders_.order(r.about).open()))
    return "it is about an order that is not open";
  const bool named = (enters || replaces) && (r.cl_ord_id.size() > kClOrdIdMax ||
                                              orders_.find(r.session, r.cl_ord_id) != kNone);
  return named ? "its ClOrdID cannot be" : nullptr;
}

void Desk::adopt(const OrderRecord& r) {
  const Order& order = orders_.order(orders_.request(orders_.of_ref(r.user_ref)).order);
  risk::OrderRequest wanted{r.user_ref, r.session,  order.symbol, order.side,
                            r.quantity, r.price, true};
  if (r.decision == Decision::enter) {
    if (!risk_.adopt(wanted)) outlet_.alarm("no room for a recovered order: open_orders_max");
    return;
  }
  wanted.shares = r.quantity - order.executed;
  if (!risk_.adopt_replacement(order.ref, wanted))
    outlet_.alarm("no room for a recovered replacement: open_orders_max");
}

uint32_t Desk::index_of(const Order& order) const { return orders_.request(order.named).order; }

std::string_view Desk::named(const Order& order) const {
  return orders_.request(order.named).cl_ord_id();
}

char status_of(const Order& order) {
  switch (order.state) {
    case OrderState::pending: return 'A';
    case OrderState::live: return order.executed > 0 ? '1' : '0';
    case OrderState::filled: return '2';
    case OrderState::cancelled: return '4';
    case OrderState::expired: return 'C';
    case OrderState::rejected: return '8';
  }
  return '8';
}

void Desk::tell(ReportKind kind, const Order& order, std::string_view id, std::string_view orig,
                Report more) {
  more.kind = kind;
  if (kind != ReportKind::status) more.id = {cause_, part_++};
  more.session = order.session;
  more.order_id = index_of(order) + 1;
  more.cl_ord_id = id, more.orig_cl_ord_id = orig;
  more.symbol = symbols_.name(order.symbol).get();
  more.side = order.side, more.time_in_force = order.time_in_force;
  more.status = status_of(order);
  more.quantity = order.quantity, more.executed = order.executed;
  more.leaves = order.open() ? order.leaves : 0;
  more.price = order.price, more.traded = order.traded;
  outlet_.report(more);
}

// A change on its way that comes to nothing; `request` is the order's, and none from now on.
void Desk::end_change(ReportKind kind, const Order& order, uint32_t& request, int reason,
                      std::string_view text) {
  const uint32_t ended = std::exchange(request, kNone);
  if (ended == kNone) return;
  orders_.request(ended).state = RequestState::refused;
  tell(kind, order, orders_.request(ended).cl_ord_id(), named(order),
       {.reason = reason, .text = text});
}

void Desk::end_replace(Order& order, int reason, std::string_view text) {
  end_change(ReportKind::replace_refused, order, order.replace, reason, text);
}

void Desk::end_cancel(Order& order, int reason, std::string_view text) {
  end_change(ReportKind::cancel_refused, order, order.cancel, reason, text);
}

}  // namespace pinion::gateway
