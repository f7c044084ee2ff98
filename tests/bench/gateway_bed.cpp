#include "bench/gateway_bed.h"

#include <cstdio>
#include <ctime>
#include <filesystem>
#include <stdexcept>

#include "exchange-sim/market.h"
#include "gateway/moldudp64/sender.h"
#include "gateway/ouch/ouch.h"

namespace pinion::bench {

using gateway::Config;
using gateway::SocketId;

namespace {

constexpr const char* kSymbol = "AAPL";
constexpr const char *kGateway = "GATEWAY", *kClient = "CLIENT1";
constexpr uint32_t kOrdersMax = 1u << 18;  // of all windows
constexpr uint32_t kPrice = 1'000'000;     // $100
constexpr Nanos kForever = 3600 * kSecond;  // nobody polls between the windows

int64_t clock_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}
Nanos monotonic() { return clock_ns(CLOCK_MONOTONIC); }

// As large as can be, but for what is checked against the book: each check is made, none refuses.
risk::Limits limits() {
  risk::Limits l;
  l.max_order_shares = 10'000;
  l.max_order_notional = 5'000'000 * risk::kUnit;
  l.price_collar_bps = 500;
  l.max_open_orders = kOrdersMax;
  l.max_gross_open_notional = l.max_daily_traded_notional = risk::kAmountMax;
  l.max_position_shares_per_symbol = 1'000'000'000;
  l.orders_per_s = 100'000'000, l.burst_orders = 1000;
  l.duplicate_window_ms = 500, l.max_identical_orders = 3;
  l.short_sale_allowed = true;
  return l;
}

Config config_of(const GatewayPlaces& places, const std::string& directory) {
  Config c;
  c.state_dir = directory;
  c.orders_per_day_max = c.open_orders_max = kOrdersMax;
  c.journal.directory = directory + "/journal";
  c.journal.sync = journal::Sync::never;
  c.journal.segment_bytes = size_t{64} << 20;
  gateway::MarketDataConfig& market = c.venue.market_data;
  market.lines = {{.nic = places.nic, .address = places.gateway_ip, .group = places.group,
                   .source = {}, .port = places.line_port}};
  market.line_silence = kForever;
  market.symbols = {kSymbol};
  gateway::OrderEntryConfig& orders = c.venue.order_entry;
  orders.server = {places.peer_ip, places.venue_port};
  orders.heartbeat = orders.peer_timeout = kForever;
  orders.orders_per_s = 100'000'000, orders.burst_orders = 1000;
  gateway::ClientConfig client;
  client.name = "client1", client.address = places.gateway_ip, client.port = places.fix_port;
  client.sender_comp_id = kGateway, client.target_comp_id = kClient;
  client.cancel_on_disconnect = false;
  client.store_bytes = size_t{64} << 20;
  client.risk = "default";
  c.clients = {client};
  c.risk.profiles = {{"default", limits(), {}}};
  return c;
}

}  // namespace

fix::Now gateway_now() { return {clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME)}; }

GatewayBed::Directory::Directory() {
  char name[] = "/tmp/pinion-bench-XXXXXX";
  if (mkdtemp(name) == nullptr) throw std::runtime_error("no directory in /tmp");
  path = name;
  std::filesystem::create_directory(path + "/journal");
}
GatewayBed::Directory::~Directory() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

GatewayBed::GatewayBed(gateway::Network& network, const GatewayPlaces& places)
    : network_(network), config_(config_of(places, directory_.path)) {
  std::string why;
  if (kill_.open(directory_.path + "/kill") != 0) throw std::runtime_error(kill_.error());
  journal_ = std::make_unique<journal::Journal>(config_.journal);
  if (!journal_->open(why)) throw std::runtime_error(why);
  const gateway::Secrets secrets{"USER01", "PASSWORD", {}, {}};
  engine_ = std::make_unique<gateway::Engine>(
      config_, secrets, gateway::EngineParts{network, *journal_, kill_, &monotonic, 1});
  if (!engine_->start(gateway_now(), why)) throw std::runtime_error(why);
  journal_->start();
}
GatewayBed::~GatewayBed() = default;

bool GatewayBed::ready() const {
  return engine_->desk().caught_up() && engine_->market_data().fresh(kSymbol) &&
         engine_->market_data().market(0).ask != 0;
}

std::string GatewayBed::missing() const {
  std::string out;
  if (!engine_->desk().caught_up()) out += engine_->venue().active() ? "query" : "venue's login";
  if (!engine_->market_data().fresh(kSymbol)) out += " book";
  return out;
}

void GatewayBed::lost() const { throw std::runtime_error("gateway: " + network_.error()); }

Counterparties::Counterparties(gateway::Network& network, const GatewayPlaces& places)
    : network_(network), places_(places), client_(*this), venue_(*this) {}

void Counterparties::listen() {
  if (network_.listen({places_.peer_ip, places_.venue_port}, venue_) != 0 ||
      network_.open_datagram({places_.peer_ip, 0}, nobody_, line_) != 0)
    throw std::runtime_error("venue: " + network_.error());
}

