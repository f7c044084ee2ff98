// An engine with everything that surrounds it, in one thread and on a clock of the test's: a
// network in memory (memory_network.h), a venue of the simulator's accounts and books behind a real
// SoupBinTCP server, clients that are our own FIX sessions, journal and stores in a directory.
//
// The books of AAPL and MSFT are 99 for 10,000 and 101 for 10,000 shares, that of QUIET is empty.
#pragma once
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>

#include "exchange-sim/accounts.h"
#include "gateway/engine/engine.h"
#include "gateway/fix/value.h"
#include "gateway/moldudp64/sender.h"
#include "gateway/soupbintcp/server.h"
#include "support/memory_network.h"

namespace pinion::gateway::test {

inline const Endpoint kVenue{"10.0.0.9", 8003}, kClients{"10.0.0.1", 9878};
inline const Endpoint kLineA{"239.1.1.1", 1}, kLineB{"239.1.1.2", 2};

// What clock_() says, and where it may end the process.
inline Nanos bed_time = 0;
inline MemoryNetwork* bed_network = nullptr;
inline Nanos bed_clock() {
  if (bed_network != nullptr) bed_network->may_crash();
  return bed_time;
}

inline std::string_view chars_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Terms {
  uint64_t shares = 100;
  risk::Price price = 1'000'000;  // 100 dollars
  const char* symbol = "AAPL";
  char side = '1', time_in_force = '0';
  bool poss_resend = false, located = false;
};

// A client: a FIX session that connects, and all that it was told.
class TestClient final : public fix::Application, public fix::Wire {
 public:
  TestClient(MemoryNetwork& network, const std::string& name,
             fix::Version version = fix::Version::fix42)
      : network_(network), memory_(4u << 20), store_(memory_, 20'000) {
    config_.version = version;
    config_.sender_comp_id = name;
    config_.target_comp_id = "GATEWAY";
    session_ = std::make_unique<fix::Session>(config_, store_, *this);
  }

  void connect(const fix::Now& now) {
    stream_ = &network_.connect_to_gateway(kClients);
    session_->initiate(*this, now);
  }
  void disconnect(const fix::Now& now) {
    if (stream_ != nullptr) stream_->close();
    stream_ = nullptr;
    session_->on_disconnect(now);
  }
  void turn(const fix::Now& now) {
    now_ = now;
    while (stream_ != nullptr) {
      const fix::Frame frame = fix::next_frame(stream_->sent_to_us());
      if (frame.status == fix::FrameStatus::more) break;
      const std::string bytes(stream_->sent_to_us().substr(0, frame.bytes));
      stream_->take(frame.bytes);
      EXPECT_EQ(frame.status, fix::FrameStatus::message);
      session_->on_frame(bytes, now);
    }
    if (stream_ != nullptr && !stream_->gateway_open) disconnect(now);
    session_->poll(now);
  }
  bool logged_on() const { return session_->state() == fix::Session::State::active; }
  fix::Session& session() { return *session_; }

  // ---- what it says
  void order(const std::string& id, const Terms& t = {}) { send_order("D", id, "", t); }
  void replace(const std::string& id, const std::string& orig, const Terms& t = {}) {
    send_order("G", id, orig, t);
  }
  void cancel(const std::string& id, const std::string& orig, bool poss_resend = false) {
    fix::Encoder e = session_->begin("F", now_, {.poss_resend = poss_resend});
    e.text(fix::kOrigClOrdID, orig);
    about(e, id, {});
    e.time(fix::kTransactTime, now_.utc_ns);
    e.number(fix::kOrderQty, 100);
    EXPECT_TRUE(session_->send(e, now_));
  }
  void status(const std::string& id) {
    fix::Encoder e = session_->begin("H", now_);
    about(e, id, {});
    EXPECT_TRUE(session_->send(e, now_));
  }
  // An order with one more field, "110=100".
  void send_with(const char* type, const std::string& id, const std::string& orig,
                 const std::string& field) {
    more_ = field;
    send_order(type, id, orig, {});
    more_.clear();
  }
  // As it is written here, with | for SOH, framed; with what the session knows nothing of.
  void says(std::string fields) {
    for (char& c : fields)
      if (c == '|') c = fix::kSoh;
    std::string all(config_.version == fix::Version::fix42 ? "8=FIX.4.2" : "8=FIX.4.4");
    all.append(1, fix::kSoh).append("9=").append(std::to_string(fields.size()));
    all.append(1, fix::kSoh).append(fields);
    unsigned sum = 0;
    for (const char c : all) sum += static_cast<unsigned char>(c);
    all.append("10=").append(std::to_string(1000 + sum % 256).substr(1)).append(1, fix::kSoh);
    stream_->send(all);
  }
  std::string time() const {
    char text[fix::kTimestampBytes];
    return {text, fix::write_timestamp(now_.utc_ns, text)};
  }

