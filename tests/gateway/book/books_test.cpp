// Order books from ITCH: each message's effect, what makes a book stale, and random valid streams
// against a reference that is as simple as can be.
#include "gateway/book/books.h"

#include <gtest/gtest.h>

#include <map>

#include "base/rng.h"

namespace pinion::book {
namespace {

// Messages in one line each. Locate 1 is AAPL, 2 MSFT, 3 a stock that nobody configured.
struct Tape {
  static std::string_view name(uint16_t locate) {
    return std::array<std::string_view, 4>{"", "AAPL", "MSFT", "ZZZ"}[locate];
  }
  explicit Tape(Books& to) : books(to) {}

  template <class Message>
  void apply(const Message& m) {
    books.apply(bytes_of_message(m));
  }
  void add(uint16_t locate, uint64_t reference, char side, uint32_t shares, uint32_t price) {
    auto m = itch::make<itch::AddOrder>(locate, ++time);
    m.reference = be64::of(reference), m.side = Char::of(side), m.shares = be32::of(shares);
    m.stock = Alpha<8>::of(name(locate)), m.price = be32::of(price);
    apply(m);
  }
  void add_mpid(uint16_t locate, uint64_t reference, char side, uint32_t shares, uint32_t price) {
    auto m = itch::make<itch::AddOrderMpid>(locate, ++time);
    m.reference = be64::of(reference), m.side = Char::of(side), m.shares = be32::of(shares);
    m.stock = Alpha<8>::of(name(locate)), m.price = be32::of(price);
    m.attribution = Alpha<4>::of("ABCD");
    apply(m);
  }
  void execute(uint16_t locate, uint64_t reference, uint32_t shares) {
    auto m = itch::make<itch::OrderExecuted>(locate, ++time);
    m.reference = be64::of(reference), m.shares = be32::of(shares), m.match = be64::of(++match);
    apply(m);
  }
  void execute_at(uint16_t locate, uint64_t reference, uint32_t shares, uint32_t price,
                  char printable) {
    auto m = itch::make<itch::OrderExecutedPrice>(locate, ++time);
    m.reference = be64::of(reference), m.shares = be32::of(shares), m.match = be64::of(++match);
    m.price = be32::of(price), m.printable = Char::of(printable);
    apply(m);
  }
  void cancel(uint16_t locate, uint64_t reference, uint32_t shares) {
    auto m = itch::make<itch::OrderCancel>(locate, ++time);
    m.reference = be64::of(reference), m.shares = be32::of(shares);
    apply(m);
  }
  void remove(uint16_t locate, uint64_t reference) {
    auto m = itch::make<itch::OrderDelete>(locate, ++time);
    m.reference = be64::of(reference);
    apply(m);
  }
  void replace(uint16_t locate, uint64_t old, uint64_t fresh, uint32_t shares, uint32_t price) {
    auto m = itch::make<itch::OrderReplace>(locate, ++time);
    m.reference = be64::of(old), m.new_reference = be64::of(fresh);
    m.shares = be32::of(shares), m.price = be32::of(price);
    apply(m);
  }

