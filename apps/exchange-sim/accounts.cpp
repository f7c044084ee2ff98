#include "exchange-sim/accounts.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <numeric>

namespace pinion::exchange {

namespace {

using namespace ouch;
constexpr uint64_t kSecondNs = 1'000'000'000;

bool same_text(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    return std::toupper(static_cast<unsigned char>(x)) ==
           std::toupper(static_cast<unsigned char>(y));
  });
}

// A message about an order, with time and number filled in.
template <class Message>
Message about(uint32_t user_ref, uint64_t day_ns) {
  auto m = make<Message>();
  m.timestamp = be64::of(day_ns);
  m.user_ref = be32::of(user_ref);
  return m;
}

bool one_of(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

char book_side(char side) { return side == 'B' ? 'B' : 'S'; }

}  // namespace

Accounts::Accounts(Market& market, const std::vector<Credentials>& who,
                   MessageStore::Limits answers)
    : market_(market) {
  accounts_.reserve(who.size());
  for (const Credentials& credentials : who)
    accounts_.emplace_back(credentials, answers, market.symbols());
}

int Accounts::find(std::string_view username, std::string_view password) const {
  for (size_t i = 0; i < accounts_.size(); ++i) {
    const Credentials& known = accounts_[i].credentials;
    if (same_text(known.username, username) && same_text(known.password, password)) {
      return static_cast<int>(i);
    }
  }
  return -1;
}

int64_t Accounts::position(size_t account) const {
  const std::vector<int64_t>& all = accounts_[account].positions;
  return std::accumulate(all.begin(), all.end(), int64_t{0});
}

template <class Message>
void Accounts::answer(Account& account, const Message& message, Bytes rest) {
  std::byte room[1024];
  std::memcpy(room, &message, sizeof message);
  if (rest.size() > sizeof room - sizeof message) rest = {};  // an echo of absurd length
  if (!rest.empty()) std::memcpy(room + sizeof message, rest.data(), rest.size());
  if (!account.answers.append(Bytes{room, sizeof message + rest.size()})) full_ = true;
}

void Accounts::reject(Account& account, uint32_t user_ref, const Alpha<14>& cl_ord_id, Reject why,
                      uint64_t day_ns) {
  ++account.counters.rejected;
  auto m = about<answer::Rejected>(user_ref, day_ns);
  m.reason = be16::of(static_cast<uint16_t>(why));
  m.cl_ord_id = cl_ord_id;
  answer(account, m);
}

void Accounts::system_event(char event, uint64_t day_ns) {
  for (Account& account : accounts_) {
    auto m = make<answer::SystemEvent>();
    m.timestamp = be64::of(day_ns);
    m.event = Char::of(event);
    answer(account, m);
  }
}

void Accounts::request(size_t i, Bytes message, uint64_t day_ns) {
  Account& account = accounts_[i];
  ++account.counters.requests;
  const Read what =
      request::read(message, [&](const auto& m, Bytes rest) { on(account, m, rest, day_ns); });
  if (what != Read::ok) ++account.counters.malformed;
}

// "UserRefNum": strictly increasing through the day; what is not is taken for a repeat.
bool Accounts::take_number(Account& account, uint32_t user_ref) {
  if (user_ref <= account.last_user_ref) return ++account.counters.repeats, false;
  account.last_user_ref = user_ref;
  return true;
}

template <class Message>
bool Accounts::read_options(const Message& m, Bytes rest, Wish& wish, uint64_t day_ns) const {
  Appendage appendage(rest);
  Element element;
  if (!appendage.ok()) return false;
  while (appendage.next(element)) {
    if (element.tag == Tag::firm) wish.live.firm = Alpha<4>::of(element.as_text());
    if (element.tag == Tag::post_only) wish.post_only = element.as_char() == 'P';
    if (element.tag == Tag::expire_seconds) {
      wish.live.expires_ns = day_ns + element.as_number() * kSecondNs;
    }
  }
  wish.live.time_in_force = m.time_in_force.get();
  wish.live.display = m.display.get();
  wish.live.sweep = m.sweep_eligible.get();
  wish.live.cl_ord_id = m.cl_ord_id;
  wish.order.user_ref = m.user_ref.get();
  wish.order.hidden = m.display.get() == 'N';
  wish.order.attribution = m.display.get() == 'A' ? wish.live.firm : Alpha<4>::of("");
  wish.order.price = static_cast<uint32_t>(std::min<uint64_t>(m.price.get(), UINT32_MAX));
  return true;
}