  // ---- what it was told: the values of these tags, "8|0|0"; the last message, or the one `back`
  // before that.
  std::string told(std::initializer_list<int> tags, size_t back = 0) const {
    if (back >= told_.size()) return "nothing";
    fix::Message m;
    EXPECT_TRUE(m.parse(told_[told_.size() - 1 - back]));
    std::string out;
    for (const int tag : tags) {
      if (!out.empty()) out.append("|");
      out.append(m.value(tag));
    }
    return out;
  }
  size_t count() const { return told_.size(); }
  // How many of them have this value.
  size_t count(int tag, std::string_view value) const {
    fix::Message m;
    return static_cast<size_t>(std::ranges::count_if(
        told_, [&](const std::string& bytes) { return m.parse(bytes) && m.value(tag) == value; }));
  }
  const std::vector<std::string>& all() const { return told_; }
  size_t rejects = 0;  // of our session's level: there must be none

  bool send(std::string_view message) override {
    if (stream_ == nullptr) return false;
    stream_->send(message);
    return true;
  }
  size_t room() const override { return 1u << 20; }
  void close() override {
    if (stream_ != nullptr) stream_->close();
    stream_ = nullptr;
  }
  fix::Answer on_message(fix::Session&, const fix::Message& m, const fix::Now&) override {
    std::string bytes;
    for (const fix::Field& f : m.fields())
      bytes.append(std::to_string(f.tag)).append("=").append(f.value).append(1, fix::kSoh);
    told_.push_back(bytes);
    return fix::Answer::done;
  }
  void on_reject(fix::Session& session, const fix::Message& m, const fix::Now& now) override {
    rejects += m.is_type('3');
    (void)on_message(session, m, now);
  }

 private:
  void about(fix::Encoder& e, const std::string& id, const Terms& t) {
    e.text(fix::kClOrdID, id);
    e.text(fix::kSymbol, t.symbol);
    e.character(fix::kSide, t.side);
  }
  void send_order(const char* type, const std::string& id, const std::string& orig,
                  const Terms& t) {
    fix::Encoder e = session_->begin(type, now_, {.poss_resend = t.poss_resend});
    if (!orig.empty()) e.text(fix::kOrigClOrdID, orig);
    about(e, id, t);
    e.character(fix::kHandlInst, '1');
    e.time(fix::kTransactTime, now_.utc_ns);
    e.number(fix::kOrderQty, t.shares);
    e.character(fix::kOrdType, '2');
    e.decimal(fix::kPrice, t.price, 4);
    e.character(fix::kTimeInForce, t.time_in_force);
    if (t.located) e.text(fix::kLocateReqd, "N");
    if (const size_t is = more_.find('='); is != std::string::npos)
      e.text(std::stoi(more_), std::string_view(more_).substr(is + 1));
    EXPECT_TRUE(session_->send(e, now_));
  }

  MemoryNetwork& network_;
  std::vector<char> memory_;
  fix::Store store_;
  fix::SessionConfig config_;
  std::unique_ptr<fix::Session> session_;
  MemoryNetwork::Stream* stream_ = nullptr;
  std::vector<std::string> told_;
  std::string more_;  // a field of the order that is being sent
  fix::Now now_;
};

// The venue: accounts and books, an order port, a market data stream.
class TestVenue {
 public:
  static constexpr uint16_t kAapl = 0, kMsft = 1;

