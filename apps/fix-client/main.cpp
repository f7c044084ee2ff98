// fix-client: a client of the gateway, over the kernel's sockets. Logs on, reads the market data,
// trades from a seed, comes back when the connection breaks, cancels everything at the end, waits
// for every answer, and says what it counted. Or, as a drop copy, only counts, until the gateway
// logs it out. Status 1: something is missing, or came twice.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>

#include "fix-client/trader.h"
#include "gateway/fix/store_file.h"
#include "gateway/net/kernel_network.h"

namespace {

using namespace pinion;
using namespace pinion::fix_client;

volatile sig_atomic_t stop = 0;

int64_t clock_ns(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return t.tv_sec * kSecond + t.tv_nsec;
}

struct Options {
  std::string connect = "127.0.0.1:9878", sender = "CLIENT1", target = "GATEWAY";
  std::string bind = "127.0.0.1", line_a = "239.192.1.1:26477", line_b = "239.192.1.2:26477";
  std::string snapshot, retransmit, snapshot_user = "USER01", snapshot_password = "PASSWORD";
  std::string version = "fix42";
  TraderConfig trader{.symbols = {"AAPL", "MSFT", "META"}};
  double rate = 1'000, duration_s = 0, patience_s = 30;
  uint64_t count = 0, store_mb = 256;
  uint32_t heartbeat_s = 30;
  bool spin = false;
};

gateway::Endpoint endpoint(const std::string& text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string::npos) return {text, 0};
  return {text.substr(0, colon), static_cast<uint16_t>(std::stoul(text.substr(colon + 1)))};
}

gateway::MarketDataConfig market_config(const Options& o) {
  gateway::MarketDataConfig out;
  for (const std::string& line : {o.line_a, o.line_b}) {
    if (line.empty()) continue;
    const gateway::Endpoint at = endpoint(line);
    out.lines.push_back({.nic = {}, .address = o.bind, .group = at.ip, .source = {},
                         .port = at.port});
  }
  if (!o.retransmit.empty()) out.retransmit_servers = {endpoint(o.retransmit)};
  if (!o.snapshot.empty()) out.snapshot.server = endpoint(o.snapshot);
  out.symbols = o.trader.symbols;
  return out;
}

// The connection, again and again.
class Line final : public gateway::StreamHandler, public fix::Wire {
 public:
  Line(gateway::Network& network, gateway::Endpoint to, fix::Session& session)
      : network_(network), to_(std::move(to)), session_(session) {}

  void poll(const fix::Now& now) {
    now_ = now;
    session_.poll(now);
    if (open_ || now.monotonic_ns < retry_at_) return;
    retry_at_ = now.monotonic_ns + 100 * kMilli;
    open_ = network_.connect(to_, *this, stream_) == 0;
  }
  bool send(std::string_view message) override { return network_.send(stream_, message); }
  size_t room() const override { return network_.room(stream_); }
  void close() override {
    if (std::exchange(open_, false)) network_.close(stream_);
  }
  void on_connected(gateway::SocketId) override { session_.initiate(*this, now_); }
  size_t on_received(gateway::SocketId, std::string_view bytes) override {
    size_t used = 0;
    while (open_) {
      const fix::Frame frame = fix::next_frame(bytes.substr(used));
      if (frame.status == fix::FrameStatus::more) break;
      if (frame.status == fix::FrameStatus::garbled) session_.on_garbled();
      else session_.on_frame(bytes.substr(used, frame.bytes), now_);
      used += frame.bytes;
    }
    return used;
  }
  void on_closed(gateway::SocketId, int) override {
    open_ = false;
    retry_at_ = now_.monotonic_ns + 100 * kMilli;
    session_.on_disconnect(now_);
  }

 private:
  gateway::Network& network_;
  gateway::Endpoint to_;
  fix::Session& session_;
  gateway::SocketId stream_;
  bool open_ = false;
  Nanos retry_at_ = 0;
  fix::Now now_;
};

void print(const Trader& trader, const Options& o) {
  const Totals& t = trader.totals();
  const auto n = [](uint64_t v) { return static_cast<unsigned long long>(v); };
  std::printf("orders=%llu cancels=%llu replaces=%llu accepted=%llu fills=%llu shares=%llu\n",
              n(t.orders), n(t.cancels), n(t.replaces), n(t.accepted), n(t.fills), n(t.shares));
  std::printf("cancelled=%llu replaced=%llu refused=%llu cancel_rejects=%llu\n", n(t.cancelled),
              n(t.replaced), n(t.refused), n(t.cancel_rejects));
  for (const auto& [text, count] : t.reasons)
    std::printf("reason %llu %s\n", n(count), text.c_str());
  for (const std::string& symbol : o.trader.symbols)
    std::printf("position %s %lld\n", symbol.c_str(),
                static_cast<long long>(trader.position(symbol)));
  std::printf("open=%zu unanswered=%zu reports=%zu twice=%llu strange=%llu\n", trader.open(),
              trader.unanswered(), trader.reports(), n(t.twice), n(t.strange));
}

