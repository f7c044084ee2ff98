// Connections and sessions, over the kernel's sockets on the loopback and a clock of this test.
#include "gateway/fix/acceptor.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "gateway/fix/conversation.h"
#include "gateway/net/kernel_network.h"

namespace pinion::fix {
namespace {

constexpr int kAcceptorPatienceMs = 10'000;

struct AcceptorClient : gateway::StreamHandler {
  void on_connected(gateway::SocketId) override { connected = true; }
  size_t on_received(gateway::SocketId, std::string_view bytes) override {
    received += bytes;
    return bytes.size();
  }
  void on_closed(gateway::SocketId, int) override { closed = true; }
  gateway::SocketId stream;
  std::string received;
  bool connected = false, closed = false;
};

struct AnyOrder : Application {
  Answer on_message(Session&, const Message&, const Now&) override {
    ++orders;
    return Answer::done;
  }
  int orders = 0;
};

struct DroppedStrangers : AcceptorWatcher {
  void on_dropped(const gateway::Endpoint& peer, const Session* whose, const char* why) override {
    last = peer.ip + ": " + why;
    of = whose;
    ++count;
  }
  std::string last;
  const Session* of = nullptr;
  int count = 0;
};

// A connection from another address of the loopback.
struct FromAnotherAddress {
  explicit FromAnotherAddress(uint16_t port) {
    fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(0x7f000002);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  ~FromAnotherAddress() { close(fd); }
  FromAnotherAddress(const FromAnotherAddress&) = delete;
  FromAnotherAddress& operator=(const FromAnotherAddress&) = delete;
  void send(const std::string& bytes) const {
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  int fd = -1;
};

class AcceptorTest : public ::testing::Test {
 protected:
  AcceptorTest() {
    for (const char* target : {"ONE", "TWO"}) {
      memory_.emplace_back(1 << 20);
      stores_.push_back(std::make_unique<Store>(memory_.back(), 1000));
      SessionConfig config;
      config.sender_comp_id = "US";
      config.target_comp_id = target;
      sessions_.push_back(std::make_unique<Session>(config, *stores_.back(), application_));
    }
    // A port that is free: the first that can be listened at.
    for (port_ = 20'000; port_ < 30'000; ++port_) {
      acceptor_ = std::make_unique<Acceptor>(
          AcceptorConfig{.listen = {"127.0.0.1", port_}, .strangers_max = 3, .watcher = &watcher_},
          network_);
      if (acceptor_->listen() == 0) break;
    }
    for (auto& session : sessions_) acceptor_->add(*session);
  }
  void connect(AcceptorClient& client) {
    ASSERT_EQ(network_.connect({"127.0.0.1", port_}, client, client.stream), 0);
    const uint64_t before = acceptor_->counters().accepted + acceptor_->counters().refused;
    ASSERT_TRUE(polled([&] {
      const AcceptorCounters& c = acceptor_->counters();
      return client.connected && c.accepted + c.refused > before;
    }));
  }
  template <class Condition>
  bool polled(const Condition& condition) {
    const timespec moment{0, 1'000'000};
    for (int i = 0; i < kAcceptorPatienceMs; ++i) {
      acceptor_->poll(now_);
      EXPECT_GE(network_.poll(), 0);
      if (condition()) return true;
      nanosleep(&moment, nullptr);
    }
    return false;
  }
  std::string logon(const std::string& from, const std::string& more = "98=0|108=30|") {
    char text[kTimestampBytes];
    const std::string time(text, write_timestamp(now_.utc_ns, text));
    return framed("35=A|34=1|49=" + from + "|52=" + time + "|56=US|" + more, "FIX.4.2");
  }

  Now now_{1'000'000'000, 1'795'860'000'000'000'000};
  AnyOrder application_;
  DroppedStrangers watcher_;
  gateway::KernelNetwork network_{{.streams_max = 16}};
  std::vector<std::vector<char>> memory_;
  std::vector<std::unique_ptr<Store>> stores_;
  std::vector<std::unique_ptr<Session>> sessions_;
  std::unique_ptr<Acceptor> acceptor_;
  uint16_t port_ = 0;
};

TEST_F(AcceptorTest, EachLogonFindsItsSession) {
  AcceptorClient one, two;
  connect(one);
  connect(two);
  ASSERT_TRUE(network_.send(two.stream, logon("TWO")));
  for (const char c : logon("ONE")) {  // a byte at a time
    ASSERT_TRUE(network_.send(one.stream, {&c, 1}));
    acceptor_->poll(now_);
    network_.poll();
  }
  EXPECT_TRUE(polled([&] { return !one.received.empty() && !two.received.empty(); }));
  EXPECT_TRUE(sessions_[0]->connected());
  EXPECT_TRUE(sessions_[1]->connected());
  EXPECT_NE(one.received.find("56=ONE"), std::string::npos);
  EXPECT_NE(two.received.find("56=TWO"), std::string::npos);
  network_.close(one.stream);
  EXPECT_TRUE(polled([&] { return !sessions_[0]->connected(); }));
  EXPECT_TRUE(sessions_[1]->connected());
}

TEST_F(AcceptorTest, StrangersAreDropped) {
  for (const std::string& bytes :
       {logon("THREE"), std::string("GET / HTTP/1.1\r\n\r\n"), logon("ONE", "98=0|"),
        std::string("8=FIX.4.2\x01"
                    "9=x\x01"
                    "10=000\x01")}) {
    AcceptorClient client;
    connect(client);
    ASSERT_TRUE(network_.send(client.stream, bytes));
    EXPECT_TRUE(polled([&] { return client.closed; })) << bytes;
    EXPECT_TRUE(client.received.empty()) << bytes;
  }
  EXPECT_EQ(acceptor_->counters().dropped_before_logon, 4u);
}

TEST_F(AcceptorTest, SilenceBeforeLogonIsDropped) {
  AcceptorClient client;
  connect(client);
  now_.monotonic_ns += 9'999'000'000;
  acceptor_->poll(now_);
  EXPECT_EQ(acceptor_->counters().dropped_before_logon, 0u);
  now_.monotonic_ns += 1'000'000;
  EXPECT_TRUE(polled([&] { return client.closed; }));
}

TEST_F(AcceptorTest, MoreConnectionsThanConfigured) {
  AcceptorClient clients[4];
  for (AcceptorClient& client : clients) connect(client);
  EXPECT_TRUE(polled([&] { return clients[3].closed; }));
  EXPECT_EQ(acceptor_->counters().refused, 1u);
  network_.close(clients[0].stream);  // makes room
  // Until that is noticed, a new one may still be refused.
  std::vector<std::unique_ptr<AcceptorClient>> again;
  while (acceptor_->counters().accepted == 3 && again.size() < 100) {
    again.push_back(std::make_unique<AcceptorClient>());
    connect(*again.back());
    if (HasFatalFailure()) return;
  }
  ASSERT_TRUE(network_.send(again.back()->stream, logon("ONE")));
  EXPECT_TRUE(polled([&] { return !again.back()->received.empty(); }));
}

// Idle connections were as good as sessions: whoever opened enough of them kept everybody out.
TEST_F(AcceptorTest, StrangersOfOneAddressDoNotKeepOutAnother) {
  AcceptorClient idle[4];
  for (AcceptorClient& client : idle) connect(client), ++now_.monotonic_ns;
  EXPECT_TRUE(polled([&] { return idle[3].closed; }));  // the fourth of its own address
  EXPECT_EQ(watcher_.last, "127.0.0.1: too many connections are without a Logon");
  const FromAnotherAddress other(port_);
  other.send(logon("ONE"));
  EXPECT_TRUE(polled([&] { return sessions_[0]->connected(); }));
  EXPECT_TRUE(polled([&] { return idle[0].closed; }));
  EXPECT_EQ(watcher_.last, "127.0.0.1: no Logon yet, and another one wants the place");
  EXPECT_FALSE(idle[1].closed || idle[2].closed);
  EXPECT_EQ(acceptor_->counters().refused, 1u);
  EXPECT_EQ(acceptor_->counters().dropped_before_logon, 1u);
}

// From as many addresses as there are places, or all behind one, they keep nobody out for long.
TEST_F(AcceptorTest, StrangersGiveWayWhenTheyDoNotLogOnSoon) {
  AcceptorClient idle[3], late;
  for (AcceptorClient& client : idle) connect(client), ++now_.monotonic_ns;
  now_.monotonic_ns += 500'000'000;
  connect(late);
  EXPECT_TRUE(polled([&] { return idle[0].closed; }));
  EXPECT_FALSE(idle[1].closed || idle[2].closed || late.closed);
  ASSERT_TRUE(network_.send(late.stream, logon("ONE")));
  EXPECT_TRUE(polled([&] { return sessions_[0]->connected(); }));
  EXPECT_EQ(acceptor_->counters().refused, 0u);
}

// There were sixteen places at a port in all, and up to 64 sessions in a configuration.
TEST_F(AcceptorTest, SessionsHavePlacesBesideThoseOfStrangers) {
  AcceptorClient one, two, idle[3];
  connect(one);
  connect(two);
  ASSERT_TRUE(network_.send(one.stream, logon("ONE")));
  ASSERT_TRUE(network_.send(two.stream, logon("TWO")));
  EXPECT_TRUE(polled([&] { return sessions_[0]->connected() && sessions_[1]->connected(); }));
  for (AcceptorClient& client : idle) connect(client);
  EXPECT_EQ(acceptor_->counters().accepted, 5u);
  EXPECT_EQ(acceptor_->counters().refused, 0u);
}

TEST_F(AcceptorTest, WhyAStrangerIsDroppedIsTold) {
  AcceptorClient client;
  connect(client);
  ASSERT_TRUE(network_.send(client.stream, logon("ONE")));
  ASSERT_TRUE(polled([&] { return sessions_[0]->connected(); }));
  const auto time = now_.utc_ns;
  now_.utc_ns -= int64_t{3600} * 1'000'000'000;
  const std::string early = logon("TWO");
  now_.utc_ns = time;
  const Session *one = sessions_[0].get(), *two = sessions_[1].get();
  const struct {
    std::string bytes, why;
    const Session* of = nullptr;
  } cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", "what it sent first is no FIX message"},
      {logon("THREE"), "no session here has its BeginString, SenderCompID and TargetCompID"},
      {logon("ONE"), "its session is connected already", one},
      {early, "SendingTime is too far from this clock", two},
      {logon("TWO", "98=1|108=30|"), "EncryptMethod is not 0", two},
      {logon("TWO", "98=0|108=-1|"), "HeartBtInt is wrong", two},
      {logon("TWO", "98=0|"), "its Logon has a wrong field", two},
  };
  for (const auto& c : cases) {
    AcceptorClient stranger;
    connect(stranger);
    ASSERT_TRUE(network_.send(stranger.stream, c.bytes));
    EXPECT_TRUE(polled([&] { return stranger.closed; })) << c.why;
    EXPECT_EQ(watcher_.last, "127.0.0.1: " + c.why);
    EXPECT_EQ(watcher_.of, c.of) << c.why;
  }
  EXPECT_EQ(watcher_.count, 7);
  EXPECT_TRUE(sessions_[0]->connected());
}

}  // namespace
}  // namespace pinion::fix
