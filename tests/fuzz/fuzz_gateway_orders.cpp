// Any requests of two clients, as FIX text or as fields, and any answers of a venue, into a desk:
// whatever they are, it goes on (the alarm is an answer, too), every report is about something that
// is so, and another desk that reads the journal comes out the same.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "gateway/fix/message.h"
#include "gateway/orders/desk.h"

namespace {

using namespace pinion;
using namespace pinion::gateway;

constexpr uint32_t kRequestsMax = 64;
constexpr uint16_t kSessions = 2;

class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  bool empty() const { return at_ == size_; }
  uint8_t byte() { return at_ < size_ ? data_[at_++] : 0; }
  std::string_view bytes(size_t n) {
    n = std::min(n, size_ - at_);
    at_ += n;
    return {reinterpret_cast<const char*>(data_) + at_ - n, n};
  }

 private:
  const uint8_t* data_;
  size_t size_, at_ = 0;
};

// What is thrown away with a process, and what is left of it.
struct Life {
  Life(const Symbols& symbols, risk::KillSwitch& kill, Outlet& outlet)
      : orders(kRequestsMax, kSessions, 7),
        risk({.accounts = kSessions, .symbols = 2, .orders_max = 32}, kill),
        desk({.firm = "FIRM", .orders_per_s = 1'000'000, .burst_orders = 1'000}, symbols, orders,
             risk, outlet) {
    risk::Limits l;
    l.max_order_shares = risk::kSharesMax;
    l.max_order_notional = l.max_gross_open_notional = l.max_daily_traded_notional =
        risk::kAmountMax;
    l.price_collar_bps = 1'000'000, l.max_open_orders = 32;
    l.max_position_shares_per_symbol = 1 << 30;
    l.orders_per_s = 1'000'000, l.burst_orders = 1'000, l.max_identical_orders = 1'000;
    l.self_trade_reject = false, l.short_sale_allowed = true;
    for (uint32_t i = 0; i < kSessions; ++i) risk.set_limits(i, l);
  }
  Orders orders;
  risk::Risk risk;
  Desk desk;
};

struct World final : Outlet {
  struct Record {
    bool answer;
    std::vector<std::byte> bytes;
  };