  explicit TestVenue(MemoryNetwork& network) : network_(network) {
    network_.peer_listens(kVenue);
    market.open(day_ns);
    for (const uint16_t symbol : {kAapl, kMsft}) {
      quote(symbol, 'B', 990'000, 10'000);
      quote(symbol, 'S', 1'010'000, 10'000);
    }
  }
  // An order of somebody else: trades with what it meets, the rest stays.
  void quote(uint16_t symbol, char side, uint32_t price, uint32_t shares) {
    exchange::Order order{.ref = market.new_ref(), .symbol = symbol, .side = side,
                          .shares = shares, .price = price};
    ++day_ns;
    accounts.filled(market.match(order, day_ns), day_ns);
    if (order.shares != 0) market.rest(order, day_ns);
  }
  // An answer as no right venue gives it.
  template <class Message>
  void says(const Message& m) {
    extra_.emplace_back(chars_of(bytes_of_message(m)));
  }
  void turn(Nanos now) {
    turn_orders(now);
    std::byte room[1'400];
    for (const MemoryNetwork::Sent& request : network_.take_sent_datagrams()) {
      const size_t bytes = sender_.answer(bytes_of_text(request.bytes), room);
      if (bytes != 0) network_.answer(request, chars_of({room, bytes}));
      datagrams.push_back(request.bytes);
    }
    while (!silent_lines) {
      const size_t bytes = sender_.next_packet(room, now);
      if (bytes == 0) return;
      datagrams.emplace_back(chars_of({room, bytes}));
      for (const Endpoint& line : {kLineA, kLineB})
        network_.send_datagram(line, chars_of({room, bytes}));
    }
  }
  size_t bytes_received() const { return bytes_received_; }
  size_t requests(char type) const {
    return static_cast<size_t>(std::ranges::count_if(
        requests_, [&](const std::string& m) { return m[0] == type; }));
  }

  // The ClOrdID of the last request, as it came.
  std::string last_id() const {
    std::string id;
    (void)ouch::request::read(bytes_of_text(requests_.back()), [&](const auto& m, Bytes) {
      if constexpr (requires { m.cl_ord_id; }) id = m.cl_ord_id.get();
    });
    return id;
  }

  exchange::Market market{{"AAPL", "MSFT", "QUIET"}, {200'000, 16u << 20}};
  exchange::Accounts accounts{market, {{"USER", "PASSWORD"}}, {200'000, 16u << 20}};
  uint64_t day_ns = 1;
  std::vector<std::string> datagrams;  // of the lines, and the gateway's re-requests
  char refusal = soupbintcp::kAuthorised;  // of logins
  char deaf_to = 0;           // requests of this type are not heard
  bool reads = true;          // nothing at all is read
  bool silent_lines = false;  // of market data

 private:
  void turn_orders(Nanos now) {
    MemoryNetwork::Stream* stream = network_.connection_to(kVenue);
    if (stream != stream_) {
      stream_ = stream;
      server_.reset();
      if (stream_ != nullptr) server_.emplace(config_, accounts.answers(0), now);
    }
    if (!server_) return;
    const std::string_view in = reads ? stream_->sent_to_us() : std::string_view();
    const size_t used = server_->input(
        bytes_of_text(in), now,
        [&](const auto&) {
          server_->serve(accounts.answers(0));
          return refusal;
        },
        [&](Bytes m) { request(m); });
    stream_->take(used);
    bytes_received_ += used;
    server_->poll(now);
    std::byte room[8'192];
    while (const size_t bytes = server_->output(room, now)) stream_->send(chars_of({room, bytes}));
    for (const std::string& m : std::exchange(extra_, {})) {
      const size_t bytes =
          soupbintcp::emit_typed<soupbintcp::SequencedData>(bytes_of_text(m), room);
      stream_->send(chars_of({room, bytes}));
    }
    if (server_->wants_close()) stream_->close();
  }
  void request(Bytes m) {
    requests_.emplace_back(chars_of(m));
    if (static_cast<char>(m[0]) != deaf_to) accounts.request(0, m, ++day_ns);
  }

  MemoryNetwork& network_;
  soupbintcp::ServerConfig config_{.session = Alpha<10>::of("DAY1")};
  moldudp64::Sender sender_{{.session = Alpha<10>::of("DAY1")}, market.stream()};
  MemoryNetwork::Stream* stream_ = nullptr;
  std::optional<soupbintcp::ServerConnection> server_;
  std::vector<std::string> requests_, extra_;
  size_t bytes_received_ = 0;
};

class Bed {
 public:
  using Change = std::function<void(Config&)>;
  explicit Bed(const Change& change = {}) {
    char name[] = "/tmp/pinion-engine-XXXXXX";
    directory = mkdtemp(name);
    std::filesystem::create_directory(directory + "/journal");
    config = base_config();
    if (change) change(config);
    for (const ClientConfig& c : config.clients)
      clients.push_back(std::make_unique<TestClient>(network, c.target_comp_id, c.version));
    bed_network = &network;
    bed_time = now.monotonic_ns;
    start();
  }
  ~Bed() {
    kill();
    bed_network = nullptr;
    std::filesystem::remove_all(directory);
  }
  Bed(const Bed&) = delete;
  Bed& operator=(const Bed&) = delete;

  // ---- the engine's lives: only journal, stores and the kill switch's file outlive it
  void start() { ASSERT_TRUE(try_start()) << why; }
  bool try_start() {
    why.clear();
    kill_switch = std::make_unique<risk::KillSwitch>();
    EXPECT_EQ(kill_switch->open(config.risk.kill_file), 0);
    journal = std::make_unique<journal::Journal>(config.journal);
    if (!journal->open(why)) return false;
    engine = std::make_unique<Engine>(
        config, Secrets{"USER", "PASSWORD", "", ""},
        EngineParts{network, *journal, *kill_switch, &bed_clock, 7});
    return engine->start(now, why);
  }
  void kill() {
    network.gateway_dies();
    engine.reset();
    journal.reset();
    (void)kill_switch->persist();
    for (const auto& c : clients) c->turn(now);  // they see it
  }
  void restart() {
    kill();
    start();
  }

  // ---- time
  // Messages go there and back, without time.
  void turn(int times = 12) {
    for (int i = 0; i < times; ++i) {
      if (engine) engine_turn();
      venue.turn(now.monotonic_ns);
      for (const auto& c : clients) c->turn(now);
    }
  }
  void passes(Nanos time) {
    for (const Nanos end = now.monotonic_ns + time; now.monotonic_ns < end;) {
      const Nanos step = std::min<Nanos>(100 * kMilli, end - now.monotonic_ns);
      now.monotonic_ns += step, now.utc_ns += step;
      bed_time = now.monotonic_ns;
      turn(4);
    }
  }
  // Everybody is there, and the books are known.
  void trades() {
    for (const auto& c : clients)
      if (!c->session().connected()) c->connect(now);
    passes(2 * kSecond);  // a heartbeat of the venue's data tells what is missing
    ASSERT_TRUE(engine->desk().caught_up());
    for (const auto& c : clients) ASSERT_TRUE(c->logged_on());
  }
  TestClient& client(size_t i = 0) { return *clients[i]; }
  std::string command(const std::string& line) {
    std::vector<char> room(64u << 10);
    control::Answer answer(room);
    engine->command(line, answer);
    return std::string(answer.text());
  }
  risk::Limits& limits(size_t profile = 0) { return config.risk.profiles[profile].limits; }

  static risk::Limits wide() {
    risk::Limits l;
    l.max_order_shares = 100'000;
    l.max_order_notional = l.max_gross_open_notional = l.max_daily_traded_notional =
        1'000'000'000 * risk::kUnit;
    l.price_collar_bps = 5'000, l.max_open_orders = 1'000;
    l.max_position_shares_per_symbol = 1'000'000;
    l.orders_per_s = 100'000, l.burst_orders = 10'000;
    l.max_identical_orders = 1'000;
    l.self_trade_reject = false, l.short_sale_allowed = true;
    return l;
  }

  std::string directory, why;
  MemoryNetwork network;
  TestVenue venue{network};
  Config config;
  fix::Now now{1'000 * kSecond, 1'795'878'000 * kSecond};  // 2026-11-28 15:00 UTC
  std::vector<std::unique_ptr<TestClient>> clients;
  std::unique_ptr<risk::KillSwitch> kill_switch;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<Engine> engine;

 private:
  void engine_turn() {
    try {
      ASSERT_GE(engine->turn(now), 0);
    } catch (const Crash&) {
      kill();
    }
  }
  Config base_config() const {
    Config c;
    c.state_dir = directory;
    c.orders_per_day_max = 2'048;
    c.journal.directory = directory + "/journal";
    c.journal.segment_bytes = 1u << 20;
    c.venue.name = "sim";
    c.venue.market_data.symbols = {"AAPL", "MSFT", "QUIET"};
    for (const Endpoint& line : {kLineA, kLineB})
      c.venue.market_data.lines.push_back({"md", "10.0.0.1", line.ip, "", line.port});
    c.venue.market_data.retransmit_servers = {kVenue};
    c.venue.order_entry.server = kVenue;
    ClientConfig client;
    client.name = "one", client.address = kClients.ip, client.port = kClients.port;
    client.sender_comp_id = "GATEWAY", client.target_comp_id = "ONE", client.risk = "wide";
    client.cancel_on_disconnect = false;
    client.store_bytes = 4u << 20;
    c.clients.push_back(client);
    c.risk.revision = 1;
    c.risk.profiles.push_back({"wide", wide(), {}});
    c.risk.kill_file = directory + "/kill";
    return c;
  }
};

// Another client beside the first.
inline ClientConfig another(const Config& c, const std::string& name, const std::string& comp_id) {
  ClientConfig out = c.clients[0];
  out.name = name, out.target_comp_id = comp_id;
  return out;
}
inline ClientConfig drop_copy(const Config& c) {
  ClientConfig out = another(c, "copy", "DROP");
  out.drop_copy = true;
  out.risk.clear();
  return out;
}

}  // namespace pinion::gateway::test
