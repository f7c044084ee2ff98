// The mailbox between two real threads: every question has its own answer, a long answer comes in
// pieces of bounded work, and what was withdrawn is never done.
#include "gateway/control/mailbox.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include "e2e/process.h"
#include "gateway/support/count_allocations.h"

namespace pinion::control {
namespace {

using e2e::kPatienceMs;
using e2e::within;

constexpr uint64_t kListed = 100'000;

// "list": kListed rows. Anything else comes back as it was.
void answer_command(std::string_view line, Answer& out) {
  if (line != "list") {
    out.facts("echo").text("line", line);
    return;
  }
  for (uint64_t i = out.cursor(); i < kListed; ++i) {
    if (!out.may_go_on()) return out.more(i);
    out.row("orders").number("order", i).text("symbol", "AAPL").decimal("price", 1'234'500, 4);
  }
}

// A trading thread that has nothing to do but this.
class Trading {
 public:
  explicit Trading(Mailbox& mailbox)
      : thread_([this, &mailbox] {
          while (!stop_.load(std::memory_order_relaxed)) {
            const size_t before = testing::allocations;
            uint32_t rows = 0;
            mailbox.serve([&](std::string_view line, Answer& out) {
              const size_t size = out.text().size();
              answer_command(line, out);
              const std::string_view added = out.text().substr(size);
              rows = static_cast<uint32_t>(std::count(added.begin(), added.end(), '\n'));
            });
            rows_max_ = std::max(rows_max_, rows);
            allocations_ += testing::allocations - before;
          }
        }) {}
  ~Trading() { join(); }
  void join() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After join().
  uint32_t rows_max() const { return rows_max_; }
  size_t allocations() const { return allocations_; }

 private:
  std::atomic<bool> stop_ = false;
  uint32_t rows_max_ = 0;
  size_t allocations_ = 0;
  std::thread thread_;
};

std::string ask(Mailbox& mailbox, std::string_view line) {
  std::string all;
  uint64_t cursor = 0;
  for (bool more = true; more;) {
    EXPECT_TRUE(mailbox.ask(line, cursor));
    EXPECT_FALSE(mailbox.ask(line, cursor));
    const Answer* answer = nullptr;
    EXPECT_TRUE(within(kPatienceMs, [&] { return (answer = mailbox.answer()) != nullptr; }));
    if (answer == nullptr) return all;
    EXPECT_EQ(answer->rows_left_out(), 0u);
    all += answer->text();
    more = answer->wants_more();
    cursor = answer->next();
    mailbox.finish();
  }
  return all;
}

TEST(Mailbox, EveryQuestionHasItsAnswer) {
  Mailbox mailbox;
  Trading trading(mailbox);
  for (int i = 0; i < 500; ++i) {
    const std::string line = "question " + std::to_string(i);
    ASSERT_EQ(ask(mailbox, line), "{\"facts\":\"echo\",\"line\":\"" + line + "\"}\n");
  }
  const std::string longest(Mailbox::kLineMax, 'x');
  EXPECT_EQ(ask(mailbox, longest), "{\"facts\":\"echo\",\"line\":\"" + longest + "\"}\n");
  trading.join();
  EXPECT_EQ(trading.allocations(), 0u);
}

TEST(Mailbox, AHundredThousandRowsInTurnsOfBoundedWork) {
  Mailbox mailbox;
  Trading trading(mailbox);
  const std::string all = ask(mailbox, "list");
  trading.join();
  EXPECT_LE(trading.rows_max(), Answer::kRowsPerTurn);
  EXPECT_EQ(trading.allocations(), 0u);
  size_t at = 0;
  for (uint64_t i = 0; i < kListed; ++i) {
    const std::string row = "{\"row\":\"orders\",\"order\":" + std::to_string(i) +
                            ",\"symbol\":\"AAPL\",\"price\":\"123.4500\"}\n";
    ASSERT_EQ(all.compare(at, row.size(), row), 0) << i;
    at += row.size();
  }
  EXPECT_EQ(at, all.size());
}

TEST(Mailbox, WithdrawnBeforeItBeganIsNeverDone) {
  Mailbox mailbox;
  ASSERT_TRUE(mailbox.ask("kill", 0));
  EXPECT_TRUE(mailbox.withdraw());
  mailbox.serve([](std::string_view, Answer&) { FAIL() << "it was withdrawn"; });
  EXPECT_TRUE(mailbox.ask("status", 0));
  std::string served;
  mailbox.serve([&](std::string_view line, Answer&) { served = line; });
  EXPECT_EQ(served, "status");
}

TEST(Mailbox, WhatHasBegunCannotBeWithdrawn) {
  Mailbox mailbox;
  ASSERT_TRUE(mailbox.ask("list", 0));
  mailbox.serve(answer_command);
  EXPECT_EQ(mailbox.answer(), nullptr);
  EXPECT_FALSE(mailbox.withdraw());
  EXPECT_FALSE(mailbox.ask("status", 0));
  for (int i = 0; i < 10'000 && mailbox.answer() == nullptr; ++i) mailbox.serve(answer_command);
  ASSERT_NE(mailbox.answer(), nullptr);
  EXPECT_FALSE(mailbox.withdraw());
  mailbox.finish();
  EXPECT_TRUE(mailbox.ask("status", 0));
}

// Withdrawing races with the trading thread: either it was done, and there is an answer, or not.
TEST(Mailbox, WithdrawingRacesWithServing) {
  Mailbox mailbox;
  std::atomic<bool> stop = false;
  uint64_t served = 0;
  std::thread trading([&] {
    while (!stop.load(std::memory_order_relaxed))
      mailbox.serve([&](std::string_view, Answer&) { ++served; });
  });
  uint64_t answered = 0;
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(mailbox.ask("x", 0));
    if (mailbox.withdraw()) continue;
    ASSERT_TRUE(within(kPatienceMs, [&] { return mailbox.answer() != nullptr; }));
    mailbox.finish();
    ++answered;
  }
  stop = true;
  trading.join();
  EXPECT_EQ(served, answered);
}

}  // namespace
}  // namespace pinion::control
