// The venue's side of the desk: OUCH 5.0 answers.
#include <algorithm>

#include "base/check.h"
#include "gateway/orders/desk.h"

namespace pinion::gateway {

using namespace ouch;

constexpr uint32_t kRefMax = UINT32_MAX / 2;  // of a day: far above, and far from its end

const char* text_of_reject(uint16_t reason) {
  switch (static_cast<Reject>(reason)) {
    case Reject::quote_unavailable: return "venue: quote unavailable";
    case Reject::destination_closed: return "venue: destination closed";
    case Reject::display: return "venue: display";
    case Reject::fat_finger: return "venue: fat finger";
    case Reject::halted: return "venue: halted";
    case Reject::side: return "venue: side";
    case Reject::processing_error: return "venue: processing error";
    case Reject::firm: return "venue: firm";
    case Reject::cancel_not_allowed: return "venue: cancel not allowed";
    case Reject::crossed_market: return "venue: crossed market";
    case Reject::quantity: return "venue: quantity";
    case Reject::replace_not_allowed: return "venue: replace not allowed";
    case Reject::symbol: return "venue: symbol";
    case Reject::price: return "venue: price";
    case Reject::shares_over_threshold: return "venue: shares over threshold";
    case Reject::notional_over_limit: return "venue: notional over limit";
  }
  return "venue: rejected";
}

void Desk::on_answer(uint64_t cause, Bytes answer, Nanos now) {
  begin(cause);
  ++counters_.answers;
  const Read what = answer::read(answer, [&](const auto& m, Bytes) { on(m, now); });
  if (what == Read::too_short) unknown("an answer of the venue is shorter than its layout");
  if (what == Read::unknown_type || what == Read::empty) ++counters_.answers_ignored;
}

void Desk::unknown(const char* what) {
  ++counters_.answers_unknown;
  outlet_.alarm(what);
}

// Null, and the alarm, if we never sent that number. The number must be the one that the order has
// now: the venue's stream is in order, so no other one can still be spoken of.
template <class Answer>
Order* Desk::order_of(const Answer& m) {
  const uint32_t request = orders_.of_ref(m.user_ref.get());
  if (request != kNone) {
    Order& order = orders_.order(orders_.request(request).order);
    if (order.ref == m.user_ref.get()) return &order;
  }
  unknown("the venue speaks of an order that is not ours");
  return nullptr;
}

void Desk::on(const answer::Accepted& m, Nanos) {
  Order* order = order_of(m);
  if (order == nullptr) return;
  if (order->state != OrderState::pending) return unknown("the venue accepts an order again");
  const uint32_t shares = m.quantity.get();
  if (shares == 0 || shares > order->leaves)
    return unknown("the venue accepts other shares than were asked for");
  (void)risk_.cancelled(order->ref, order->leaves - shares);
  order->quantity = order->leaves = shares;
  order->price = static_cast<risk::Price>(std::min<uint64_t>(m.price.get(), risk::kPriceMax));
  order->state = OrderState::live;
  orders_.request(order->named).state = RequestState::done;
  ++counters_.accepted;
  tell(ReportKind::accepted, *order, named(*order), {});
  if (m.state.get() == 'D') take_away(*order, order->leaves, 'Z');
}

void Desk::on(const answer::Replaced& m, Nanos) {
  const uint32_t index = orders_.of_ref(m.user_ref.get());
  Order* order = index == kNone ? nullptr : &orders_.order(orders_.request(index).order);
  if (order == nullptr || order->replace != index || order->ref != m.original_user_ref.get())
    return unknown("the venue replaces an order by one that was not asked for");
  const uint32_t leaves = m.quantity.get(), asked = orders_.request(index).quantity;
  if (leaves > asked - std::min(asked, order->executed))
    return unknown("the venue replaces by more shares than were asked for");
  const std::string_view before = named(*order);
  order->price = static_cast<risk::Price>(std::min<uint64_t>(m.price.get(), risk::kPriceMax));
  (void)risk_.replaced(order->ref, m.user_ref.get(), leaves, order->price);
  order->ref = m.user_ref.get();
  order->named = index, order->replace = kNone;
  order->state = OrderState::live;
  order->leaves = leaves, order->quantity = order->executed + leaves;
  orders_.request(index).state = RequestState::done;
  tell(ReportKind::replaced, *order, named(*order), before);
  if (m.state.get() == 'D' || leaves == 0) take_away(*order, leaves, 'Z');
}

void Desk::on(const answer::Executed& m, Nanos) {
  Order* order = order_of(m);
  if (order == nullptr) return;
  const uint32_t shares = m.quantity.get();
  const auto price = static_cast<risk::Price>(std::min<uint64_t>(m.price.get(), risk::kPriceMax));
  if (order->state != OrderState::live || shares == 0 || shares > order->leaves)
    return unknown("the venue executes more than is open");
  (void)risk_.filled(order->ref, shares, price);
  order->executed += shares;
  order->leaves -= shares;
  order->traded += shares * price;
  ++counters_.fills;
  counters_.shares += shares;
  const uint32_t index = index_of(*order);
  orders_.add_execution({m.match.get(), cause_, index, shares, price});
  const bool filled = order->leaves == 0;
  if (filled) close(*order, OrderState::filled);
  tell(ReportKind::executed, *order, named(*order), {},
       {.last_shares = shares, .last_price = price});
  if (!filled) return;
  end_replace(*order, kTooLate, "too late: filled");
  end_cancel(*order, kTooLate, "too late: filled");
}

void Desk::on(const answer::Cancelled& m, Nanos) {
  if (Order* order = order_of(m)) take_away(*order, m.quantity.get(), m.reason.get());
}

void Desk::on(const answer::AiqCancelled& m, Nanos) {
  if (Order* order = order_of(m)) take_away(*order, m.quantity.get(), m.reason.get());
}

// The venue takes shares out of an order, as was asked or of its own accord.
void Desk::take_away(Order& order, uint32_t shares, char reason) {
  if (order.state != OrderState::live || shares > order.leaves)
    return unknown("the venue cancels more than is open");
  (void)risk_.cancelled(order.ref, shares);
  order.leaves -= shares;
  if (order.leaves > 0) {
    order.quantity -= shares;
    return tell(ReportKind::restated, order, named(order), {});
  }
  ++counters_.cancelled;
  const bool expired = reason == 'T' || reason == 'E';
  const uint32_t asked = order.cancel;
  order.cancel = kNone;
  close(order, expired ? OrderState::expired : OrderState::cancelled);
  const ReportKind kind = expired ? ReportKind::expired : ReportKind::cancelled;
  if (asked == kNone) {
    tell(kind, order, named(order), {});
  } else {
    orders_.request(asked).state = RequestState::done;
    tell(kind, order, orders_.request(asked).cl_ord_id(), named(order));
  }
  end_replace(order, kTooLate, "too late: cancelled");
}

void Desk::on(const answer::Rejected& m, Nanos now) {
  const uint32_t index = orders_.of_ref(m.user_ref.get());
  if (index == kNone) return unknown("the venue rejects an order that is not ours");
  Request& request = orders_.request(index);
  if (request.state != RequestState::pending) return void(++counters_.answers_ignored);
  Order& order = orders_.order(request.order);
  ++counters_.rejected;
  (void)risk_.rejected(request.user_ref, now);
  if (request.kind == RequestKind::replace)
    return on_replace_rejected(order, m.reason.get(), now);
  request.state = RequestState::refused;
  close(order, OrderState::rejected);
  tell(ReportKind::refused, order, named(order), {},
       {.reason = kBrokerOption, .text = text_of_reject(m.reason.get())});
  end_replace(order, kTooLate, "too late: rejected");
  end_cancel(order, kTooLate, "too late: rejected");
}

void Desk::on_replace_rejected(Order& order, uint16_t why, Nanos now) {
  end_replace(order, kCancelBrokerOption, text_of_reject(why));
  if (order.cancel_wanted) send_cancel(index_of(order), now);  // it was for the replacement
}

void Desk::on(const answer::CancelReject& m, Nanos) {
  Order* order = order_of(m);
  if (order == nullptr || order->cancel == kNone) return void(++counters_.answers_ignored);
  orders_.forget_cancel(index_of(*order));
  order->cancel_wanted = false;
  end_cancel(*order, kCancelBrokerOption, "venue: cancel rejected");
}

// A trade that does not count any more; its shares do not come back to the order.
void Desk::on(const answer::Broken& m, Nanos) {
  const uint32_t request = orders_.of_ref(m.user_ref.get());
  if (request == kNone) return unknown("the venue breaks a trade that is not ours");
  const uint32_t index = orders_.request(request).order;
  Order& order = orders_.order(index);
  Execution* e = orders_.find_execution(m.match.get(), index);
  if (e == nullptr || e->shares == 0 || e->shares > order.executed)
    return unknown("the venue breaks a trade that we do not know");
  ++counters_.broken;
  risk_.broken(order.session, order.symbol, order.side, e->shares, e->price);
  order.executed -= e->shares;
  order.traded -= e->shares * e->price;
  tell(ReportKind::broken, order, named(order), {},
       {.last_shares = e->shares, .last_price = e->price, .broken = e->report});
  e->shares = 0;
}

// An Account Query is answered behind everything that the venue had to say until then, which marks
// the end of what was missed. But the answer does not say which query it is of, and one of an
// earlier connection may still be in the stream. So it is asked again until there have been more
// answers than there can be old ones: the last of these is surely of this login.
void Desk::on_venue_login() {
  caught_up_ = false;
  query(true);
}

void Desk::query(bool login) {
  OrderRecord record{.decision = Decision::query};
  record.about = login ? 1 : 0;
  (void)outlet_.record(record, true);
  apply_query(login);
  const auto m = make<request::AccountQuery>();
  if (!outlet_.to_venue(bytes_of_message(m))) outlet_.alarm("an account query found no room");
}

void Desk::apply_query(bool login) {
  if (login) responses_wanted_ = queries_unanswered_ + 1;
  ++queries_unanswered_;
}

void Desk::on(const answer::AccountResponse& m, Nanos now) {
  if (m.next_user_ref.get() > kRefMax)
    return unknown("the venue counts our orders up to where no more can follow");
  if (queries_unanswered_ > 0) --queries_unanswered_;
  orders_.skip_refs(m.next_user_ref.get());  // of whichever query: these are used, by whomever
  if (responses_wanted_ == 0) return;
  if (--responses_wanted_ > 0) {
    if (!recovering_) query(false);
    return;
  }
  caught_up(m.next_user_ref.get(), now);
  caught_up_ = true;
}

// Everything that the venue will ever say of what was sent before this login has come. A number
// that is not below `next_ref` never reached it; cancels have no numbers and are sent again.
void Desk::caught_up(uint32_t next_ref, Nanos now) {
  for (uint32_t session = 0; session < orders_.sessions(); ++session) {
    for (uint32_t i = orders_.first_open(session), next = 0; i != kNone; i = next) {
      next = orders_.order(i).next_open;
      lose_unanswered(i, next_ref);
      Order& order = orders_.order(i);
      if (!order.open() || !order.cancel_wanted) continue;
      order.cancel_tries = 0;
      orders_.await_cancel(i, now);
    }
  }
  orders_.skip_refs(next_ref);
}

void Desk::lose_unanswered(uint32_t index, uint32_t next_ref) {
  constexpr std::string_view kLost = "lost with the connection to the venue: not taken";
  Order& order = orders_.order(index);
  if (order.state == OrderState::pending && order.ref >= next_ref) {
    ++counters_.lost;
    risk_.withdrawn(order.ref);
    orders_.request(order.named).state = RequestState::refused;
    close(order, OrderState::rejected);
    tell(ReportKind::refused, order, named(order), {}, {.reason = kBrokerOption, .text = kLost});
    end_replace(order, kTooLate, kLost);
    return end_cancel(order, kTooLate, kLost);
  }
  if (order.replace == kNone || orders_.request(order.replace).user_ref < next_ref) return;
  ++counters_.lost;
  risk_.withdrawn(orders_.request(order.replace).user_ref);
  end_replace(order, kCancelBrokerOption, kLost);
}

void Desk::close(Order& order, OrderState state) { orders_.close(index_of(order), state); }

}  // namespace pinion::gateway
