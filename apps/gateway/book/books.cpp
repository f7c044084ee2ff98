#include "gateway/book/books.h"

#include <cstdio>
#include <iterator>

#include "base/check.h"

namespace pinion::book {

StaleText::StaleText(uint8_t stale) {
  static constexpr const char* kNames[] = {"not started", "hole",   "corrupt",
                                           "full",        "behind", "silent"};
  size_t used = 0;
  for (size_t i = 0; i < std::size(kNames); ++i) {
    if ((stale >> i & 1) == 0) continue;
    used += static_cast<size_t>(
        std::snprintf(text + used, sizeof text - used, "%s%s", used == 0 ? "" : ", ", kNames[i]));
  }
}

Books::Books(const BooksConfig& config) : by_locate_(0x10000, kUnseen), orders_(config.orders_max) {
  STACK_CHECK(config.symbols.size() < kNotOurs);
  books_.reserve(config.symbols.size());
  for (const std::string& symbol : config.symbols) books_.emplace_back(symbol, config.levels_max);
}

const Book* Books::find(std::string_view symbol) const {
  for (const Book& book : books_) {
    if (book.symbol.get() == symbol) return &book;
  }
  return nullptr;
}

// Locates are dealt afresh each day, so they are forgotten with the orders.
void Books::reset(uint8_t stale) {
  orders_.clear();
  std::ranges::fill(by_locate_, kUnseen);
  corrupt_ = false;
  for (Book& book : books_) {
    book.bids.clear();
    book.asks.clear();
    if (stale != kFresh) make_stale(book, stale);
    book.stale = static_cast<uint8_t>(stale | (book.stale & (kBehind | kSilent)));
    book.trading_state = book.reg_sho = 0;
  }
}

void Books::finish_snapshot() {
  for (Book& book : books_) book.stale &= static_cast<uint8_t>(~kNotStarted);
}

void Books::mark(Stale why, bool holds) {
  if (holds) return mark_all(why);
  for (Book& book : books_) book.stale &= static_cast<uint8_t>(~why);
}

void Books::apply(Bytes message) {
  ++counters_.messages;
  switch (itch::read(message, [this](const auto& m, Bytes) { on(m); })) {
    case Read::ok: return;
    case Read::unknown_type: ++counters_.unknown_types; return;  // of a newer revision
    case Read::empty:
    case Read::too_short:
      ++counters_.too_short;
      corrupt_ = true;
      return mark_all(kCorrupt);
  }
}

// The book of a message that names its stock. A locate is looked up by name once.
Book* Books::of_stock(uint16_t locate, const Alpha<8>& stock) {
  if (by_locate_[locate] == kUnseen) {
    const Book* book = find(stock.get());
    by_locate_[locate] = book ? static_cast<uint16_t>(book - books_.data()) : kNotOurs;
  }
  Book* book = of_locate(locate);
  if (book && book->symbol != stock) corrupt(*book);
  return book;
}

// The order that a message is about, if it has that many shares; else the book is corrupt. A book
// that is not whole does not know all its orders, so there nothing is a surprise.
Order* Books::known_order(Book& book, uint64_t reference, uint32_t shares) {
  Order* order = orders_.find(reference);
  if (order && &books_[order->book] == &book && order->shares >= shares) return order;
  if (book.whole()) corrupt(book);
  return nullptr;
}

// A book that is not whole takes no new orders: what it still has only becomes less.
void Books::add(Book& book, const Order& order) {
  if (!book.whole()) return;
  if (order.reference == 0 || order.shares == 0 || (order.side != 'B' && order.side != 'S') ||
      orders_.find(order.reference)) {
    return corrupt(book);
  }
  if (orders_.add(order)) {
    if (book.side(order.side).add(order.price, order.shares)) return;
    orders_.remove(orders_.find(order.reference));
  }
  ++counters_.full;
  make_stale(book, kFull);
}

void Books::reduce(Book& book, Order* order, uint32_t shares) {
  const bool gone = order->shares == shares;
  book.side(order->side).reduce(order->price, shares, gone);
  order->shares -= shares;
  if (gone) orders_.remove(order);
}

template <class Message>
void Books::on_add(const Message& m) {
  Book* book = of_stock(m.locate.get(), m.stock);
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  add(*book, {m.reference.get(), m.shares.get(), m.price.get(),
              static_cast<uint16_t>(book - books_.data()), m.side.get()});
}

void Books::on(const itch::OrderExecuted& m) {
  Book* book = of_locate(m.locate.get());
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  Order* order = known_order(*book, m.reference.get(), m.shares.get());
  if (!order) return;
  print(*book, order->price, m.shares.get(), m.match.get());
  reduce(*book, order, m.shares.get());
}

// Executed at another price than the order's. What is not printable appears again in a cross.
void Books::on(const itch::OrderExecutedPrice& m) {
  Book* book = of_locate(m.locate.get());
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  Order* order = known_order(*book, m.reference.get(), m.shares.get());
  if (!order) return;
  if (m.printable.get() == 'Y') print(*book, m.price.get(), m.shares.get(), m.match.get());
  reduce(*book, order, m.shares.get());
}

void Books::on(const itch::OrderCancel& m) {
  Book* book = of_locate(m.locate.get());
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  Order* order = known_order(*book, m.reference.get(), m.shares.get());
  if (order) reduce(*book, order, m.shares.get());
}

void Books::on(const itch::OrderDelete& m) {
  Book* book = of_locate(m.locate.get());
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  Order* order = known_order(*book, m.reference.get(), 0);
  if (order) reduce(*book, order, order->shares);
}

// Side and stock carry over; the new order stands at the back of its level.
void Books::on(const itch::OrderReplace& m) {
  Book* book = of_locate(m.locate.get());
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  Order* order = known_order(*book, m.reference.get(), 0);
  if (!order) return;
  Order next = *order;
  next.reference = m.new_reference.get();
  next.shares = m.shares.get();
  next.price = m.price.get();
  reduce(*book, order, order->shares);
  add(*book, next);
}

void Books::on(const itch::Trade& m) {
  Book* book = of_stock(m.locate.get(), m.stock);
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  print(*book, m.price.get(), m.shares.get(), m.match.get());
}

void Books::on(const itch::CrossTrade& m) {
  Book* book = of_stock(m.locate.get(), m.stock);
  if (!book) return;
  book->updated_ns = m.timestamp.get();
  if (m.shares.get() != 0) print(*book, m.price.get(), m.shares.get(), m.match.get());
}

void Books::on(const itch::StockDirectory& m) {
  if (Book* book = of_stock(m.locate.get(), m.stock)) book->round_lot = m.round_lot.get();
}

void Books::on(const itch::TradingAction& m) {
  if (Book* book = of_stock(m.locate.get(), m.stock)) book->trading_state = m.state.get();
}

void Books::on(const itch::RegSho& m) {
  if (Book* book = of_stock(m.locate.get(), m.stock)) book->reg_sho = m.action.get();
}

}  // namespace pinion::book
