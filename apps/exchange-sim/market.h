// The market of the venue simulator: price-time books of all symbols and the ITCH 5.0 stream that
// they make. Knows neither accounts nor sessions; time is an argument. This is a test tool: it may
// allocate, and a gateway's books must come out equal to its own without sharing code with them.
#pragma once
#include <deque>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/itch/itch.h"
#include "gateway/wire/message_store.h"

namespace pinion::exchange {

inline constexpr uint32_t kPriceMax = 1'999'999'900;  // $199,999.99

struct Order {
  uint64_t ref = 0;
  uint16_t symbol = 0;
  char side = 'B';  // B or S: the side of the book
  bool hidden = false;
  uint32_t shares = 0;
  uint32_t price = 0;
  uint32_t account = 0;   // 0: a background trader
  uint32_t user_ref = 0;  // of the account
  Alpha<4> attribution = Alpha<4>::of("");
};

struct Fill {
  Order maker;  // as it is after the fill
  uint32_t shares = 0;
  uint64_t match = 0;
};

struct Level {  // of what everybody can see
  uint32_t price = 0, orders = 0;
  uint64_t shares = 0;
};

class Market {
 public:
  Market(const std::vector<std::string>& symbols, MessageStore::Limits limits);

  // The ITCH stream. Once it is full nothing is added any more, and full() says so.
  const MessageStore& stream() const { return stream_; }
  bool full() const { return full_; }

  size_t symbols() const { return symbols_.size(); }
  const Alpha<8>& name(uint16_t symbol) const { return symbols_[symbol].name; }
  // -1: no such symbol.
  int find_symbol(std::string_view name) const;
  char state(uint16_t symbol) const { return symbols_[symbol].state; }

  void open(uint64_t day_ns);
  void close(uint64_t day_ns);
  void set_state(uint16_t symbol, char state, uint64_t day_ns);
  void set_reg_sho(uint16_t symbol, char action, uint64_t day_ns);

  uint64_t new_ref() { return next_ref_++; }
  const Order* find(uint64_t ref) const;
  size_t open_orders() const { return orders_.size(); }
  // Best price of a side; 0: empty. Hidden orders count.
  uint32_t best(uint16_t symbol, char side) const;
  // The best of a side, best first.
  std::vector<Level> levels(uint16_t symbol, char side, size_t most) const;
  bool crosses(const Order& order) const;
  // Trades the order against the book as far as it goes; its shares become what is left.
  std::vector<Fill> match(Order& taker, uint64_t day_ns);
  // The order takes its place at the back of its level.
  void rest(const Order& order, uint64_t day_ns);
  // Takes shares away; the order goes with its last.
  void reduce(uint64_t ref, uint32_t shares, uint64_t day_ns);
  // The old order goes and the new one, which must not cross, takes its place at the back.
  void replace(uint64_t old_ref, const Order& fresh, uint64_t day_ns);

  // What a GLIMPSE session sends: all that is known of each symbol, the visible orders in their
  // priority, and the number from which the live stream goes on.
  MessageStore snapshot(uint64_t day_ns) const;

 private:
  using Queue = std::deque<uint64_t>;
  struct Symbol {
    Alpha<8> name;
    char state = 'T';
    char reg_sho = '0';
    std::map<uint32_t, Queue> bids, asks;
    std::map<uint32_t, Queue>& side(char which) { return which == 'B' ? bids : asks; }
  };

  static uint16_t locate(uint16_t symbol) { return static_cast<uint16_t>(symbol + 1); }
  template <class Message>
  void publish(const Message& message) {
    if (!stream_.append(bytes_of_message(message))) full_ = true;
  }
  void publish_add(const Order& order, uint64_t day_ns);
  void publish_fill(const Order& maker, uint32_t shares, uint64_t match, uint64_t day_ns);
  itch::StockDirectory directory(uint16_t symbol, uint64_t day_ns) const;
  itch::TradingAction action(uint16_t symbol, uint64_t day_ns) const;
  itch::RegSho reg_sho(uint16_t symbol, uint64_t day_ns) const;
  void event(char code, uint64_t day_ns);
  void unlink(const Order& order);

  std::vector<Symbol> symbols_;
  std::unordered_map<uint64_t, Order> orders_;
  MessageStore stream_;
  bool full_ = false;
  uint64_t next_ref_ = 1, next_match_ = 1;
};

}  // namespace pinion::exchange
