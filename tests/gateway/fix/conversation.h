// A session and a counterparty that is this test: it writes messages as text with `|` for SOH, and
// reads what the session says the same way, without its length, time and checksum.
#pragma once
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gateway/fix/session.h"
#include "gateway/fix/value.h"

namespace pinion::fix {

inline constexpr int64_t kConversationSecond = 1'000'000'000;

inline std::string framed(std::string fields, std::string_view begin) {
  for (char& c : fields)
    if (c == '|') c = kSoh;
  std::string all = "8=" + std::string(begin) + kSoh + "9=" + std::to_string(fields.size()) + kSoh;
  all += fields;
  unsigned sum = 0;
  for (const char c : all) sum += static_cast<unsigned char>(c);
  const std::string digits = std::to_string(1000 + sum % 256).substr(1);
  return all + "10=" + digits + kSoh;
}

class Conversation : public Wire, public Application {
 public:
  explicit Conversation(SessionConfig config = {}, size_t store_bytes = 1 << 20)
      : memory_(store_bytes) {
    config.sender_comp_id = "ISLD";
    config.target_comp_id = "TW";
    config_ = config;
    now.utc_ns = 1'795'860'000 * kConversationSecond;  // 2026-11-28 10:00:00
    now.monotonic_ns = kConversationSecond;
    restart();
  }

  // The process ends and begins again: only the store is left.
  void restart() {
    session.reset();
    store = std::make_unique<Store>(memory_, 10'000);
    session = std::make_unique<Session>(config_, *store, *this);
    open = false;
    said_.clear();
  }

  std::string time(int64_t seconds = 0) const {
    char text[kTimestampBytes];
    return {text, write_timestamp(now.utc_ns + seconds * kConversationSecond, text)};
  }
  // "A|34=1|98=0|108=30|": with the CompIDs and the time added behind the first field.
  std::string message(std::string fields, const std::string& sent = "") const {
    const size_t type = fields.find('|');
    fields.insert(type + 1, "49=TW|52=" + (sent.empty() ? time() : sent) + "|56=ISLD|");
    return framed("35=" + fields, begin);
  }
  bool connects(const std::string& bytes) {
    open = true;
    const bool accepted = session->accept(*this, bytes, now);
    if (!accepted) open = false;
    return accepted;
  }
  void says(const std::string& fields) { says_bytes(message(fields)); }
  void says_bytes(const std::string& bytes) {
    const Frame frame = next_frame(bytes);
    ASSERT_NE(frame.status, FrameStatus::more);
    if (frame.status == FrameStatus::garbled) session->on_garbled();
    else session->on_frame(bytes, now);
  }
  void logs_on(const std::string& more = "") {
    ASSERT_TRUE(connects(message("A|34=1|98=0|108=30|" + more)));
    hears("A|34=1|98=0|108=30|" + more);
  }
  // The next thing that the session said.
  void hears(const std::string& fields) {
    ASSERT_FALSE(said_.empty()) << "instead of " << fields;
    EXPECT_EQ(said_.front(), fields);
    said_.pop_front();
  }
  void hears_nothing() { EXPECT_TRUE(said_.empty()) << said_.front(); }
  void is_disconnected() {
    hears_nothing();
    EXPECT_FALSE(open);
    EXPECT_FALSE(session->connected());
  }
  void passes(double seconds) {
    const auto ns = static_cast<int64_t>(seconds * 1e9);
    now.monotonic_ns += ns, now.utc_ns += ns;
    session->poll(now);
  }
  bool sends_order_report(const std::string& id) {
    Encoder e = session->begin("8", now);
    e.text(kClOrdID, id);
    return session->send(e, now);
  }

  // Wire
  bool send(std::string_view bytes) override {
    if (refuses) return false;
    Message m;
    EXPECT_EQ(next_frame(bytes).bytes, bytes.size());
    EXPECT_TRUE(m.parse(bytes));
    EXPECT_EQ(m.value(kSenderCompID), "ISLD");
    EXPECT_EQ(m.value(kTargetCompID), "TW");
    std::string text = std::string(m.type()) + "|";
    for (const Field& f : m.fields().subspan(3, m.fields().size() - 4)) {
      if (f.tag == kSenderCompID || f.tag == kTargetCompID || f.tag == kSendingTime) continue;
      text += std::to_string(f.tag) + "=" +
              (f.tag == kOrigSendingTime ? "t" : std::string(f.value)) + "|";
    }
    said_.push_back(text);
    return true;
  }
  size_t room() const override { return wire_room; }
  void close() override { open = false; }

  // Application: orders are known, nothing else.
  void on_logon(Session&, const Now&) override { ++logons; }
  void on_logout(Session&, const Now&) override { ++logouts; }
  Answer on_message(Session&, const Message& m, const Now&) override {
    if (!m.is_type('D')) return Answer::unsupported;
    orders.push_back(std::string(m.value(kClOrdID)));
    return Answer::done;
  }
  void on_reject(Session&, const Message&, const Now&) override { ++rejects; }
  void on_frame_in(Session&, std::string_view frame, const Now&) override {
    frames += "<" + type_and_number(frame);
  }
  void on_frame_out(Session&, std::string_view frame, const Now&) override {
    frames += ">" + type_and_number(frame);
  }

  Now now;
  std::string begin = "FIX.4.2";
  std::unique_ptr<Store> store;
  std::unique_ptr<Session> session;
  std::vector<std::string> orders;
  std::string frames;  // as the journal has them: "<A1>A1<D2"
  int logons = 0, logouts = 0, rejects = 0;
  bool open = false, refuses = false;
  size_t wire_room = 1 << 20;

 private:
  static std::string type_and_number(std::string_view frame) {
    Message m;
    (void)m.parse(frame);  // one with too many fields is a frame, too
    return std::string(m.type()) + std::string(m.value(kMsgSeqNum));
  }

  std::vector<char> memory_;
  SessionConfig config_;
  std::deque<std::string> said_;
};

}  // namespace pinion::fix