namespace {

// What an enter and a replace have in common. Crosses are not simulated, market orders exist for
// crosses only.
template <class Message>
bool terms_good(const Message& m, Reject& why) {
  const uint64_t price = m.price.get();
  const uint32_t quantity = m.quantity.get();
  if (quantity == 0 || quantity > kQuantityMax) return why = Reject::quantity, false;
  if (price == 0 || price > kPriceMax) return why = Reject::price, false;
  if (!one_of(m.display.get(), "YNA")) return why = Reject::display, false;
  if (!one_of(m.time_in_force.get(), "0356E")) return why = Reject::processing_error, false;
  return true;
}

}  // namespace

void Accounts::on(Request account, const request::EnterOrder& m, Bytes rest, uint64_t day_ns) {
  if (!take_number(account, m.user_ref.get())) return;
  Wish wish;
  Reject why{};
  const int symbol = market_.find_symbol(m.symbol.get());
  bool good = terms_good(m, why);
  if (good && !one_of(m.side.get(), "BSTE")) why = Reject::side, good = false;
  if (good && symbol < 0) why = Reject::symbol, good = false;
  if (good && m.cross.get() != 'N') why = Reject::processing_error, good = false;
  if (good && !read_options(m, rest, wish, day_ns)) why = Reject::processing_error, good = false;
  if (good && account.disabled_firms.contains(std::string(wish.live.firm.get()))) {
    why = Reject::firm, good = false;
  }
  if (good && one_of(market_.state(static_cast<uint16_t>(symbol)), "HP")) {
    why = Reject::halted, good = false;
  }
  if (!good) return reject(account, m.user_ref.get(), m.cl_ord_id, why, day_ns);

  ++account.counters.entered;
  wish.live.side = m.side.get();
  wish.live.capacity = m.capacity.get();
  wish.order.symbol = static_cast<uint16_t>(symbol);
  wish.order.side = book_side(m.side.get());
  wish.order.shares = m.quantity.get();
  wish.order.ref = wish.live.ref = market_.new_ref();
  auto a = about<answer::Accepted>(m.user_ref.get(), day_ns);
  a.side = m.side, a.quantity = m.quantity, a.symbol = m.symbol, a.price = m.price;
  a.time_in_force = m.time_in_force, a.display = m.display, a.order_ref = be64::of(wish.order.ref);
  a.capacity = m.capacity, a.sweep_eligible = m.sweep_eligible, a.cross = m.cross;
  a.state = Char::of('L'), a.cl_ord_id = m.cl_ord_id;
  answer(account, a, rest);  // the appendage is echoed
  work(account, wish, day_ns);
}

// The order trades, and what is left rests or is cancelled.
void Accounts::work(Account& account, Wish& wish, uint64_t day_ns) {
  const uint32_t user_ref = wish.order.user_ref;
  wish.order.account = static_cast<uint32_t>(&account - accounts_.data()) + 1;
  account.live[user_ref] = wish.live;
  if (wish.post_only && market_.crosses(wish.order)) {
    account.live.erase(user_ref);
    return cancelled(account, user_ref, wish.order.shares, 'F', day_ns);
  }
  for (const Fill& fill : market_.match(wish.order, day_ns)) {
    executed(account, user_ref, fill, false, day_ns);
    if (fill.maker.account == 0) continue;
    executed(accounts_[fill.maker.account - 1], fill.maker.user_ref, fill, true, day_ns);
  }
  if (wish.order.shares == 0) {
    account.live.erase(user_ref);
  } else if (wish.live.time_in_force == '3') {
    cancelled(account, user_ref, wish.order.shares, 'I', day_ns);
    account.live.erase(user_ref);
  } else {
    market_.rest(wish.order, day_ns);
  }
}

