// Trades against the program over loopback, in a network namespace of this process: the gateway's
// SoupBinTCP client, MoldUDP64 receiver and books against the simulator's servers, with lines that
// lose a fifth of their packets. The namespace ends with the process, the simulator by a signal.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/rng.h"
#include "exchange-sim/latency.h"
#include "exchange-sim/sockets.h"
#include "exchange-sim/venue.h"
#include "gateway/book/feed.h"
#include "gateway/moldudp64/receiver.h"
#include "gateway/ouch/ouch.h"
#include "gateway/soupbintcp/client.h"
#include "gateway/support/simulator.h"

namespace pinion::exchange {
namespace {

// A SoupBinTCP client on a kernel socket.
struct SoupOnSocket {
  SoupOnSocket(const sockaddr_in& to, const soupbintcp::ClientConfig& config)
      : to_(to), client(config) {}

  template <class OnMessage>
  void poll(OnMessage&& on_message) {
    const Nanos now = monotonic_now();
    client.poll(now);
    if (client.wants_close()) disconnected(now);
    if (client.wants_connection(now)) connect_now(now);
    if (fd.get() < 0) return;
    flush(now);
    std::byte room[1 << 14];
    const ssize_t n = recv(fd.get(), room, sizeof room, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN)) return disconnected(now);
    if (n < 0) return;
    in.insert(in.end(), room, room + n);
    const size_t used = client.input(in, now, on_message);
    in.erase(in.begin(), in.begin() + static_cast<ptrdiff_t>(used));
  }
  template <class Message>
  void send(const Message& m) {
    std::byte room[256];
    const size_t n = client.send(bytes_of_message(m), room, monotonic_now());
    ASSERT_GT(n, 0u);
    ASSERT_EQ(::send(fd.get(), room, n, MSG_NOSIGNAL), static_cast<ssize_t>(n));
  }

  sockaddr_in to_;
  soupbintcp::Client client;
  Fd fd;
  std::vector<std::byte> in;
  int breaks = 0;

 private:
  void connect_now(Nanos now) {
    client.on_connecting(now);
    fd = Fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&to_), sizeof to_) != 0) {
      return disconnected(now);
    }
    client.on_connected(now);
  }
  void disconnected(Nanos now) {
    fd = Fd();
    in.clear();
    ++breaks;
    client.on_closed(now);
  }
  void flush(Nanos now) {
    std::byte room[256];
    while (const size_t n = client.output(room, now)) ::send(fd.get(), room, n, MSG_NOSIGNAL);
  }
};

Fd join(const sockaddr_in& group) {
  Fd fd = bind_udp(group);
  ip_mreq request{};
  request.imr_multiaddr = group.sin_addr;
  request.imr_interface.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(setsockopt(fd.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request), 0);
  const int bytes = 4 << 20;
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  return fd;
}

soupbintcp::ClientConfig login() {
  return {.username = Alpha<6>::of("user01"),
          .password = Alpha<10>::of("PASSWORD"),
          .reconnect_first = 10 * kMilli};
}

// A gateway's venue side, over kernel sockets.
struct Participant {
  explicit Participant(Simulator& simulator, moldudp64::ReceiverConfig config = {})
      : orders(simulator.places["ouch"], login()),
        glimpse(simulator.places["glimpse"], login()),
        receiver(config),
        retransmit_to(simulator.places["retransmit"]),
        a(join(simulator.places["a"])),
        b(join(simulator.places["b"])),
        retransmit(bind_udp(parse_endpoint("127.0.0.1"))) {}

  void poll() {
    receive(a, moldudp64::Line::a);
    receive(b, moldudp64::Line::b);
    receive(retransmit, moldudp64::Line::retransmit);
    const Nanos now = monotonic_now();
    receiver.poll(now, feed);
    std::byte room[32];
    uint32_t server = 0;
    if (const size_t n = receiver.request(room, server, now)) {
      sendto(retransmit.get(), room, n, 0, reinterpret_cast<sockaddr*>(&retransmit_to),
             sizeof retransmit_to);
    }
    orders.poll([&](uint64_t, Bytes message) {
      EXPECT_EQ(ouch::answer::read(message, [&](const auto& m, Bytes) { on(m); }), Read::ok);
    });
    if (use_glimpse) poll_glimpse();
    pollfd fds[] = {{a.get(), POLLIN, 0},
                    {b.get(), POLLIN, 0},
                    {retransmit.get(), POLLIN, 0},
                    {orders.fd.get(), POLLIN, 0}};
    ::poll(fds, 4, 1);
  }
  template <class Condition>
  bool poll_until(Condition condition, Nanos within = 20 * kSecond) {
    for (const Nanos end = monotonic_now() + within; !condition();) {
      if (monotonic_now() > end) return false;
      poll();
    }
    return true;
  }
  void enter(uint32_t ref, char side, uint32_t quantity, uint64_t price, char tif = '0') {
    auto m = ouch::make<ouch::request::EnterOrder>();
    m.user_ref = be32::of(ref), m.side = Char::of(side), m.quantity = be32::of(quantity);
    m.symbol = Alpha<8>::of("AAPL"), m.price = be64::of(price), m.time_in_force = Char::of(tif);
    m.display = Char::of('Y'), m.capacity = Char::of('A'), m.sweep_eligible = Char::of('N');
    m.cross = Char::of('N'), m.cl_ord_id = Alpha<14>::of(stamp_text(monotonic_now()));
    orders.send(m);
  }
  const book::Book& aapl() const { return books.at(0); }

