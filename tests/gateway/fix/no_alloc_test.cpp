// Once a session is made, its message path takes no memory: logon, orders, answers, a gap, a
// resend, rejects and heartbeats, with the allocator counted.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/fix/session.h"
#include "gateway/support/count_allocations.h"

namespace pinion::fix {
namespace {

struct QuietPeer : Wire, Application {
  bool send(std::string_view) override { return ++sent != 0; }
  size_t room() const override { return 1 << 20; }
  void close() override {}
  Answer on_message(Session& session, const Message& m, const Now& now) override {
    if (!m.is_type('D')) return Answer::unsupported;
    Encoder e = session.begin("8", now, reversed(m));
    e.text(kClOrdID, m.value(kClOrdID));
    e.decimal(kPrice, 125'000, 4);
    session.send(e, now);
    return Answer::done;
  }
  size_t sent = 0;
};

std::string quiet_message(const std::string& type, int number, std::string rest) {
  std::string body = "35=" + type + "|34=" + std::to_string(number) +
                     "|49=TW|52=20261128-10:00:00|56=ISLD|" + rest;
  for (char& c : body)
    if (c == '|') c = kSoh;
  std::string all = std::string("8=FIX.4.2") + kSoh + "9=" + std::to_string(body.size()) + kSoh;
  all += body;
  unsigned sum = 0;
  for (const char c : all) sum += static_cast<unsigned char>(c);
  return all + "10=" + std::to_string(1000 + sum % 256).substr(1) + kSoh;
}

TEST(FixNoAllocation, OnTheMessagePath) {
  const std::string order = "11=id|21=1|38=100|40=2|44=12.50|54=1|55=AAPL|60=20261128-10:00:00|";
  std::vector<std::string> input = {quiet_message("A", 1, "98=0|108=10|")};
  for (int n = 2; n < 500; ++n) input.push_back(quiet_message("D", n, order));
  std::swap(input[100], input[102]);  // a gap, and its filling
  input.push_back(quiet_message("0", 500, "999=x|"));
  input.push_back(quiet_message("k", 501, ""));
  input.push_back(quiet_message("1", 502, "112=x|"));
  input.push_back(quiet_message("2", 503, "7=1|16=0|"));
  std::vector<char> memory(4 << 20);
  Store store(memory, 10'000);
  QuietPeer peer;
  Session session({.sender_comp_id = "ISLD", .target_comp_id = "TW"}, store, peer);
  Now now{1'000'000'000, 1'795'860'000'000'000'000};
  const size_t before = testing::allocations;
  ASSERT_TRUE(session.accept(peer, input[0], now));
  for (size_t i = 1; i < input.size(); ++i) {
    const std::string_view bytes = input[i];
    ASSERT_EQ(next_frame(bytes).status, FrameStatus::message);
    session.on_frame(bytes, now);
    session.poll(now);
  }
  for (int i = 0; i < 20; ++i) {
    now.monotonic_ns += 1'000'000'000;
    session.poll(now);
  }
  const size_t during = testing::allocations - before;
  EXPECT_EQ(during, 0u);
  EXPECT_GT(before, 500u);  // they are counted
  EXPECT_TRUE(session.connected());
  EXPECT_EQ(store.next_in(), 504u);
  EXPECT_GT(peer.sent, 1000u);  // the answers to the orders, twice
}

}  // namespace
}  // namespace pinion::fix
