#include "gateway/orders/orders.h"

#include <algorithm>

#include "base/check.h"

namespace pinion::gateway {

namespace {

constexpr size_t kExecutionsPerRequest = 2;

}  // namespace

// Reserved, and touched: the first order of the day must not meet a page that is not there.
Orders::Orders(uint32_t requests_max, uint32_t sessions, uint64_t key)
    : requests_max_(requests_max),
      key_(key),
      by_id_(std::bit_ceil(size_t{requests_max} * 2), kNone),
      by_ref_(requests_max, kNone),
      by_match_(std::bit_ceil(size_t{requests_max} * kExecutionsPerRequest * 2), kNone),
      first_open_(sessions, kNone),
      open_count_(sessions) {
  requests_.resize(requests_max);
  requests_.clear();
  orders_.resize(requests_max);
  orders_.clear();
  executions_.resize(size_t{requests_max} * kExecutionsPerRequest);
  executions_.clear();
}

size_t Orders::slot_of(uint16_t session, std::string_view id) const {
  uint64_t hash = key_ ^ session;
  for (size_t at = 0; at < id.size(); at += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, id.data() + at, std::min(sizeof word, id.size() - at));
    hash = mix64(hash ^ word) + key_;
  }
  const size_t mask = by_id_.size() - 1;
  size_t i = hash & mask;
  while (by_id_[i] != kNone) {
    const Request& r = requests_[by_id_[i]];
    if (r.session == session && r.cl_ord_id() == id) break;
    i = (i + 1) & mask;
  }
  return i;
}

uint32_t Orders::find(uint16_t session, std::string_view cl_ord_id) const {
  return by_id_[slot_of(session, cl_ord_id)];
}

uint32_t Orders::add_request(RequestKind kind, uint16_t session, std::string_view cl_ord_id) {
  const size_t slot = slot_of(session, cl_ord_id);
  STACK_CHECK(!full() && by_id_[slot] == kNone && cl_ord_id.size() <= kClOrdIdMax);
  const auto index = static_cast<uint32_t>(requests_.size());
  Request& r = requests_.emplace_back();
  r.kind = kind;
  r.session = session;
  r.id_bytes = static_cast<uint8_t>(cl_ord_id.size());
  std::memcpy(r.id, cl_ord_id.data(), cl_ord_id.size());
  by_id_[slot] = index;
  return index;
}

uint32_t Orders::add_order(uint16_t session) {
  const auto index = static_cast<uint32_t>(orders_.size());
  Order& order = orders_.emplace_back();
  order.session = session;
  order.next_open = first_open_[session];
  if (order.next_open != kNone) orders_[order.next_open].previous_open = index;
  first_open_[session] = index;
  ++open_count_[session];
  ++open_all_;
  return index;
}

void Orders::close(uint32_t index, OrderState state) {
  Order& order = orders_[index];
  STACK_CHECK(order.open());
  forget_cancel(index);
  order.state = state;
  order.cancel_wanted = false;
  if (order.previous_open != kNone) orders_[order.previous_open].next_open = order.next_open;
  else first_open_[order.session] = order.next_open;
  if (order.next_open != kNone) orders_[order.next_open].previous_open = order.previous_open;
  --open_count_[order.session];
  --open_all_;
}

void Orders::take_ref(uint32_t ref, uint32_t request) {
  skip_refs(ref);
  STACK_CHECK(ref == next_ref_ && ref - first_ref_ < by_ref_.size());
  by_ref_[ref - first_ref_] = request;
  next_ref_ = ref + 1;
}

void Orders::skip_refs(uint32_t next) {
  if (next <= next_ref_) return;
  if (next_ref_ == first_ref_) first_ref_ = next;  // nothing of ours yet
  next_ref_ = next;
}

uint32_t Orders::of_ref(uint32_t ref) const {
  const uint32_t i = ref - first_ref_;
  return ref >= first_ref_ && i < by_ref_.size() ? by_ref_[i] : kNone;
}

void Orders::await_cancel(uint32_t index, Nanos due) {
  forget_cancel(index);
  Order& order = orders_[index];
  order.cancel_due = due;
  // Nearly always behind the last: what waits longer was asked for earlier.
  uint32_t after = last_cancel_;
  while (after != kNone && orders_[after].cancel_due > due) after = orders_[after].previous_cancel;
  order.previous_cancel = after;
  order.next_cancel = after == kNone ? first_cancel_ : orders_[after].next_cancel;
  (after == kNone ? first_cancel_ : orders_[after].next_cancel) = index;
  (order.next_cancel == kNone ? last_cancel_ : orders_[order.next_cancel].previous_cancel) = index;
}

void Orders::forget_cancel(uint32_t index) {
  Order& order = orders_[index];
  if (first_cancel_ != index && order.previous_cancel == kNone) return;  // it does not wait
  (order.previous_cancel == kNone ? first_cancel_ : orders_[order.previous_cancel].next_cancel) =
      order.next_cancel;
  (order.next_cancel == kNone ? last_cancel_ : orders_[order.next_cancel].previous_cancel) =
      order.previous_cancel;
  order.next_cancel = order.previous_cancel = kNone;
}

size_t Orders::slot_of(uint64_t match, uint32_t order) const {
  const size_t mask = by_match_.size() - 1;
  size_t i = mix64(mix64(match ^ key_) + order) & mask;
  while (by_match_[i] != kNone) {
    const Execution& e = executions_[by_match_[i]];
    if (e.match == match && e.order == order) break;
    i = (i + 1) & mask;
  }
  return i;
}

// When there is no room any more, it could not be broken: the caller is told by find_execution.
void Orders::add_execution(const Execution& execution) {
  const size_t slot = slot_of(execution.match, execution.order);
  if (executions_.size() == executions_.capacity()) return;
  by_match_[slot] = static_cast<uint32_t>(executions_.size());
  executions_.push_back(execution);
}

Execution* Orders::find_execution(uint64_t match, uint32_t order) {
  const uint32_t i = by_match_[slot_of(match, order)];
  return i == kNone ? nullptr : &executions_[i];
}

}  // namespace pinion::gateway