void Counterparties::connect() {
  if (network_.connect({places_.gateway_ip, places_.fix_port}, client_, client_.stream) != 0)
    throw std::runtime_error("client: " + network_.error());
}

void Counterparties::poll() {
  if (network_.poll() < 0) throw std::runtime_error("peers: " + network_.error());
}

// An open market with an order on each side, as one packet of the line.
void Counterparties::tell_market() {
  exchange::Market market({kSymbol}, {1'000, 100'000});
  market.open(1);
  for (const char side : {'B', 'S'}) {
    exchange::Order order;
    order.ref = market.new_ref(), order.side = side, order.shares = 100;
    order.price = side == 'B' ? kPrice - 100 : kPrice + 100;
    market.rest(order, 2);
  }
  moldudp64::Sender sender({.session = Alpha<10>::of("DAY1")}, market.stream());
  std::array<std::byte, 1400> packet;
  const size_t bytes = sender.next_packet(packet, 0);
  (void)network_.send_to(line_, {places_.group, places_.line_port},
                         {reinterpret_cast<const char*>(packet.data()), bytes});
}

namespace {

fix::Encoder begin(std::span<char> memory, std::string_view type, uint64_t number) {
  fix::Encoder e(memory, "FIX.4.2", type);
  e.number(fix::kMsgSeqNum, number);
  e.text(fix::kSenderCompID, kClient);
  e.time(fix::kSendingTime, gateway_now().utc_ns);
  e.text(fix::kTargetCompID, kGateway);
  return e;
}

}  // namespace

void Counterparties::Client::on_connected(SocketId id) {
  std::array<char, 512> memory{};
  fix::Encoder e = begin(memory, "A", next_number++);
  e.number(fix::kEncryptMethod, 0);
  e.number(fix::kHeartBtInt, 0);
  connected = owner.network_.send(id, e.finish());
}

size_t Counterparties::Client::on_received(SocketId, std::string_view bytes) {
  const fix::Frame frame = fix::next_frame(bytes);
  if (frame.status == fix::FrameStatus::more) return 0;
  fix::Message message;
  if (!message.parse(bytes.substr(0, frame.bytes)) || !message.is_type('A'))
    throw std::runtime_error("the client was sent " + std::string(bytes));
  logged_on = true;
  return frame.bytes;
}

void Counterparties::Client::on_closed(SocketId, int status) {
  throw std::runtime_error("the client's connection is gone: " + std::to_string(status));
}

void Counterparties::prepare_order() {
  std::array<char, 16> id{};
  const int length = std::snprintf(id.data(), id.size(), "B%07llu",
                                   static_cast<unsigned long long>(number_));
  fix::Encoder e = begin(memory_, "D", client_.next_number++);
  e.text(fix::kClOrdID, {id.data(), static_cast<size_t>(length)});
  e.text(fix::kHandlInst, "1");
  e.text(fix::kSymbol, kSymbol);
  e.character(fix::kSide, '1');
  e.time(fix::kTransactTime, gateway_now().utc_ns);
  e.number(fix::kOrderQty, 1 + number_ % 997);  // no duplicates
  e.character(fix::kOrdType, '2');
  e.decimal(fix::kPrice, kPrice - 100 * static_cast<int64_t>(number_ % 50), 4);
  e.character(fix::kTimeInForce, '0');
  order_ = e.finish();
  ++number_;
}

void Counterparties::send_order() {
  if (!network_.send(client_.stream, order_)) throw std::runtime_error("no room for an order");
}

Counterparties::Venue::Venue(Counterparties& o)
    : owner(o),
      answers({100, 10'000}),
      session({.session = Alpha<10>::of("DAY1"),
               .heartbeat = kForever,
               .peer_timeout = kForever,
               .login_timeout = kForever},
              answers, 0) {}

gateway::StreamHandler* Counterparties::Venue::on_accepted(SocketId id) {
  stream = id;
  return this;
}

size_t Counterparties::Venue::on_received(SocketId, std::string_view bytes) {
  const size_t used = session.input(
      bytes_of_text(bytes), 1, [](const auto&) { return soupbintcp::kAuthorised; },
      [this](Bytes message) { take(message); });
  if (session.wants_close()) throw std::runtime_error("the venue does not understand the gateway");
  answer();
  return used;
}

void Counterparties::Venue::take(Bytes message) {
  if (static_cast<char>(message[0]) == ouch::request::EnterOrder::kType) {
    ++orders;
  } else if (static_cast<char>(message[0]) == ouch::request::AccountQuery::kType) {
    auto answer = ouch::make<ouch::answer::AccountResponse>();
    answer.next_user_ref = be32::of(1);
    (void)answers.append(bytes_of_message(answer));
  }
}

void Counterparties::Venue::answer() {
  std::array<std::byte, 512> out;
  while (const size_t bytes = session.output(out, 1))
    (void)owner.network_.send(stream, {reinterpret_cast<const char*>(out.data()), bytes});
}

void Counterparties::Venue::on_closed(SocketId, int status) {
  throw std::runtime_error("the venue's connection is gone: " + std::to_string(status));
}

}  // namespace pinion::bench
