// What is known of the day's orders, and of everything that was asked of them. A request is what a
// client sent under one ClOrdID: an order, a replacement, a cancel. An order is what the venue
// works: it lives through its replacements, each of which has a UserRefNum of its own. Nothing is
// forgotten before the day ends, since a ClOrdID may come again, and all memory is there from the
// start.
//
//   requests:  "A1" enter --+        "A2" replace --+        "A3" cancel --+
//                           v                       v                      v
//   order 7:        ref 12, then ref 13 when the venue has replaced it, leaves, executed, ...
#pragma once
#include <string_view>
#include <vector>

#include "gateway/orders/symbols.h"
#include "gateway/risk/order_table.h"

namespace pinion::gateway {

inline constexpr size_t kClOrdIdMax = 40;  // bytes; a longer one is refused

enum class RequestKind : uint8_t { enter, replace, cancel };
enum class RequestState : uint8_t { pending, done, refused };

struct Request {
  RequestKind kind = RequestKind::enter;
  RequestState state = RequestState::pending;
  uint16_t session = 0;
  uint32_t order = kNone;   // none: refused before it was one
  uint32_t user_ref = 0;    // of an order or a replacement
  uint32_t quantity = 0;    // that the client asked for; of the whole chain
  risk::Price price = 0;
  uint8_t id_bytes = 0;
  char id[kClOrdIdMax] = {};

  std::string_view cl_ord_id() const { return {id, id_bytes}; }
};

enum class OrderState : uint8_t { pending, live, filled, cancelled, expired, rejected };

struct Order {
  uint16_t session = 0, symbol = 0;
  risk::Side side = risk::Side::buy;
  char time_in_force = '0';
  OrderState state = OrderState::pending;
  uint8_t cancel_tries = 0;
  bool cancel_wanted = false;  // by its client, or by us (then `cancel` is none)
  uint32_t ref = 0;            // by which the venue knows it
  // Requests: that it is named by, and those on their way.
  uint32_t named = kNone, replace = kNone, cancel = kNone;
  uint32_t quantity = 0, executed = 0, leaves = 0;  // shares
  risk::Price price = 0;
  risk::Amount traded = 0;
  uint32_t next_open = kNone, previous_open = kNone;      // of its session
  uint32_t next_cancel = kNone, previous_cancel = kNone;  // in the order of cancel_due
  Nanos cancel_due = 0;

  bool open() const { return state == OrderState::pending || state == OrderState::live; }
};

// An execution, for the case that it is broken later. Two of our orders may have traded with each
// other: then they share the match number.
struct Execution {
  uint64_t match = 0, report = 0;  // of the venue; the number of our report of it
  uint32_t order = kNone, shares = 0;
  risk::Price price = 0;
};

class Orders {
 public:
  // key: chance, so that no client can choose ClOrdIDs that collide.
  Orders(uint32_t requests_max, uint32_t sessions, uint64_t key);
  Orders(const Orders&) = delete;
  Orders& operator=(const Orders&) = delete;

  // No more requests; and no more orders: each that is open has room for its cancel.
  bool full() const { return requests_.size() == requests_max_; }
  bool full_for_orders() const {
    return requests_.size() + open_all_ + 1 >= requests_max_ ||
           next_ref_ - first_ref_ >= by_ref_.size();
  }
  // Refused orders may take half of the day: whoever sends nonsense leaves the rest to the others.
  bool full_for_refused() const { return requests_.size() >= requests_max_ / 2; }
  uint32_t request_count() const { return static_cast<uint32_t>(requests_.size()); }
  uint32_t order_count() const { return static_cast<uint32_t>(orders_.size()); }
  Request& request(uint32_t i) { return requests_[i]; }
  const Request& request(uint32_t i) const { return requests_[i]; }
  Order& order(uint32_t i) { return orders_[i]; }
  const Order& order(uint32_t i) const { return orders_[i]; }
  uint32_t sessions() const { return static_cast<uint32_t>(first_open_.size()); }
  uint32_t open_orders(uint32_t session) const { return open_count_[session]; }
  uint32_t first_open(uint32_t session) const { return first_open_[session]; }

  // kNone: this session has not used that ClOrdID.
  uint32_t find(uint16_t session, std::string_view cl_ord_id) const;
  // Not full, and the ClOrdID is new and not too long.
  uint32_t add_request(RequestKind kind, uint16_t session, std::string_view cl_ord_id);
  // Open from now on.
  uint32_t add_order(uint16_t session);
  void close(uint32_t order, OrderState state);

  // Numbers for the venue, one above the other for the day.
  uint32_t next_ref() const { return next_ref_; }
  bool has_room_for_ref(uint32_t ref) const {
    return ref >= next_ref_ && (next_ref_ == first_ref_ || ref - first_ref_ < by_ref_.size());
  }
  void take_ref(uint32_t ref, uint32_t request);
  // The venue has seen numbers up to this one, whoever sent them.
  void skip_refs(uint32_t next);
  // The request that this number was given to; kNone: none of ours.
  uint32_t of_ref(uint32_t ref) const;

  // Orders whose cancel has no answer yet, the one that is due first in front.
  uint32_t first_cancel() const { return first_cancel_; }
  void await_cancel(uint32_t order, Nanos due);
  void forget_cancel(uint32_t order);

  void add_execution(const Execution& execution);
  // Null: not known. One that is broken has no shares any more.
  Execution* find_execution(uint64_t match, uint32_t order);

 private:
  size_t slot_of(uint16_t session, std::string_view cl_ord_id) const;
  size_t slot_of(uint64_t match, uint32_t order) const;

  uint32_t requests_max_;
  uint64_t key_;
  std::vector<Request> requests_;
  std::vector<Order> orders_;
  std::vector<uint32_t> by_id_;   // open addressing, at most half full
  std::vector<uint32_t> by_ref_;  // from first_ref_ on
  uint32_t first_ref_ = 1, next_ref_ = 1;
  std::vector<Execution> executions_;
  std::vector<uint32_t> by_match_;
  std::vector<uint32_t> first_open_, open_count_;  // of each session
  uint32_t open_all_ = 0;
  uint32_t first_cancel_ = kNone, last_cancel_ = kNone;
};

}  // namespace pinion::gateway