void Accounts::executed(Account& account, uint32_t user_ref, const Fill& fill, bool maker,
                        uint64_t day_ns) {
  const auto found = account.live.find(user_ref);
  Live& live = found->second;
  live.executed += fill.shares;
  account.positions[fill.maker.symbol] +=
      live.side == 'B' ? int64_t{fill.shares} : -int64_t{fill.shares};
  ++account.counters.fills;
  account.counters.shares += fill.shares;
  auto m = about<answer::Executed>(user_ref, day_ns);
  m.quantity = be32::of(fill.shares);
  m.price = be64::of(fill.maker.price);
  m.liquidity = Char::of(maker ? 'A' : 'R');  // added or removed
  m.match = be64::of(fill.match);
  answer(account, m);
  if (maker && fill.maker.shares == 0) account.live.erase(found);
}

void Accounts::filled(const std::vector<Fill>& fills, uint64_t day_ns) {
  for (const Fill& fill : fills) {
    if (fill.maker.account == 0) continue;
    executed(accounts_[fill.maker.account - 1], fill.maker.user_ref, fill, true, day_ns);
  }
}

void Accounts::cancelled(Account& account, uint32_t user_ref, uint32_t shares, char reason,
                         uint64_t day_ns) {
  auto m = about<answer::Cancelled>(user_ref, day_ns);
  m.quantity = be32::of(shares);
  m.reason = Char::of(reason);
  answer(account, m);
}

// Down to an intended total, of which the executed shares are a part; only ever down.
void Accounts::cut(Account& account, uint32_t user_ref, uint32_t intended, char reason,
                   uint64_t day_ns) {
  const auto found = account.live.find(user_ref);
  const Live live = found->second;
  const uint32_t open = market_.find(live.ref)->shares;
  const uint32_t keep = intended > live.executed ? intended - live.executed : 0;
  if (keep >= open) return;
  market_.reduce(live.ref, open - keep, day_ns);
  if (keep == 0) account.live.erase(found);
  cancelled(account, user_ref, open - keep, reason, day_ns);
}

// A dead original is answered with a reject, so that the client is not left waiting; a refused
// replace leaves the original alive.
void Accounts::on(Request account, const request::ReplaceOrder& m, Bytes rest, uint64_t day_ns) {
  const uint32_t user_ref = m.user_ref.get(), original = m.original_user_ref.get();
  if (!take_number(account, user_ref)) return;
  const auto found = account.live.find(original);
  Wish wish;
  Reject why = Reject::replace_not_allowed;
  bool good = found != account.live.end();
  if (good) wish.live = found->second, good = terms_good(m, why);
  if (good && !read_options(m, rest, wish, day_ns)) why = Reject::processing_error, good = false;
  if (!good) return reject(account, user_ref, m.cl_ord_id, why, day_ns);
  const Order old = *market_.find(wish.live.ref);
  if (m.quantity.get() <= wish.live.executed) return cut(account, original, 0, 'U', day_ns);

  ++account.counters.replaced;
  account.live.erase(found);
  wish.order.symbol = old.symbol;
  wish.order.side = old.side;
  wish.order.shares = m.quantity.get() - wish.live.executed;
  wish.order.ref = wish.live.ref = market_.new_ref();
  wish.order.account = old.account;
  auto a = about<answer::Replaced>(user_ref, day_ns);
  a.original_user_ref = m.original_user_ref, a.side = Char::of(wish.live.side);
  a.quantity = be32::of(wish.order.shares), a.symbol = market_.name(old.symbol);
  a.price = m.price, a.time_in_force = m.time_in_force, a.display = m.display;
  a.order_ref = be64::of(wish.order.ref), a.capacity = Char::of(wish.live.capacity);
  a.sweep_eligible = m.sweep_eligible, a.cross = Char::of('N'), a.state = Char::of('L');
  a.cl_ord_id = m.cl_ord_id;
  answer(account, a, rest);
  if (market_.crosses(wish.order) || wish.live.time_in_force == '3') {
    market_.reduce(old.ref, old.shares, day_ns);
    return work(account, wish, day_ns);
  }
  market_.replace(old.ref, wish.order, day_ns);
  account.live[user_ref] = wish.live;
}

