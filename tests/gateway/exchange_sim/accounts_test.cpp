// The venue's accounts and books without sockets: each request and all its answers, in one line
// each; and that the ITCH stream makes the gateway's books equal to the venue's own.
#include "exchange-sim/accounts.h"

#include <gtest/gtest.h>

#include "exchange-sim/latency.h"
#include "exchange-sim/traders.h"
#include "gateway/book/feed.h"

namespace pinion::exchange {
namespace {

using namespace ouch;

struct Desk {
  Desk() { market.open(1); }

  // ---- requests, with what does not matter filled in
  void enter(size_t account, uint32_t ref, char side, uint32_t quantity, uint64_t price,
             char tif = '0', char display = 'Y', Bytes appendage = {},
             std::string_view symbol = "AAPL") {
    auto m = make<request::EnterOrder>();
    m.user_ref = be32::of(ref), m.side = Char::of(side), m.quantity = be32::of(quantity);
    m.symbol = Alpha<8>::of(symbol), m.price = be64::of(price);
    m.time_in_force = Char::of(tif), m.display = Char::of(display), m.capacity = Char::of('A');
    m.sweep_eligible = Char::of('N'), m.cross = Char::of('N');
    m.cl_ord_id = Alpha<14>::of("ID" + std::to_string(ref));
    send(account, m, appendage);
  }
  void replace(size_t account, uint32_t original, uint32_t ref, uint32_t quantity, uint64_t price) {
    auto m = make<request::ReplaceOrder>();
    m.original_user_ref = be32::of(original), m.user_ref = be32::of(ref);
    m.quantity = be32::of(quantity), m.price = be64::of(price);
    m.time_in_force = Char::of('0'), m.display = Char::of('Y'), m.sweep_eligible = Char::of('N');
    m.cl_ord_id = Alpha<14>::of("ID" + std::to_string(ref));
    send(account, m);
  }
  void cancel(size_t account, uint32_t ref, uint32_t quantity) {
    auto m = make<request::CancelOrder>();
    m.user_ref = be32::of(ref), m.quantity = be32::of(quantity);
    send(account, m);
  }
  template <class Message>
  void send(size_t account, const Message& m, Bytes appendage = {}) {
    std::vector<std::byte> wire(sizeof m + appendage.size());
    std::memcpy(wire.data(), &m, sizeof m);
    std::ranges::copy(appendage, wire.begin() + sizeof m);
    accounts.request(account, wire, ++now);
  }

  // ---- the answers since the last look: "A1 100@99 E1 50@99R ..."
  std::string answers(size_t account) {
    std::string out;
    const MessageStore& store = accounts.answers(account);
    for (; seen[account] < store.next(); ++seen[account]) {
      EXPECT_EQ(answer::read(store.get(seen[account]), [&](const auto& m, Bytes) { tell(m, out); }),
                Read::ok);
    }
    return out;
  }
  static std::string num(uint64_t v) { return std::to_string(v); }
  static void tell(const answer::Accepted& m, std::string& out) {
    out +=
        "A" + num(m.user_ref.get()) + " " + num(m.quantity.get()) + "@" + num(m.price.get()) + " ";
  }
  static void tell(const answer::Replaced& m, std::string& out) {
    out += "U" + num(m.original_user_ref.get()) + ">" + num(m.user_ref.get()) + " " +
           num(m.quantity.get()) + "@" + num(m.price.get()) + " ";
  }
  static void tell(const answer::Executed& m, std::string& out) {
    out += "E" + num(m.user_ref.get()) + " " + num(m.quantity.get()) + "@" + num(m.price.get()) +
           m.liquidity.get() + " ";
  }
  static void tell(const answer::Cancelled& m, std::string& out) {
    out += "C" + num(m.user_ref.get()) + " " + num(m.quantity.get()) + m.reason.get() + " ";
  }
  static void tell(const answer::Rejected& m, std::string& out) {
    out += "J" + num(m.user_ref.get()) + " " + num(m.reason.get()) + " ";
  }
  static void tell(const answer::Modified& m, std::string& out) {
    out += "M" + num(m.user_ref.get()) + " " + m.side.get() + num(m.quantity.get()) + " ";
  }
  static void tell(const answer::MassCancelResponse& m, std::string& out) {
    out += "X" + num(m.user_ref.get()) + " ";
  }
  static void tell(const answer::AccountResponse& m, std::string& out) {
    out += "Q" + num(m.next_user_ref.get()) + " ";
  }
  static void tell(const answer::DisableResponse& m, std::string& out) {
    out += "G" + num(m.user_ref.get()) + " ";
  }
  static void tell(const answer::EnableResponse& m, std::string& out) {
    out += "K" + num(m.user_ref.get()) + " ";
  }
  template <class Message>
  static void tell(const Message&, std::string& out) {
    out += std::string("?") + Message::kType;
  }