  World() {
    (void)kill.open("");
    life = std::make_unique<Life>(symbols, kill, *this);
  }
  bool venue_ready() const override { return connected && !replaying; }
  bool to_venue(Bytes message) override {
    STACK_CHECK(!replaying && !message.empty());
    return true;
  }
  uint64_t record(const OrderRecord& r, bool) override {
    STACK_CHECK(!replaying);
    std::byte room[kOrderRecordMax];
    const size_t bytes = write_record(r, room);
    journal.push_back({false, {room, room + bytes}});
    return journal.size();
  }
  void report(const Report& r) override {
    STACK_CHECK(r.session < kSessions);
    if (r.is_cancel_reject() || r.kind == ReportKind::status) return;
    STACK_CHECK(r.id.cause != 0 && r.id.cause <= journal.size());
  }
  risk::Market market(uint32_t) const override {
    return {.live = true, .bid = 990'000, .ask = 1'010'000};
  }
  void alarm(const char* what) override { STACK_CHECK(what != nullptr); }

  void answer(Bytes bytes) {
    journal.push_back({true, {bytes.begin(), bytes.end()}});
    life->desk.on_answer(journal.size(), bytes, now);
  }
  // Another process: it knows the same.
  void restart() {
    const std::unique_ptr<Life> before = std::move(life);
    life = std::make_unique<Life>(symbols, kill, *this);
    replaying = true;
    life->desk.begin_recovery();
    for (size_t i = 0; i < journal.size(); ++i) {
      OrderRecord r;
      if (journal[i].answer) life->desk.on_answer(i + 1, journal[i].bytes, now);
      else STACK_CHECK(read_record(journal[i].bytes, r) &&
                       life->desk.recover(i + 1, r, now) == nullptr);
    }
    life->desk.end_recovery();
    replaying = false;
    check_same(before->orders, life->orders);
  }
  static void check_same(const Orders& a, const Orders& b) {
    STACK_CHECK(a.request_count() == b.request_count() && a.order_count() == b.order_count());
    for (uint32_t i = 0; i < kSessions; ++i) STACK_CHECK(a.open_orders(i) == b.open_orders(i));
    for (uint32_t i = 0; i < a.order_count(); ++i) {
      const Order &x = a.order(i), &y = b.order(i);
      STACK_CHECK(x.state == y.state && x.ref == y.ref && x.executed == y.executed);
      STACK_CHECK(x.leaves == y.leaves && x.quantity == y.quantity && x.price == y.price);
      STACK_CHECK(x.replace == y.replace && x.cancel == y.cancel && x.named == y.named);
    }
  }

  const Symbols symbols{{"AAPL", "MSFT"}};
  risk::KillSwitch kill;
  std::unique_ptr<Life> life;
  std::vector<Record> journal;
  Nanos now = kSecond;
  bool connected = false, replaying = false;
};

std::string small_id(uint8_t byte) { return std::string(1, static_cast<char>('A' + byte % 24)); }

void fields_request(World& w, Input& in) {
  const std::string id = small_id(in.byte()), orig = small_id(in.byte());
  const uint8_t what = in.byte();
  ClientRequest r;
  r.type = "DDFGGFDH"[what % 8];
  r.repeated = (what & 8) != 0;
  r.cl_ord_id = id, r.orig_cl_ord_id = orig;
  r.symbol = (what & 16) != 0, r.symbol_text = r.symbol == 0 ? "AAPL" : "MSFT";
  r.side = static_cast<risk::Side>(what >> 5 & 3);
  r.time_in_force = (what & 128) != 0 ? '3' : '0';
  r.quantity = 1 + in.byte();
  r.price = 900'000 + in.byte() * 1'000;
  r.located = true;
  w.life->desk.on_request(what >> 4 & 1, r, w.now);
}

void text_request(World& w, Input& in) {
  const std::string text(in.bytes(in.byte()));
  fix::Message m;
  ClientRequest r;
  if (!m.parse(text) || !read_request(m, w.symbols, r)) return;
  STACK_CHECK(!r.fault.empty() || r.type == 'F' || r.type == 'H' ||
              (r.quantity >= 1 && r.quantity <= risk::kSharesMax && r.price >= 1));
  w.life->desk.on_request(0, r, w.now);
}

template <class Message>
Message about(Input& in) {
  auto m = ouch::make<Message>();
  m.user_ref = be32::of(in.byte() % 32u);
  return m;
}

// Nearly right ones, and then any bytes.
void venue_answer(World& w, Input& in) {
  using namespace ouch::answer;
  const auto shares = [&in] { return be32::of(in.byte()); };
  const auto say = [&w](const auto& m) { w.answer(bytes_of_message(m)); };
  switch (in.byte() % 9) {
    case 0: {
      auto m = about<Accepted>(in);
      m.quantity = shares(), m.price = be64::of(in.byte() * 10'000u);
      m.state = Char::of(in.byte() % 8 == 0 ? 'D' : 'L');
      return say(m);
    }
    case 1: {
      auto m = about<Replaced>(in);
      m.original_user_ref = be32::of(in.byte() % 32u), m.quantity = shares();
      m.price = be64::of(in.byte() * 10'000u), m.state = Char::of('L');
      return say(m);
    }
    case 2: {
      auto m = about<Executed>(in);
      m.quantity = shares(), m.price = be64::of(in.byte() * 10'000u);
      m.match = be64::of(in.byte() % 8u);
      return say(m);
    }
    case 3: {
      auto m = about<Cancelled>(in);
      m.quantity = shares(), m.reason = Char::of(static_cast<char>(in.byte()));
      return say(m);
    }
    case 4: {
      auto m = about<Rejected>(in);
      m.reason = be16::of(in.byte());
      return say(m);
    }
    case 5: return say(about<CancelReject>(in));
    case 6: {
      auto m = about<Broken>(in);
      m.match = be64::of(in.byte() % 8u);
      return say(m);
    }
    case 7: {
      auto m = ouch::make<AccountResponse>();
      m.next_user_ref = be32::of(in.byte() == 255 ? UINT32_MAX : in.byte() % 32u);
      return say(m);
    }
    default: return w.answer(bytes_of_text(in.bytes(in.byte())));
  }
}

void step(World& w, Input& in) {
  switch (in.byte() % 10) {
    case 0:
    case 1: return fields_request(w, in);
    case 2: return text_request(w, in);
    case 3:
    case 4:
    case 5: return venue_answer(w, in);
    case 6:
      w.now += in.byte() * 20 * kMilli;
      return w.life->desk.poll(w.now);
    case 7:
      w.connected = !w.connected;
      return w.connected ? w.life->desk.on_venue_login() : w.life->desk.on_venue_lost();
    case 8: return w.life->desk.cancel_all(in.byte() % kSessions, w.now);
    default:
      w.connected = false;
      w.restart();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in(data, std::min<size_t>(size, 4'096));
  World w;
  w.connected = true;
  w.life->desk.on_venue_login();
  while (!in.empty()) step(w, in);
  w.restart();
  return 0;
}