// Of an order that is not alive: no answer ever comes.
void Accounts::on(Request account, const request::CancelOrder& m, Bytes, uint64_t day_ns) {
  ++account.counters.cancels;
  if (!account.live.contains(m.user_ref.get())) return void(++account.counters.ignored);
  cut(account, m.user_ref.get(), m.quantity.get(), 'U', day_ns);
}

// The side moves among sell, short and exempt, and the quantity down, without losing the place.
void Accounts::on(Request account, const request::ModifyOrder& m, Bytes, uint64_t day_ns) {
  const auto found = account.live.find(m.user_ref.get());
  if (found == account.live.end()) return void(++account.counters.ignored);
  const char from = found->second.side, to = m.side.get();
  const bool allowed =
      from == to || (from == 'S' && one_of(to, "TE")) || (from == 'E' && to == 'T');
  const uint32_t open = market_.find(found->second.ref)->shares;
  const uint32_t executed = found->second.executed, wanted = m.quantity.get();
  if (!allowed || wanted <= executed || wanted - executed > open) {
    return void(++account.counters.ignored);
  }
  found->second.side = to;
  if (wanted - executed < open) {
    market_.reduce(found->second.ref, open - (wanted - executed), day_ns);
  }
  auto a = about<answer::Modified>(m.user_ref.get(), day_ns);
  a.side = m.side;
  a.quantity = be32::of(wanted - executed);
  answer(account, a);
}

void Accounts::on(Request account, const request::MassCancel& m, Bytes, uint64_t day_ns) {
  if (!take_number(account, m.user_ref.get())) return;
  auto a = about<answer::MassCancelResponse>(m.user_ref.get(), day_ns);
  a.firm = m.firm, a.symbol = m.symbol;
  answer(account, a);
  std::vector<uint32_t> which;
  for (const auto& [user_ref, live] : account.live) {
    const bool symbol_fits =
        m.symbol.get().empty() || market_.name(market_.find(live.ref)->symbol) == m.symbol;
    const bool firm_fits = m.firm.get().empty() || live.firm == m.firm;
    if (symbol_fits && firm_fits) which.push_back(user_ref);
  }
  for (const uint32_t user_ref : which) cut(account, user_ref, 0, 'U', day_ns);
}

void Accounts::on(Request account, const request::DisableEntry& m, Bytes, uint64_t day_ns) {
  if (!take_number(account, m.user_ref.get())) return;
  account.disabled_firms.emplace(m.firm.get());
  auto a = about<answer::DisableResponse>(m.user_ref.get(), day_ns);
  a.firm = m.firm;
  answer(account, a);
}

void Accounts::on(Request account, const request::EnableEntry& m, Bytes, uint64_t day_ns) {
  if (!take_number(account, m.user_ref.get())) return;
  account.disabled_firms.erase(std::string(m.firm.get()));
  auto a = about<answer::EnableResponse>(m.user_ref.get(), day_ns);
  a.firm = m.firm;
  answer(account, a);
}

void Accounts::on(Request account, const request::AccountQuery&, Bytes, uint64_t day_ns) {
  auto a = make<answer::AccountResponse>();
  a.timestamp = be64::of(day_ns);
  a.next_user_ref = be32::of(account.last_user_ref + 1);
  answer(account, a);
}

bool Accounts::expires(uint64_t day_ns) const {
  return std::ranges::any_of(accounts_, [&](const Account& account) {
    return std::ranges::any_of(account.live, [&](const auto& entry) {
      return entry.second.time_in_force == '6' && entry.second.expires_ns <= day_ns;
    });
  });
}

void Accounts::expire(uint64_t day_ns) {
  for (Account& account : accounts_) {
    std::vector<uint32_t> which;
    for (const auto& [user_ref, live] : account.live) {
      if (live.time_in_force == '6' && live.expires_ns <= day_ns) which.push_back(user_ref);
    }
    for (const uint32_t user_ref : which) cut(account, user_ref, 0, 'T', day_ns);
  }
}

}  // namespace pinion::exchange