// How far a drop copy is: whoever ends its gateway may want to wait for the last one.
class Progress {
 public:
  void tell(const Trader& trader, Nanos now) {
    if (now < next_ || trader.reports() == told_) return;
    next_ = now + 100 * kMilli;
    told_ = trader.reports();
    std::printf("fix-client: %zu reports\n", told_);
    std::fflush(stdout);
  }

 private:
  size_t told_ = 0;
  Nanos next_ = 0;
};

bool all_well(const Trader& trader) {
  return trader.open() == 0 && trader.unanswered() == 0 && trader.totals().twice == 0 &&
         trader.totals().strange == 0;
}

int run(const Options& o) {
  gateway::KernelNetwork network({.streams_max = 16, .datagrams_max = 512});
  market::MarketData market(market_config(o), {o.snapshot_user, o.snapshot_password}, network);
  if (market.open() != 0) {
    std::fprintf(stderr, "fix-client: %s\n", market.error().c_str());
    return 2;
  }
  std::vector<char> memory(o.store_mb << 20);
  fix::Store store(memory, memory.size() / 256);
  Trader trader(o.trader, market);
  fix::SessionConfig config;
  config.version = o.version == "fix44" ? fix::Version::fix44 : fix::Version::fix42;
  config.sender_comp_id = o.sender, config.target_comp_id = o.target;
  config.reset_on_logon = false;
  config.heartbeat_s = o.heartbeat_s;
  fix::Session session(config, store, trader);
  Line line(network, endpoint(o.connect), session);
  Nanos next = 0, ends = kNever, gives_up = kNever;
  Progress progress;
  const Nanos interval = static_cast<Nanos>(1e9 / o.rate);
  const timespec nap{0, 20'000};
  for (;;) {
    const fix::Now now{clock_ns(CLOCK_MONOTONIC), clock_ns(CLOCK_REALTIME)};
    line.poll(now);
    market.poll(now.monotonic_ns);
    const int events = network.poll();
    if (o.trader.watch) progress.tell(trader, now.monotonic_ns);
    if (next == 0 && trader.logged_on()) {
      next = now.monotonic_ns;
      if (o.duration_s > 0) ends = next + static_cast<Nanos>(o.duration_s * 1e9);
      std::printf("fix-client: logged on\n");
      std::fflush(stdout);
    }
    const bool over = stop != 0 || now.monotonic_ns >= ends ||
                      (o.count != 0 && trader.totals().orders >= o.count);
    if (!over) {
      for (int i = 0; i < 8 && next != 0 && next <= now.monotonic_ns; ++i, next += interval)
        if (!o.trader.watch) (void)trader.act(session, now);
      if (next != 0 && next < now.monotonic_ns - 50 * kMilli) next = now.monotonic_ns;
    } else {
      if (gives_up == kNever)
        gives_up = now.monotonic_ns + static_cast<Nanos>(o.patience_s * 1e9);
      trader.cancel_all(session, now);
      if (o.trader.watch ? !trader.logged_on()
                         : trader.unanswered() == 0 && trader.open() == 0)
        break;
      if (now.monotonic_ns > gives_up) break;
    }
    if (events == 0 && !o.spin) nanosleep(&nap, nullptr);
  }
  print(trader, o);
  return all_well(trader) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  CLI::App app{
      "A client that trades with the gateway. Status 1: an answer is missing or came twice."};
  app.add_option("--connect", o.connect, "The gateway's session")->capture_default_str();
  app.add_option("--sender", o.sender, "Our SenderCompID")->capture_default_str();
  app.add_option("--target", o.target, "The gateway's CompID")->capture_default_str();
  app.add_option("--version", o.version, "fix42 or fix44")
      ->check(CLI::IsMember({"fix42", "fix44"}))
      ->capture_default_str();
  app.add_option("--bind", o.bind, "Interface of the market data")->capture_default_str();
  app.add_option("--line-a", o.line_a, "")->capture_default_str();
  app.add_option("--line-b", o.line_b, "")->capture_default_str();
  app.add_option("--snapshot", o.snapshot, "GLIMPSE server");
  app.add_option("--retransmit", o.retransmit, "Re-request server");
  app.add_option("--symbols", o.trader.symbols, "Comma-separated")
      ->delimiter(',')
      ->capture_default_str();
  app.add_option("--seed", o.trader.seed, "")->capture_default_str();
  app.add_option("--rate", o.rate, "Actions a second")->check(CLI::Range(0.1, 1e6))
      ->capture_default_str();
  app.add_option("--count", o.count, "New orders; 0: until the duration or SIGTERM");
  app.add_option("--duration-s", o.duration_s, "From the logon on");
  app.add_option("--store-mb", o.store_mb, "Of what can be sent again")
      ->check(CLI::Range(1, 8192))
      ->capture_default_str();
  app.add_option("--patience-s", o.patience_s, "For the last answers")->capture_default_str();
  app.add_flag("!--no-bad-orders", o.trader.bad_orders, "Nothing that risk must refuse");
  app.add_option("--heartbeat-s", o.heartbeat_s, "")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_flag("--watch", o.trader.watch,
               "A drop copy: sends nothing and counts, after SIGTERM until it is logged out");
  app.add_flag("--spin", o.spin, "Never sleep");
  CLI11_PARSE(app, argc, argv);
  struct sigaction action {};
  action.sa_handler = [](int) { stop = 1; };
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return run(o);
}