  book::Books books{book::BooksConfig{{"AAPL", "MSFT"}, 100'000, 4'096}};
  book::Feed feed{books, {100'000, 4'000'000}};
  SoupOnSocket orders, glimpse;
  moldudp64::Receiver receiver;
  bool use_glimpse = false;
  int accepted = 0, executed = 0, cancelled = 0, rejected = 0, day_events = 0;
  uint32_t shares_executed = 0, next_user_ref = 0;
  uint64_t last_order_ref = 0;

 private:
  void on(const ouch::answer::Accepted& m) { ++accepted, last_order_ref = m.order_ref.get(); }
  void on(const ouch::answer::Executed& m) { ++executed, shares_executed += m.quantity.get(); }
  void on(const ouch::answer::Cancelled&) { ++cancelled; }
  void on(const ouch::answer::Rejected&) { ++rejected; }
  void on(const ouch::answer::SystemEvent&) { ++day_events; }
  void on(const ouch::answer::AccountResponse& m) { next_user_ref = m.next_user_ref.get(); }
  template <class Message>
  void on(const Message&) {
    ADD_FAILURE() << "no such answer was asked for: " << Message::kType;
  }
  void receive(Fd& fd, moldudp64::Line line) {
    std::byte room[1 << 14];
    for (ssize_t n = 0; (n = recv(fd.get(), room, sizeof room, MSG_DONTWAIT)) >= 0;) {
      receiver.input(line, Bytes{room, static_cast<size_t>(n)}, monotonic_now(), feed);
    }
  }
  void poll_glimpse() {
    if (feed.wants_snapshot()) {
      glimpse.client = soupbintcp::Client(login());
      glimpse.fd = Fd();
      glimpse.in.clear();
      feed.begin_snapshot();
    }
    if (feed.live()) return;
    glimpse.poll([&](uint64_t, Bytes m) { feed.snapshot_message(m, 0, UINT64_MAX); });
  }

  sockaddr_in retransmit_to;
  Fd a, b, retransmit;
};

std::vector<std::string> badly(std::vector<std::string> more = {}) {
  std::vector<std::string> out = {"--symbols",     "AAPL,MSFT", "--loss-a",       "0.2",
                                  "--loss-b",      "0.2",       "--reorder-a",    "0.1",
                                  "--duplicate-b", "0.1",       "--seed",         "11",
                                  "--heartbeat-s", "0.2",       "--messages-max", "1000000"};
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

// Two independent ways to the same books: the healed stream, and a snapshot of the end.
void expect_books_of_the_snapshot(Simulator& simulator, const book::Books& books) {
  SoupOnSocket glimpse(simulator.places["glimpse"], login());
  book::Books late({{"AAPL", "MSFT"}, 100'000, 4'096});
  book::Feed feed(late, {10, 1'000});
  feed.begin_snapshot();
  for (const Nanos end = monotonic_now() + 5 * kSecond; !feed.live() && monotonic_now() < end;) {
    glimpse.poll([&](uint64_t, Bytes m) { feed.snapshot_message(m, 0, UINT64_MAX); });
  }
  ASSERT_TRUE(feed.live());
  for (size_t i = 0; i < books.size(); ++i) {
    for (const auto side : {&book::Book::bids, &book::Book::asks}) {
      const book::Levels &x = books.at(i).*side, &y = late.at(i).*side;
      ASSERT_EQ(x.size(), y.size());
      ASSERT_GT(x.size(), 0u) << "nothing was traded";
      for (size_t k = 0; k < x.size(); ++k) EXPECT_EQ(x.at(k), y.at(k)) << i << " " << k;
    }
  }
}

TEST(VenueOverLoopback, BadLinesHealAndBooksAreEqualAtTheEnd) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator(badly({"--traders-per-s", "2000", "--linger-s", "3"}));
  Participant p(simulator, {.first = 1, .request_timeout = 20 * kMilli, .attempts = 100});
  ASSERT_TRUE(p.poll_until([&] {
    return p.feed.live() && p.orders.client.state() == soupbintcp::ClientState::active &&
           p.receiver.expected() > 2'000 && p.aapl().bids.best() && p.aapl().asks.best();
  }));
  p.enter(1, 'B', 100, 1'000);  // far away: it rests
  ASSERT_TRUE(p.poll_until([&] { return p.accepted == 1 && p.receiver.live(); }));
  p.enter(2, 'B', 10'000, 1'500'000, '3');  // far through the market, and no more
  ASSERT_TRUE(p.poll_until([&] { return p.accepted == 2 && p.cancelled + p.executed > 0; }));
  EXPECT_GT(p.shares_executed, 0u);
  auto query = ouch::make<ouch::request::AccountQuery>();
  p.orders.send(query);
  ASSERT_TRUE(p.poll_until([&] { return p.next_user_ref == 3; }));

  simulator.interrupt();
  ASSERT_TRUE(p.poll_until([&] { return p.feed.ended(); }));
  ASSERT_TRUE(p.poll_until([&] {
    return p.orders.client.state() == soupbintcp::ClientState::ended && p.day_events == 2;
  }));
  EXPECT_TRUE(p.aapl().fresh());
  EXPECT_EQ(p.receiver.counters().given_up, 0u);
  EXPECT_GT(p.receiver.counters().requests, 0u) << "the lines were better than ordered";
  EXPECT_GT(p.receiver.line(moldudp64::Line::b).won, 0u);
  EXPECT_GT(p.receiver.line(moldudp64::Line::b).lost, 0u);
  expect_books_of_the_snapshot(simulator, p.books);
  const std::string summary = simulator.finish();
  EXPECT_NE(summary.find("account USER01  2 entered"), std::string::npos) << summary;
  EXPECT_NE(summary.find("order to wire, by stamped ClOrdIDs    2, p50"), std::string::npos);
}

TEST(VenueOverLoopback, ABreakLosesNoAnswer) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator(
      {"--traders-per-s", "0", "--symbols", "AAPL,MSFT", "--messages-max", "100000"});
  Participant p(simulator);
  const auto active = [&] { return p.orders.client.state() == soupbintcp::ClientState::active; };
  ASSERT_TRUE(p.poll_until(active));
  for (uint32_t round = 1; round <= 5; ++round) {
    p.enter(round, 'B', 100, 1'000 + round);
    simulator.command("disconnect");  // the answer may be lost with the connection
    ASSERT_TRUE(
        p.poll_until([&] { return p.orders.breaks == static_cast<int>(round) && active(); }));
    // Whether it arrived is not known, so it is sent again; if it did, that is a repeat.
    p.enter(round, 'B', 100, 1'000 + round);
    ASSERT_TRUE(p.poll_until([&] { return p.accepted == static_cast<int>(round); }));
  }
  EXPECT_EQ(p.rejected, 0);
  const std::string summary = simulator.finish();
  EXPECT_NE(summary.find("account USER01  5 entered"), std::string::npos) << summary;
  EXPECT_NE(summary.find("open orders   5"), std::string::npos) << summary;
}

TEST(VenueOverLoopback, HaltsRefuseOrdersAndShowInTheBook) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator({"--traders-per-s", "0", "--symbols", "AAPL,MSFT", "--heartbeat-s", "0.1",
                       "--messages-max", "100000"});
  Participant p(simulator, {.first = 1, .request_timeout = 20 * kMilli});
  ASSERT_TRUE(p.poll_until([&] {
    return p.orders.client.state() == soupbintcp::ClientState::active &&
           p.aapl().trading_state == 'T' && p.aapl().reg_sho == '0';
  }));
  simulator.command("halt AAPL");
  simulator.command("regsho AAPL 1");
  ASSERT_TRUE(
      p.poll_until([&] { return p.aapl().trading_state == 'H' && p.aapl().reg_sho == '1'; }));
  p.enter(1, 'B', 100, 1'000);
  ASSERT_TRUE(p.poll_until([&] { return p.rejected == 1; }));
  simulator.command("trade AAPL");
  ASSERT_TRUE(p.poll_until([&] { return p.aapl().trading_state == 'T'; }));
  p.enter(2, 'B', 100, 1'000);
  ASSERT_TRUE(p.poll_until([&] { return p.aapl().bids.best() != nullptr; }));
  EXPECT_EQ(p.aapl().bids.best()->price, 1'000u);
}

TEST(VenueOverLoopback, LateJoinerAndAHopelessHoleAreHealedBySnapshots) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  Simulator simulator({"--traders-per-s", "3000", "--symbols", "AAPL,MSFT", "--seed", "3",
                       "--heartbeat-s", "0.1", "--linger-s", "3", "--messages-max", "1000000",
                       "--retransmit-loss", "1"});
  // Nobody answers re-requests, so a hole can only be given up.
  Participant p(simulator, {.request_timeout = 5 * kMilli, .attempts = 2});
  p.use_glimpse = true;
  ASSERT_TRUE(p.poll_until([&] { return p.aapl().fresh() && p.feed.snapshots_merged() == 1; }));
  simulator.command("lose 20");
  ASSERT_TRUE(p.poll_until([&] { return p.receiver.counters().given_up > 0; }));
  ASSERT_TRUE(p.poll_until([&] { return p.aapl().fresh() && p.feed.snapshots_merged() >= 2; }));
  simulator.interrupt();
  ASSERT_TRUE(p.poll_until([&] { return p.feed.ended(); }));
  EXPECT_TRUE(p.aapl().fresh());
  expect_books_of_the_snapshot(simulator, p.books);
}

// Killed while it trades, again and again: the successor goes on with the same streams. The client
// resumes by its number, asks where the venue stands, and sends again what did not arrive.
TEST(VenueOverLoopback, KilledItGoesOnWithTheSameDay) {
  if (!enter_namespace()) GTEST_SKIP() << "not allowed to make a network namespace";
  char log[] = "/tmp/pinion-exchange-sim-XXXXXX";
  close(mkstemp(log));
  const std::vector<std::string> options = {
      "--traders-per-s", "2000", "--symbols",  "AAPL,MSFT", "--seed",         "9",
      "--heartbeat-s",   "0.1",  "--linger-s", "3",         "--messages-max", "1000000",
      "--log",           log};
  auto simulator = std::make_unique<Simulator>(options);
  const Simulator::Places places = simulator->places;
  Participant p(*simulator, {.first = 1, .request_timeout = 20 * kMilli, .attempts = 500});
  const auto active = [&] { return p.orders.client.state() == soupbintcp::ClientState::active; };
  Rng rng(4);
  uint32_t sent = 0;
  int breaks = -1;  // until the client has seen that its server is another one
  for (int round = 0; round < 6; ++round) {
    ASSERT_TRUE(p.poll_until([&] { return active() && p.orders.breaks > breaks; })) << round;
    p.next_user_ref = 0;
    p.orders.send(ouch::make<ouch::request::AccountQuery>());
    ASSERT_TRUE(p.poll_until([&] { return p.next_user_ref != 0; })) << round;
    sent = p.next_user_ref - 1;
    for (uint32_t n = 1 + rng.below(20); n > 0; --n) {
      ++sent;
      p.enter(sent, sent % 2 ? 'B' : 'S', 100, sent % 3 ? 1'000'000 : 1'050'000);
      if (rng.chance(0.3)) p.poll();
    }
    if (round == 5) break;
    breaks = p.orders.breaks;
    simulator->kill_now();
    simulator = std::make_unique<Simulator>(options, places);
  }
  ASSERT_TRUE(p.poll_until([&] { return p.accepted == static_cast<int>(sent); }));
  simulator->interrupt();
  ASSERT_TRUE(p.poll_until([&] { return p.feed.ended() && p.day_events == 2; }));
  EXPECT_EQ(p.accepted, static_cast<int>(sent)) << "each order once";
  EXPECT_EQ(p.orders.client.missed(), 0u);
  EXPECT_EQ(p.receiver.counters().given_up, 0u);
  expect_books_of_the_snapshot(*simulator, p.books);
  const std::string summary = simulator->finish();
  EXPECT_NE(summary.find("USER01  " + std::to_string(sent) + " entered"), std::string::npos)
      << summary;
  EXPECT_NE(summary.find(std::to_string(p.shares_executed) + " shares"), std::string::npos)
      << summary;
  unlink(log);
}

TEST(VenueOverLoopback, HelpAndMistakes) {
  const std::string sim = PINION_EXCHANGE_SIM;
  EXPECT_EQ(std::system((sim + " --help | grep -q -- --retransmit-loss").c_str()), 0);
  EXPECT_NE(std::system((sim + " --loss-a 2 >/dev/null 2>&1").c_str()), 0);
  EXPECT_NE(std::system((sim + " --user NOPASSWORD >/dev/null 2>&1").c_str()), 0);
  EXPECT_NE(std::system((sim + " --line-a nowhere >/dev/null 2>&1").c_str()), 0);
}

}  // namespace
}  // namespace pinion::exchange