  Books& books;
  uint64_t time = 0, match = 0;
};

struct BooksBench {
  explicit BooksBench(BooksConfig config = {{"AAPL", "MSFT"}, 1'000, 64})
      : books(config), tape(books) {
    books.start();
  }
  const Book& aapl() const { return books.at(0); }
  Books books;
  Tape tape;
};

std::string text_of(const Levels& levels) {
  std::string out;
  for (size_t i = 0; i < levels.size(); ++i) {
    out += std::to_string(levels.at(i).shares) + "@" + std::to_string(levels.at(i).price) + "x" +
           std::to_string(levels.at(i).orders) + " ";
  }
  return out;
}

TEST(Books, LevelsBestFirst) {
  BooksBench b;
  b.tape.add(1, 1, 'B', 100, 10'000);
  b.tape.add(1, 2, 'B', 200, 10'100);
  b.tape.add_mpid(1, 3, 'B', 50, 10'000);
  b.tape.add(1, 4, 'S', 70, 10'300);
  b.tape.add(1, 5, 'S', 30, 10'200);
  b.tape.add(3, 6, 'S', 30, 10'200);
  EXPECT_EQ(text_of(b.aapl().bids), "200@10100x1 150@10000x2 ");
  EXPECT_EQ(text_of(b.aapl().asks), "30@10200x1 70@10300x1 ");
  EXPECT_EQ(b.books.open_orders(), 5u) << "orders of other stocks are not kept";
  EXPECT_TRUE(b.aapl().fresh());
}

TEST(Books, ExecutionsTakeSharesAndPrint) {
  BooksBench b;
  b.tape.add(1, 1, 'B', 100, 10'000);
  b.tape.execute(1, 1, 30);
  EXPECT_EQ(text_of(b.aapl().bids), "70@10000x1 ");
  EXPECT_EQ(b.aapl().last_price, 10'000u);
  b.tape.execute_at(1, 1, 20, 9'900, 'N');
  EXPECT_EQ(b.aapl().volume, 30u) << "not printable";
  b.tape.execute_at(1, 1, 10, 9'950, 'Y');
  EXPECT_EQ(b.aapl().volume, 40u);
  EXPECT_EQ(b.aapl().last_price, 9'950u);
  b.tape.execute(1, 1, 40);
  EXPECT_EQ(text_of(b.aapl().bids), "");
  EXPECT_EQ(b.books.open_orders(), 0u) << "gone without a delete";
  EXPECT_TRUE(b.aapl().fresh());
}

TEST(Books, CancelDeleteReplace) {
  BooksBench b;
  b.tape.add(1, 1, 'S', 100, 10'000);
  b.tape.cancel(1, 1, 40);
  EXPECT_EQ(text_of(b.aapl().asks), "60@10000x1 ");
  b.tape.replace(1, 1, 2, 80, 10'100);
  EXPECT_EQ(text_of(b.aapl().asks), "80@10100x1 ");
  b.tape.remove(1, 2);
  EXPECT_EQ(text_of(b.aapl().asks), "");
  EXPECT_TRUE(b.aapl().fresh());
}

TEST(Books, TradesCrossesAndStates) {
  BooksBench b;
  auto trade = itch::make<itch::Trade>(1, 1);
  trade.stock = Alpha<8>::of("AAPL"), trade.shares = be32::of(10), trade.price = be32::of(99);
  b.tape.apply(trade);
  auto cross = itch::make<itch::CrossTrade>(1, 1);
  cross.stock = Alpha<8>::of("AAPL"), cross.shares = be64::of(5'000'000'000),
  cross.price = be32::of(98);
  b.tape.apply(cross);
  EXPECT_EQ(b.aapl().volume, 5'000'000'010u);
  EXPECT_EQ(b.aapl().last_price, 98u);
  auto state = itch::make<itch::TradingAction>(1, 1);
  state.stock = Alpha<8>::of("AAPL"), state.state = Char::of('H');
  b.tape.apply(state);
  auto sho = itch::make<itch::RegSho>(1, 1);
  sho.stock = Alpha<8>::of("AAPL"), sho.action = Char::of('1');
  b.tape.apply(sho);
  auto directory = itch::make<itch::StockDirectory>(1, 1);
  directory.stock = Alpha<8>::of("AAPL"), directory.round_lot = be32::of(100);
  b.tape.apply(directory);
  auto event = itch::make<itch::SystemEvent>(0, 1);
  event.event = Char::of('Q');
  b.tape.apply(event);
  EXPECT_EQ(b.aapl().trading_state, 'H');
  EXPECT_EQ(b.aapl().reg_sho, '1');
  EXPECT_EQ(b.aapl().round_lot, 100u);
  EXPECT_EQ(b.books.market_state(), 'Q');
  EXPECT_EQ(b.books.at(1).trading_state, '\0');
}

TEST(Books, StaleBeforeTheStartAndAfterAHole) {
  Books books({{"AAPL", "MSFT"}, 100, 10});
  EXPECT_EQ(books.at(0).stale, kNotStarted);
  books.start();
  EXPECT_TRUE(books.at(0).fresh());
  Tape tape(books);
  tape.add(1, 1, 'B', 100, 10'000);
  books.mark_hole();
  EXPECT_EQ(books.at(0).stale, kHole);
  EXPECT_EQ(books.at(1).stale, kHole) << "ITCH numbers the stream, not the symbol";
  tape.add(1, 2, 'B', 100, 10'000);
  tape.remove(1, 99);
  EXPECT_EQ(books.at(0).stale, kHole) << "nothing is a surprise any more";
  EXPECT_EQ(books.open_orders(), 1u);
  books.begin_snapshot();
  tape.add(1, 5, 'S', 10, 10'100);
  EXPECT_FALSE(books.at(0).fresh());
  books.finish_snapshot();
  EXPECT_TRUE(books.at(0).fresh());
  EXPECT_EQ(text_of(books.at(0).asks), "10@10100x1 ");
  EXPECT_EQ(text_of(books.at(0).bids), "");
}

TEST(Books, WhatCannotBeTrueMakesItsBookCorrupt) {
  const auto after = [](auto&& impossible) {
    BooksBench b;
    b.tape.add(1, 1, 'B', 100, 10'000);
    b.tape.add(2, 2, 'B', 100, 10'000);
    impossible(b.tape);
    EXPECT_TRUE(b.books.at(1).fresh()) << "only its own book";
    return b.aapl().stale;
  };
  EXPECT_EQ(after([](Tape& t) { t.remove(1, 9); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.execute(1, 9, 1); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.cancel(1, 1, 101); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.execute(1, 1, 101); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.replace(1, 9, 10, 1, 1); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.remove(1, 2); }), kCorrupt) << "MSFT's order by AAPL's locate";
  EXPECT_EQ(after([](Tape& t) { t.add(1, 1, 'B', 5, 10'000); }), kCorrupt) << "twice";
  EXPECT_EQ(after([](Tape& t) { t.add(1, 3, 'X', 5, 10'000); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.add(1, 3, 'B', 0, 10'000); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.add(1, 0, 'B', 1, 10'000); }), kCorrupt);
  EXPECT_EQ(after([](Tape& t) { t.remove(3, 9); }), kFresh) << "of a stock that is not ours";
}

TEST(Books, ATruncatedMessageMakesAllStaleAnUnknownOneNone) {
  BooksBench b;
  b.books.apply(bytes_of_text("?unknown"));
  EXPECT_TRUE(b.aapl().fresh());
  b.books.apply(bytes_of_text("A"));
  EXPECT_EQ(b.aapl().stale, kCorrupt);
  EXPECT_EQ(b.books.at(1).stale, kCorrupt);
}

TEST(Books, FullIsStaleAndNoOverflow) {
  BooksBench orders({{"AAPL", "MSFT"}, 4, 64});
  for (uint64_t i = 1; i <= 5; ++i) orders.tape.add(1, i, 'B', 1, 10'000);
  EXPECT_EQ(orders.aapl().stale, kFull);
  EXPECT_EQ(text_of(orders.aapl().bids), "4@10000x4 ");
  BooksBench levels({{"AAPL", "MSFT"}, 100, 4});
  for (uint32_t i = 1; i <= 5; ++i) levels.tape.add(1, i, 'B', 1, 10'000 + i);
  EXPECT_EQ(levels.aapl().stale, kFull);
  EXPECT_EQ(levels.books.open_orders(), 4u);
}

// The reference: all orders in a map; the levels are counted afresh each time.
struct ReferenceOrder {
  uint16_t locate;
  char side;
  uint32_t shares, price;
};
class ReferenceBooks {
 public:
  std::map<uint64_t, ReferenceOrder> orders;

  std::string text(uint16_t locate, char side) const {
    std::map<uint32_t, Level> levels;
    for (const auto& [reference, order] : orders) {
      if (order.locate != locate || order.side != side) continue;
      Level& level = levels[order.price];
      level.price = order.price, level.shares += order.shares, ++level.orders;
    }
    std::string out;
    const auto put = [&](const Level& l) {
      out += std::to_string(l.shares) + "@" + std::to_string(l.price) + "x" +
             std::to_string(l.orders) + " ";
    };
    if (side == 'S')
      for (auto i = levels.begin(); i != levels.end(); ++i) put(i->second);
    else
      for (auto i = levels.rbegin(); i != levels.rend(); ++i) put(i->second);
    return out;
  }
};

struct RandomTape {
  explicit RandomTape(uint64_t seed) : rng(seed) {}

  // One valid message to both.
  void step(Tape& tape) {
    if (reference.orders.size() < 20 || rng.chance(0.4)) return add(tape);
    auto it = reference.orders.lower_bound(1 + rng.below(static_cast<uint32_t>(next)));
    if (it == reference.orders.end()) it = reference.orders.begin();
    ReferenceOrder& order = it->second;
    const uint32_t part = 1 + rng.below(order.shares);
    switch (rng.below(5)) {
      case 0: tape.execute(order.locate, it->first, part); return take(it, part);
      case 1: tape.execute_at(order.locate, it->first, part, 1, 'Y'); return take(it, part);
      case 2:
        if (part == order.shares) return;
        tape.cancel(order.locate, it->first, part);
        return take(it, part);
      case 3: tape.remove(order.locate, it->first); return take(it, order.shares);
      default: replace(tape, it);
    }
  }

  Rng rng;
  ReferenceBooks reference;
  uint64_t next = 1;

 private:
  using Iterator = std::map<uint64_t, ReferenceOrder>::iterator;
  uint32_t price() { return 10'000 + rng.below(25) * 100; }
  void add(Tape& tape) {
    const ReferenceOrder order{static_cast<uint16_t>(1 + rng.below(3)), rng.chance(0.5) ? 'B' : 'S',
                               1 + rng.below(500), price()};
    if (rng.chance(0.5)) tape.add(order.locate, next, order.side, order.shares, order.price);
    else tape.add_mpid(order.locate, next, order.side, order.shares, order.price);
    reference.orders[next] = order;
    next += 1 + rng.below(3);
  }
  void take(Iterator it, uint32_t shares) {
    it->second.shares -= shares;
    if (it->second.shares == 0) reference.orders.erase(it);
  }
  void replace(Tape& tape, Iterator it) {
    ReferenceOrder order = it->second;
    order.shares = 1 + rng.below(500), order.price = price();
    tape.replace(order.locate, it->first, next, order.shares, order.price);
    reference.orders.erase(it);
    reference.orders[next++] = order;
  }
};

// Doubt about the moment, not about the orders: messages still count, and it goes again.
TEST(Books, BehindOrSilentTheyAreStaleAndGoOn) {
  BooksBench b;
  b.tape.add(1, 1, 'B', 100, 10'000);
  EXPECT_EQ(b.aapl().times_stale, 0u);
  b.books.mark(kSilent, true);
  b.books.mark(kBehind, true);
  EXPECT_EQ(b.aapl().stale, kSilent | kBehind);
  b.tape.add(1, 2, 'B', 50, 10'000);
  b.tape.execute(1, 1, 30);
  b.books.mark(kBehind, false);
  EXPECT_EQ(b.aapl().stale, kSilent);
  b.books.begin_snapshot();
  EXPECT_EQ(b.aapl().stale, kSilent | kNotStarted) << "a snapshot does not make the lines speak";
  b.books.start();
  b.books.mark(kSilent, false);
  EXPECT_TRUE(b.aapl().fresh());
  EXPECT_EQ(b.aapl().times_stale, 1u) << "from fresh to stale once, for however many reasons";
  b.tape.add(1, 3, 'B', 100, 10'000);
  b.tape.remove(1, 9);
  EXPECT_EQ(b.aapl().times_stale, 2u);
  EXPECT_EQ(b.books.counters().times_stale, 3u) << "two books were silent, one is corrupt";
}

TEST(Books, OrdersGoOnWhileTheyAreSilent) {
  BooksBench b;
  b.books.mark(kSilent, true);
  b.tape.add(1, 1, 'B', 100, 10'000);
  b.tape.execute(1, 1, 30);
  EXPECT_EQ(text_of(b.aapl().bids), "70@10000x1 ");
  b.tape.remove(1, 9);
  EXPECT_EQ(b.aapl().stale, kSilent | kCorrupt) << "and are watched";
  EXPECT_TRUE(b.books.corrupt());
}

TEST(Books, RandomStreamsAgreeWithTheReference) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    BooksBench b({{"AAPL", "MSFT"}, 4'000, 64});
    RandomTape random(seed);
    for (int i = 0; i < 6'000; ++i) {
      random.step(b.tape);
      if (i % 16) continue;
      for (uint16_t locate = 1; locate <= 2; ++locate) {
        const Book& book = b.books.at(locate - 1u);
        ASSERT_TRUE(book.fresh()) << "seed " << seed << " step " << i;
        ASSERT_EQ(text_of(book.bids), random.reference.text(locate, 'B')) << seed << " " << i;
        ASSERT_EQ(text_of(book.asks), random.reference.text(locate, 'S')) << seed << " " << i;
      }
    }
    EXPECT_GT(b.books.open_orders(), 100u);
  }
}

TEST(OrderTable, RandomAddsAndRemovesKeepEveryOrderFindable) {
  OrderTable table(64);
  std::map<uint64_t, uint32_t> reference;
  Rng rng(7);
  for (int i = 0; i < 50'000; ++i) {
    const uint64_t key = 1 + rng.below(200);
    Order* found = table.find(key);
    ASSERT_EQ(found != nullptr, reference.contains(key));
    if (found) {
      ASSERT_EQ(found->shares, reference[key]);
      table.remove(found);
      reference.erase(key);
    } else if (table.add({key, static_cast<uint32_t>(i + 1)})) {
      reference[key] = static_cast<uint32_t>(i + 1);
    } else {
      ASSERT_EQ(reference.size(), 64u);
    }
  }
}

}  // namespace
}  // namespace pinion::book