  Market market{{"AAPL", "MSFT"}, {100'000, 10'000'000}};
  Accounts accounts{market, {{"ONE", "PASS"}, {"TWO", "PASS"}}, {10'000, 1'000'000}};
  uint64_t now = 1'000;
  uint64_t seen[2] = {1, 1};
};

std::vector<std::byte> appendage_of(Tag tag, Bytes value) {
  std::vector<std::byte> out(64);
  AppendageWriter writer(out);
  EXPECT_TRUE(writer.add(tag, value));
  out.resize(writer.finish());
  return out;
}

TEST(VenueAccounts, RestTradeAndFinish) {
  Desk d;
  d.enter(0, 1, 'B', 100, 10'000);
  EXPECT_EQ(d.answers(0), "A1 100@10000 ");
  d.enter(1, 1, 'S', 60, 9'900);
  EXPECT_EQ(d.answers(1), "A1 60@9900 E1 60@10000R ") << "at the resting order's price";
  EXPECT_EQ(d.answers(0), "E1 60@10000A ");
  d.enter(1, 2, 'T', 100, 10'000);
  EXPECT_EQ(d.answers(1), "A2 100@10000 E2 40@10000R ");
  EXPECT_EQ(d.answers(0), "E1 40@10000A ");
  EXPECT_EQ(d.accounts.position(0), 100);
  EXPECT_EQ(d.accounts.position(1), -100);
  d.cancel(0, 1, 0);
  EXPECT_EQ(d.answers(0), "") << "a cancel of what is done has no answer";
  d.cancel(1, 2, 0);
  EXPECT_EQ(d.answers(1), "C2 60U ");
  EXPECT_EQ(d.market.open_orders(), 0u);
}

TEST(VenueAccounts, PriceThenTime) {
  Desk d;
  d.enter(0, 1, 'S', 10, 10'100);
  d.enter(0, 2, 'S', 10, 10'000);
  d.enter(0, 3, 'S', 10, 10'000);
  d.enter(1, 1, 'B', 25, 10'200);
  EXPECT_EQ(d.answers(1), "A1 25@10200 E1 10@10000R E1 10@10000R E1 5@10100R ");
  EXPECT_EQ(d.answers(0),
            "A1 10@10100 A2 10@10000 A3 10@10000 E2 10@10000A E3 10@10000A "
            "E1 5@10100A ");
}

TEST(VenueAccounts, ImmediateOrCancel) {
  Desk d;
  d.enter(0, 1, 'S', 10, 10'000);
  d.enter(1, 1, 'B', 30, 10'000, '3');
  EXPECT_EQ(d.answers(1), "A1 30@10000 E1 10@10000R C1 20I ");
  d.enter(1, 2, 'B', 30, 10'000, '3');
  EXPECT_EQ(d.answers(1), "A2 30@10000 C2 30I ");
}

TEST(VenueAccounts, ReplaceIsOfTheWholeChain) {
  Desk d;
  d.enter(0, 1, 'B', 100, 10'000);
  d.enter(1, 1, 'S', 30, 10'000);
  d.replace(0, 1, 2, 150, 9'900);
  EXPECT_EQ(d.answers(0), "A1 100@10000 E1 30@10000A U1>2 120@9900 ");
  d.replace(0, 1, 3, 150, 9'900);
  EXPECT_EQ(d.answers(0), "J3 21 ") << "the original is dead";
  d.replace(0, 2, 4, 30, 9'900);
  EXPECT_EQ(d.answers(0), "C2 120U ") << "no more than was executed: nothing is left";
}

TEST(VenueAccounts, ReplaceThatCrossesTrades) {
  Desk d;
  d.enter(0, 1, 'B', 100, 10'000);
  d.enter(1, 1, 'S', 40, 10'100);
  d.replace(0, 1, 2, 100, 10'100);
  EXPECT_EQ(d.answers(0), "A1 100@10000 U1>2 100@10100 E2 40@10100R ");
  d.replace(0, 2, 3, 0, 10'100);
  EXPECT_EQ(d.answers(0), "J3 19 ");
  d.cancel(0, 2, 0);
  EXPECT_EQ(d.answers(0), "C2 60U ") << "a refused replace left it alive";
}

TEST(VenueAccounts, PartialCancelIsAnIntendedTotal) {
  Desk d;
  d.enter(0, 1, 'B', 100, 10'000);
  d.enter(1, 1, 'S', 30, 10'000);
  d.cancel(0, 1, 80);
  EXPECT_EQ(d.answers(0), "A1 100@10000 E1 30@10000A C1 20U ");
  d.cancel(0, 1, 90);
  EXPECT_EQ(d.answers(0), "") << "never up";
  d.cancel(0, 1, 20);
  EXPECT_EQ(d.answers(0), "C1 50U ");
}

TEST(VenueAccounts, RepeatsAreIgnored) {
  Desk d;
  d.enter(0, 5, 'B', 100, 10'000);
  d.enter(0, 5, 'B', 100, 10'000);
  d.enter(0, 4, 'B', 100, 10'000);
  EXPECT_EQ(d.answers(0), "A5 100@10000 ");
  EXPECT_EQ(d.accounts.counters(0).repeats, 2u);
  d.send(0, make<request::AccountQuery>());
  EXPECT_EQ(d.answers(0), "Q6 ");
}

TEST(VenueAccounts, Rejects) {
  Desk d;
  d.enter(0, 1, 'Q', 100, 10'000);
  d.enter(0, 2, 'B', 0, 10'000);
  d.enter(0, 3, 'B', 1'000'000, 10'000);
  d.enter(0, 4, 'B', 100, 0);
  d.enter(0, 5, 'B', 100, kMarketPrice);
  d.enter(0, 6, 'B', 100, 10'000, '0', 'Y', {}, "NONE");
  d.enter(0, 7, 'B', 100, 10'000, '9');
  d.enter(0, 8, 'B', 100, 10'000, '0', '?');
  d.enter(0, 9, 'B', 100, 10'000, '0', 'Y', bytes_of_text("xyz"));
  d.market.set_state(0, 'H', 5);
  d.enter(0, 10, 'B', 100, 10'000);
  d.market.set_state(0, 'T', 6);
  EXPECT_EQ(d.answers(0), "J1 9 J2 19 J3 19 J4 29 J5 29 J6 23 J7 10 J8 3 J9 10 J10 7 ");
  d.accounts.request(0, bytes_of_text("O12"), 9);
  EXPECT_EQ(d.accounts.counters(0).malformed, 1u);
}

TEST(VenueAccounts, ModifyMassCancelAndDisable) {
  Desk d;
  const auto firm = appendage_of(Tag::firm, bytes_of_text("ABCD"));
  d.enter(0, 1, 'S', 100, 10'000);
  d.enter(0, 2, 'S', 100, 10'000, '0', 'Y', firm);
  d.enter(0, 3, 'S', 100, 10'000, '0', 'Y', {}, "MSFT");
  d.answers(0);
  auto modify = make<request::ModifyOrder>();
  modify.user_ref = be32::of(1), modify.side = Char::of('T'), modify.quantity = be32::of(70);
  d.send(0, modify);
  EXPECT_EQ(d.answers(0), "M1 T70 ");
  modify.side = Char::of('B');
  d.send(0, modify);
  EXPECT_EQ(d.answers(0), "");
  auto mass = make<request::MassCancel>();
  mass.user_ref = be32::of(4), mass.firm = Alpha<4>::of("ABCD"), mass.symbol = Alpha<8>::of("");
  d.send(0, mass);
  EXPECT_EQ(d.answers(0), "X4 C2 100U ");
  mass.user_ref = be32::of(5), mass.firm = Alpha<4>::of(""), mass.symbol = Alpha<8>::of("AAPL");
  d.send(0, mass);
  EXPECT_EQ(d.answers(0), "X5 C1 70U ");
  auto disable = make<request::DisableEntry>();
  disable.user_ref = be32::of(6), disable.firm = Alpha<4>::of("ABCD");
  d.send(0, disable);
  d.enter(0, 7, 'S', 100, 10'000, '0', 'Y', firm);
  auto enable = make<request::EnableEntry>();
  enable.user_ref = be32::of(8), enable.firm = Alpha<4>::of("ABCD");
  d.send(0, enable);
  d.enter(0, 9, 'S', 100, 10'000, '0', 'Y', firm);
  EXPECT_EQ(d.answers(0), "G6 J7 12 K8 A9 100@10000 ");
}

TEST(VenueAccounts, PostOnlyHiddenAndGoodTillTime) {
  Desk d;
  d.enter(0, 1, 'S', 10, 10'000, '0', 'N');
  d.enter(1, 1, 'B', 10, 10'000, '0', 'Y', appendage_of(Tag::post_only, bytes_of_text("P")));
  EXPECT_EQ(d.answers(1), "A1 10@10000 C1 10F ");
  d.enter(1, 2, 'B', 10, 10'000);
  EXPECT_EQ(d.answers(1), "A2 10@10000 E2 10@10000R ");
  const Bytes last = d.market.stream().get(d.market.stream().next() - 1);
  EXPECT_EQ(static_cast<char>(last[0]), 'P') << "a hidden order's trade";
  const auto two_s = appendage_of(Tag::expire_seconds, bytes_of_message(be32::of(2)));
  d.enter(0, 2, 'S', 10, 10'000, '6', 'Y', two_s);
  d.answers(0);
  d.accounts.expire(d.now + 1'999'999'999);
  EXPECT_EQ(d.answers(0), "");
  d.accounts.expire(d.now + 2'000'000'000);
  EXPECT_EQ(d.answers(0), "C2 10T ");
}

TEST(VenueAccounts, NamesAreNotCaseSensitive) {
  Desk d;
  EXPECT_EQ(d.accounts.find("one", "pass"), 0);
  EXPECT_EQ(d.accounts.find("TWO", "PASS"), 1);
  EXPECT_EQ(d.accounts.find("TWO", "WRONG"), -1);
}

// ---- the stream against the books

void expect_equal_books(const Market& market, const book::Books& books) {
  for (uint16_t i = 0; i < market.symbols(); ++i) {
    const book::Book& b = books.at(i);
    ASSERT_TRUE(b.fresh()) << int{b.stale};
    const MessageStore snapshot = market.snapshot(1);
    std::map<uint32_t, book::Level> bids, asks;
    for (uint64_t n = 1; n < snapshot.next(); ++n) {
      const auto* add = in_place<itch::AddOrder>(snapshot.get(n));
      if (!add || add->type.get() != 'A' || add->locate.get() != i + 1) continue;
      auto& level = (add->side.get() == 'B' ? bids : asks)[add->price.get()];
      level.price = add->price.get(), level.shares += add->shares.get(), ++level.orders;
    }
    ASSERT_EQ(b.bids.size(), bids.size());
    ASSERT_EQ(b.asks.size(), asks.size());
    size_t at = bids.size();
    for (const auto& [price, level] : bids) ASSERT_EQ(b.bids.at(--at), level) << price;
    for (const auto& [price, level] : asks) ASSERT_EQ(b.asks.at(at++), level) << price;
  }
}

TEST(VenueStream, MakesTheGatewaysBooksEqualToItsOwn) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    SCOPED_TRACE(seed);
    Desk d;
    Traders traders({seed, 10'000, 500}, d.market, d.accounts);
    book::Books books({{"AAPL", "MSFT"}, 10'000, 1'000});
    book::Feed feed(books, {1, 1});
    uint64_t fed = 1;
    Rng rng(seed);
    for (Nanos now = kMilli; now < 2 * kSecond; now += kMilli) {
      for (int n = traders.due(now); n > 0; --n) traders.act(static_cast<uint64_t>(now));
      const auto ref = static_cast<uint32_t>(now / kMilli);
      if (rng.chance(0.2))
        d.enter(0, ref, rng.chance(0.5) ? 'B' : 'S', 100, 990'000 + rng.below(200) * 100);
      if (rng.chance(0.1))
        d.replace(0, ref - rng.below(20), ref + 1, 300, 990'000 + rng.below(200) * 100);
      if (rng.chance(0.05)) d.cancel(0, ref - rng.below(20), 0);
      for (; fed < d.market.stream().next(); ++fed) feed.message(fed, d.market.stream().get(fed));
      if (now % (100 * kMilli) == 0) expect_equal_books(d.market, books);
    }
    EXPECT_GT(fed, 5'000u);
    EXPECT_GT(d.accounts.counters(0).fills, 10u);
    EXPECT_GT(books.at(0).volume, 0u);
  }
}

TEST(VenueStream, OneSeedIsOneStream) {
  const auto stream_of = [](uint64_t seed) {
    Desk d;
    Traders traders({seed, 10'000, 500}, d.market, d.accounts);
    for (Nanos now = kMilli; now < kSecond; now += kMilli) {
      for (int n = traders.due(now); n > 0; --n) traders.act(static_cast<uint64_t>(now));
    }
    std::vector<std::byte> all;
    for (uint64_t n = 1; n < d.market.stream().next(); ++n) {
      const Bytes m = d.market.stream().get(n);
      all.insert(all.end(), m.begin(), m.end());
    }
    return all;
  };
  EXPECT_EQ(stream_of(5), stream_of(5));
  EXPECT_NE(stream_of(5), stream_of(6));
}

TEST(VenueLatency, StampsInClOrdIds) {
  for (const Nanos at : {Nanos{0}, Nanos{1}, Nanos{123'456'789'012'345}, kNever}) {
    EXPECT_EQ(stamp_text(at).size(), 14u);
    EXPECT_EQ(stamp_of(stamp_text(at)), at);
  }
  EXPECT_FALSE(stamp_of("ORDER1"));
  EXPECT_FALSE(stamp_of("~00000000000z0"));
}

}  // namespace
}  // namespace pinion::exchange
