// Order books of configured symbols, built from ITCH 5.0 messages in the order of their numbers.
// All memory is taken at construction. ITCH numbers a stream and not a symbol, so a hole in the
// stream makes every book stale; what cannot be true makes one. A stale book has no prices to
// trade on until a snapshot or a new start makes it good.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "gateway/book/levels.h"
#include "gateway/book/order_table.h"
#include "gateway/itch/itch.h"

namespace pinion::book {

// Why a book must not be used; several may hold.
enum Stale : uint8_t {
  kFresh = 0,
  kNotStarted = 1,  // neither the stream's first message nor a snapshot was seen
  kHole = 2,        // messages are missing
  kCorrupt = 4,     // a message that does not fit the orders we know
  kFull = 8,        // more orders or levels than there is memory for; a snapshot does not mend it
  kBehind = 16,     // messages are missing, and asked for: what is in the book is true but old
  kSilent = 32,     // nothing is heard of the venue: likewise
};

// "behind, silent"; "fresh" if nothing holds.
struct StaleText {
  explicit StaleText(uint8_t stale);
  char text[64] = "fresh";
};

struct Book {
  Book(std::string_view name, size_t levels_max)
      : symbol(Alpha<8>::of(name)), bids(true, levels_max), asks(false, levels_max) {}

  Alpha<8> symbol;
  uint8_t stale = kNotStarted;
  char trading_state = 0;  // H, P, Q, T; 0: not told yet
  char reg_sho = 0;        // 0, 1, 2; NUL: not told yet
  uint32_t round_lot = 0;
  uint32_t last_price = 0;
  uint64_t volume = 0;  // printed shares
  uint64_t last_match = 0;
  uint64_t updated_ns = 0;  // the venue's time of the last message
  Levels bids, asks;

  uint64_t times_stale = 0;  // it was fresh, and was no more

  bool fresh() const { return stale == kFresh; }
  // All its orders are in it, as of the last message.
  bool whole() const { return (stale & (kHole | kCorrupt | kFull)) == 0; }
  Levels& side(char which) { return which == 'B' ? bids : asks; }
};

struct BooksConfig {
  std::vector<std::string> symbols;
  size_t orders_max = 1 << 20;  // of all symbols together
  size_t levels_max = 4096;     // of a side
};

struct BooksCounters {
  uint64_t messages = 0;
  uint64_t unknown_types = 0;
  uint64_t too_short = 0;
  uint64_t corrupt = 0;
  uint64_t full = 0;
  uint64_t times_stale = 0;  // of all books
};

class Books {
 public:
  explicit Books(const BooksConfig& config);

  size_t size() const { return books_.size(); }
  const Book& at(size_t i) const { return books_[i]; }
  const Book* find(std::string_view symbol) const;
  size_t open_orders() const { return orders_.size(); }
  char market_state() const { return market_state_; }  // the last system event
  const BooksCounters& counters() const { return counters_; }

  // The stream's first message comes next: empty books are true books.
  void start() { reset(kFresh); }
  // A snapshot comes next; the books are good when finish_snapshot says so.
  void begin_snapshot() { reset(kNotStarted); }
  void finish_snapshot();
  // Messages of the stream are missing for good.
  void mark_hole() { mark_all(kHole); }
  // kBehind or kSilent: it holds for all books, or no more.
  void mark(Stale why, bool holds);
  // A book is corrupt that a snapshot may mend.
  bool corrupt() const { return corrupt_; }

  // One ITCH message.
  void apply(Bytes message);

 private:
  static constexpr uint16_t kUnseen = 0xffff, kNotOurs = 0xfffe;

  void reset(uint8_t stale);
  void make_stale(Book& book, uint8_t why) {
    const bool was_fresh = book.fresh();
    book.times_stale += was_fresh;
    counters_.times_stale += was_fresh;
    book.stale |= why;
  }
  void mark_all(uint8_t why) {
    for (Book& book : books_) make_stale(book, why);
  }
  Book* of_locate(uint16_t locate) {
    const uint16_t i = by_locate_[locate];
    return i < books_.size() ? &books_[i] : nullptr;
  }
  Book* of_stock(uint16_t locate, const Alpha<8>& stock);
  void corrupt(Book& book) {
    ++counters_.corrupt;
    corrupt_ |= (book.stale & kFull) == 0;
    make_stale(book, kCorrupt);
  }
  Order* known_order(Book& book, uint64_t reference, uint32_t shares);
  void add(Book& book, const Order& order);
  void reduce(Book& book, Order* order, uint32_t shares);
  void print(Book& book, uint32_t price, uint64_t shares, uint64_t match) {
    book.last_price = price;
    book.volume += shares;
    book.last_match = match;
  }

  template <class Message>
  void on_add(const Message& m);
  void on(const itch::AddOrder& m) { on_add(m); }
  void on(const itch::AddOrderMpid& m) { on_add(m); }
  void on(const itch::OrderExecuted& m);
  void on(const itch::OrderExecutedPrice& m);
  void on(const itch::OrderCancel& m);
  void on(const itch::OrderDelete& m);
  void on(const itch::OrderReplace& m);
  void on(const itch::Trade& m);
  void on(const itch::CrossTrade& m);
  void on(const itch::StockDirectory& m);
  void on(const itch::TradingAction& m);
  void on(const itch::RegSho& m);
  void on(const itch::SystemEvent& m) { market_state_ = m.event.get(); }
  // The rest never changes a book (a Broken Trade takes no order back).
  template <class Message>
  void on(const Message&) {}

  std::vector<Book> books_;
  std::vector<uint16_t> by_locate_;
  OrderTable orders_;
  char market_state_ = 0;
  bool corrupt_ = false;
  BooksCounters counters_;
};

}  // namespace pinion::book
