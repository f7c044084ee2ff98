// The session, a row at a time: the table of what an acceptor must do (FIX 4.2 volume 2, and the
// texts that QuickFIX's acceptance definitions expect).
#include <gtest/gtest.h>

#include "gateway/fix/conversation.h"

namespace pinion::fix {
namespace {

const std::string kNewOrder = "21=3|40=1|54=1|55=INTC|60=20261128-10:00:00|";
std::string order(uint64_t number, const std::string& id, const std::string& header = "") {
  return "D|34=" + std::to_string(number) + "|" + header + "11=" + id + "|" + kNewOrder;
}

TEST(FixSession, LogonIsAnsweredWithTheSameInterval) {
  Conversation c;
  ASSERT_TRUE(c.connects(c.message("A|34=1|98=0|108=17|")));
  c.hears("A|34=1|98=0|108=17|");
  c.hears_nothing();
  EXPECT_EQ(c.logons, 1);
  EXPECT_EQ(c.store->next_in(), 2u);
}

TEST(FixSession, BadFirstMessagesAreDroppedWithoutAnAnswer) {
  Conversation c;
  const std::string logon = "A|34=1|98=0|108=30|";
  EXPECT_FALSE(c.connects(c.message("0|34=1|")));  // no Logon
  EXPECT_FALSE(c.connects(framed("35=A|34=1|49=WT|52=" + c.time() + "|56=ISLD|98=0|108=30|",
                                 "FIX.4.2")));  // SenderCompID
  EXPECT_FALSE(c.connects(framed("35=A|34=1|49=TW|52=" + c.time() + "|56=DLSI|98=0|108=30|",
                                 "FIX.4.2")));                      // TargetCompID
  EXPECT_FALSE(c.connects(c.message(logon, "20010101-00:00:00")));  // SendingTime
  EXPECT_FALSE(c.connects(c.message(logon, "yesterday")));
  EXPECT_FALSE(c.connects(c.message("A|34=1|98=1|108=30|")));        // EncryptMethod
  EXPECT_FALSE(c.connects(c.message("A|34=1|98=0|")));               // HeartBtInt
  EXPECT_FALSE(c.connects(c.message("A|34=2|98=0|108=30|141=Y|")));  // reset, not 1
  c.begin = "FIX.3.9";
  EXPECT_FALSE(c.connects(c.message(logon)));  // BeginString
  c.begin = "FIX.4.2";
  c.hears_nothing();
  c.logs_on();
  EXPECT_FALSE(c.session->accept(c, c.message(logon), c.now));  // a second one
  c.hears_nothing();
}

TEST(FixSession, LogonTooHighAsksForTheRest) {
  Conversation c;
  ASSERT_TRUE(c.connects(c.message("A|34=5|98=0|108=30|")));
  c.hears("A|34=1|98=0|108=30|");
  c.hears("2|34=2|7=1|16=0|");
  c.hears_nothing();
  EXPECT_EQ(c.store->next_in(), 1u);
  c.says("4|34=1|43=Y|122=" + c.time() + "|36=6|123=Y|");
  EXPECT_EQ(c.store->next_in(), 6u);
  c.hears_nothing();
}

TEST(FixSession, LogonTooLowEndsInLogout) {
  Conversation c;
  c.logs_on();
  c.says("0|34=2|");
  c.session->on_disconnect(c.now);
  ASSERT_TRUE(c.connects(c.message("A|34=1|98=0|108=30|")));
  c.hears("5|34=2|58=MsgSeqNum too low, expecting 3 but received 1|");
  c.is_disconnected();
}

// The gap is asked for once; what came behind it is processed in its order once it is filled.
TEST(FixSession, NumberTooHighWaitsBehindTheGap) {
  Conversation c;
  c.logs_on();
  c.says(order(4, "d"));
  c.hears("2|34=2|7=2|16=0|");
  c.says(order(3, "c"));
  c.says(order(5, "e"));
  c.hears_nothing();
  EXPECT_TRUE(c.orders.empty());
  c.says(order(2, "b", "43=Y|122=" + c.time() + "|"));
  EXPECT_EQ(c.orders, (std::vector<std::string>{"b", "c", "d", "e"}));
  EXPECT_EQ(c.store->next_in(), 6u);
  c.says(order(9, "i"));  // another gap is another question
  c.hears("2|34=3|7=6|16=0|");
}

// More than is kept: it is asked for again when its turn comes.
TEST(FixSession, GapLargerThanTheQueue) {
  Conversation c({.pending_max = 4});
  c.logs_on();
  c.says(order(9, "9"));
  c.hears("2|34=2|7=2|16=0|");
  EXPECT_EQ(c.session->counters().pending_dropped, 1u);
  for (uint64_t n = 2; n <= 9; ++n) c.says(order(n, std::to_string(n)));
  c.hears_nothing();
  EXPECT_EQ(c.orders.size(), 8u);
  EXPECT_EQ(c.store->next_in(), 10u);
}

// An answer that never comes (it was garbled, say) is asked for again.
TEST(FixSession, GapIsAskedForAgainAfterAnInterval) {
  Conversation c;
  c.logs_on();
  c.says(order(3, "c"));
  c.hears("2|34=2|7=2|16=0|");
  c.passes(29);
  c.says("0|34=4|");
  c.hears_nothing();
  c.passes(1);
  c.hears("2|34=3|7=2|16=0|");
}

TEST(FixSession, NumberTooLowEndsTheSession) {
  Conversation c;
  c.logs_on();
  c.says("0|34=2|");
  c.says("0|34=2|");
  c.hears("5|34=2|58=MsgSeqNum too low, expecting 3 but received 2|");
  c.is_disconnected();
  EXPECT_EQ(c.logouts, 1);
}

TEST(FixSession, NumberTooLowWithPossDup) {
  Conversation c;
  c.logs_on();
  c.says(order(2, "a"));
  c.says(order(2, "a", "43=Y|122=" + c.time() + "|"));  // ignored
  c.hears_nothing();
  EXPECT_EQ(c.orders.size(), 1u);
  c.says(order(2, "a", "43=Y|"));
  c.hears("3|34=2|45=2|58=Required tag missing|371=122|372=D|373=1|");
  c.says(order(2, "a", "43=Y|122=" + c.time(10) + "|"));
  c.hears("3|34=3|45=2|58=SendingTime accuracy problem|372=D|373=10|");
  c.hears("5|34=4|");
  EXPECT_EQ(c.store->next_in(), 3u);  // none of them was counted
  c.says("5|34=3|");
  c.is_disconnected();
}

TEST(FixSession, GarbledIsNotCounted) {
  Conversation c;
  c.logs_on();
  std::string garbled = c.message("0|34=2|");
  garbled[garbled.size() - 2] = 'x';
  c.says_bytes(garbled);
  c.says_bytes(framed("35=0|34=2|4x9=TW|", "FIX.4.2"));
  c.hears_nothing();
  EXPECT_EQ(c.session->counters().garbled, 2u);
  EXPECT_EQ(c.store->next_in(), 2u);
  c.says("0|34=3|");
  c.hears("2|34=2|7=2|16=0|");  // the next good one shows the gap
}

TEST(FixSession, OtherBeginString) {
  Conversation c;
  c.logs_on();
  c.begin = "FIX.4.1";
  c.says("1|34=2|112=id|");
  c.hears("5|34=2|58=Incorrect BeginString|");
  c.is_disconnected();
}

TEST(FixSession, NoNumberEndsTheSession) {
  Conversation c;
  c.logs_on();
  c.says("0|");
  c.hears("5|34=2|58=MsgSeqNum is missing|");
  c.is_disconnected();
}

TEST(FixSession, CompIdMismatch) {
  Conversation c;
  c.logs_on();
  c.says_bytes(framed("35=0|34=2|49=WT|52=" + c.time() + "|56=ISLD|", "FIX.4.2"));
  c.hears("3|34=2|45=2|58=CompID problem|372=0|373=9|");
  c.hears("5|34=3|");
  EXPECT_EQ(c.store->next_in(), 3u);
  c.passes(1.9);
  EXPECT_TRUE(c.open);
  c.passes(0.1);  // no answer
  c.is_disconnected();
}

TEST(FixSession, SendingTimeWithin120Seconds) {
  Conversation c;
  c.logs_on();
  c.says_bytes(c.message("0|34=2|", c.time(-120)));
  c.says_bytes(c.message("0|34=3|", c.time(120)));
  c.hears_nothing();
  c.says_bytes(c.message("0|34=4|", c.time(121)));
  c.hears("3|34=2|45=4|58=SendingTime accuracy problem|372=0|373=10|");
  c.hears("5|34=3|");
  c.says("5|34=5|");
  c.is_disconnected();
}

TEST(FixSession, RejectsCountAsReceived) {
  Conversation c;
  c.logs_on();
  c.says("*|34=2|");
  c.hears("3|34=2|45=2|58=Invalid MsgType|372=*|373=11|");
  c.says("0|34=3|999=HI|");
  c.hears("3|34=3|45=3|58=Invalid tag number|371=999|372=0|373=0|");
  c.says("D|34=4|11=a|11=b|" + kNewOrder);  // 4.2 has no number for this reason
  c.hears("3|34=4|45=4|58=Tag appears more than once|371=11|372=D|");
  c.says("8|34=5|37=id|17=id|20=0|150=0|39=0|55=WLRI|54=1|151=100|14=0|6=0.0|");
  c.hears("j|34=5|45=5|58=Unsupported Message Type|372=8|380=3|");
  c.says("k|34=6|390=id|");
  c.hears("j|34=6|45=6|58=Unsupported Message Type|372=k|380=3|");
  std::string many = "D|34=7|";
  for (size_t i = 0; i < kFieldsMax; ++i) many += "58=x|";
  c.says(many);
  c.hears("3|34=7|45=7|58=Too many fields|372=D|");
  EXPECT_EQ(c.store->next_in(), 8u);
}

TEST(FixSession, RejectsGoBackTheSameRoute) {
  Conversation c;
  c.logs_on();
  c.says("D|34=2|115=JCD|116=CS|144=CHI|11=ID|" + kNewOrder + "167=BOO|");
  c.hears(
      "3|34=2|128=JCD|129=CS|145=CHI|45=2|"
      "58=Value is incorrect (out of range) for this tag|371=167|372=D|373=5|");
}

TEST(FixSession, TestRequestIsAnswered) {
  Conversation c;
  c.logs_on();
  c.says("1|34=2|112=HELLO|");
  c.hears("0|34=2|112=HELLO|");
}

TEST(FixSession, HeartbeatsTestRequestAndDeath) {
  Conversation c;
  c.logs_on();
  c.passes(29.9);
  c.hears_nothing();
  c.passes(0.1);
  c.hears("0|34=2|");
  c.passes(5.9);
  c.hears_nothing();
  c.passes(0.1);  // 1.2 intervals of silence
  c.hears("1|34=3|112=TEST|");
  c.says("0|34=2|112=TEST|");
  c.passes(30);
  c.hears("0|34=4|");
  c.passes(6);
  c.hears("1|34=5|112=TEST|");
  c.passes(35.9);
  EXPECT_TRUE(c.open);
  c.hears_nothing();  // no heartbeat while that is not answered
  c.passes(0.1);      // as long again
  c.is_disconnected();
}

TEST(FixSession, ResendRequest) {
  Conversation c;
  c.logs_on();                             // 1
  EXPECT_TRUE(c.sends_order_report("a"));  // 2
  c.says("1|34=2|112=x|");                 // 3
  c.says("0|34=3|999=HI|");                // 4: a Reject is sent again
  EXPECT_TRUE(c.sends_order_report("b"));  // 5
  for (const char* heard :
       {"8|34=2|11=a|", "0|34=3|112=x|", "3|34=4|45=3|58=Invalid tag number|371=999|372=0|373=0|",
        "8|34=5|11=b|"})
    c.hears(heard);
  c.passes(30);
  c.hears("0|34=6|");
  c.says("2|34=4|7=1|16=0|");
  c.hears("4|34=1|43=Y|122=t|36=2|123=Y|");
  c.hears("8|34=2|43=Y|122=t|11=a|");
  c.hears("4|34=3|43=Y|122=t|36=4|123=Y|");
  c.hears("3|34=4|43=Y|122=t|45=3|58=Invalid tag number|371=999|372=0|373=0|");
  c.hears("8|34=5|43=Y|122=t|11=b|");
  c.hears("4|34=6|43=Y|122=t|36=7|123=Y|");
  c.says("2|34=5|7=3|16=3|");
  c.hears("4|34=3|43=Y|122=t|36=4|123=Y|");
  c.says("2|34=6|7=7|16=0|");  // not sent yet
  c.says("2|34=7|7=90|16=99|");
  c.hears_nothing();
  c.says("2|34=8|7=5|16=4|");
  c.hears("3|34=7|45=8|58=Value is incorrect (out of range) for this tag|371=7|372=2|373=5|");
  EXPECT_EQ(c.store->next_out(), 8u);
  EXPECT_EQ(c.store->next_in(), 9u);
}

// While the wire is full it waits, and goes on where it was.
TEST(FixSession, ResendIsPacedByTheWire) {
  Conversation c;
  c.logs_on();
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(c.sends_order_report("x"));
  for (const char* heard : {"8|34=2|11=x|", "8|34=3|11=x|", "8|34=4|11=x|"}) c.hears(heard);
  c.wire_room = 0;
  c.says("2|34=2|7=2|16=0|");
  c.hears_nothing();
  c.wire_room = 1 << 20;
  c.passes(0.1);
  for (const char* heard :
       {"8|34=2|43=Y|122=t|11=x|", "8|34=3|43=Y|122=t|11=x|", "8|34=4|43=Y|122=t|11=x|"})
    c.hears(heard);
}

TEST(FixSession, SequenceResetWithGapFill) {
  Conversation c;
  c.logs_on();
  c.says("4|34=10|36=20|123=Y|");
  c.hears("2|34=2|7=2|16=0|");
  c.says("4|34=2|36=2|123=Y|");  // fills nothing
  c.hears("3|34=3|45=2|58=Value is incorrect (out of range) for this tag|372=4|373=5|");
  c.says("4|34=2|36=20|123=Y|");
  EXPECT_EQ(c.store->next_in(), 20u);
  c.says("4|34=2|43=Y|122=" + c.time() + "|36=30|123=Y|");  // had already
  EXPECT_EQ(c.store->next_in(), 20u);
  c.hears_nothing();
  c.says("4|34=2|36=30|123=Y|");
  c.hears("5|34=4|58=MsgSeqNum too low, expecting 20 but received 2|");
  c.is_disconnected();
}

TEST(FixSession, SequenceResetWithoutGapFill) {
  Conversation c;
  c.logs_on();
  c.says("4|34=0|36=25|");
  EXPECT_EQ(c.store->next_in(), 25u);
  c.says("4|34=99|36=25|123=N|");
  EXPECT_EQ(c.store->next_in(), 25u);
  c.hears_nothing();
  c.says("4|34=0|36=24|");
  c.hears("3|34=2|45=0|58=Value is incorrect (out of range) for this tag|372=4|373=5|");
  EXPECT_EQ(c.store->next_in(), 25u);
}

TEST(FixSession, LogoutOfEitherSide) {
  Conversation c;
  c.logs_on();
  c.says("5|34=2|");
  c.hears("5|34=2|");
  c.is_disconnected();
  ASSERT_TRUE(c.connects(c.message("A|34=3|98=0|108=30|")));
  c.hears("A|34=3|98=0|108=30|");
  c.session->logout("enough", c.now);
  c.hears("5|34=4|58=enough|");
  c.says(order(4, "late"));  // still heard
  EXPECT_EQ(c.orders.size(), 1u);
  c.says("5|34=5|");
  c.is_disconnected();  // without another answer
  EXPECT_EQ(c.store->next_in(), 6u);
}

TEST(FixSession, LogonResetsBothNumbers) {
  Conversation c;
  c.logs_on();
  c.says("1|34=2|112=x|");
  c.hears("0|34=2|112=x|");
  c.says("A|34=1|98=0|108=30|141=Y|");
  c.hears("A|34=1|98=0|108=30|141=Y|");
  c.says("1|34=2|112=y|");
  c.hears("0|34=2|112=y|");
  c.session->on_disconnect(c.now);
  c.logs_on("141=Y|");
  EXPECT_EQ(c.store->next_in(), 2u);
  EXPECT_EQ(c.store->next_out(), 2u);
}

TEST(FixSession, ResetOnLogonIfConfigured) {
  Conversation c({.reset_on_logon = true});
  c.logs_on();
  c.says("0|34=2|");
  c.session->on_disconnect(c.now);
  c.logs_on();
  EXPECT_EQ(c.store->next_in(), 2u);
}

TEST(FixSession, RejectsOfThePeerReachTheApplication) {
  Conversation c;
  c.logs_on();
  c.says("3|34=2|45=1|");
  c.says("j|34=3|372=8|380=3|");
  EXPECT_EQ(c.rejects, 2);
  c.hears_nothing();
}

// Numbers go on after a restart, and what was sent before is sent again.
TEST(FixSession, PersistsOverARestart) {
  Conversation c;
  c.logs_on();
  c.says(order(2, "a"));
  EXPECT_TRUE(c.sends_order_report("a"));
  c.restart();
  EXPECT_TRUE(c.sends_order_report("b"));  // while nobody is there
  ASSERT_TRUE(c.connects(c.message("A|34=3|98=0|108=30|")));
  c.hears("A|34=4|98=0|108=30|");
  c.says("2|34=4|7=2|16=0|");
  c.hears("8|34=2|43=Y|122=t|11=a|");
  c.hears("8|34=3|43=Y|122=t|11=b|");
  c.hears("4|34=4|43=Y|122=t|36=5|123=Y|");
  c.hears_nothing();
}

TEST(FixSession, APeerThatDoesNotReadIsDisconnected) {
  Conversation c;
  c.logs_on();
  c.refuses = true;
  EXPECT_TRUE(c.sends_order_report("a"));  // stored: it will be asked for
  c.is_disconnected();
  EXPECT_EQ(c.store->next_out(), 3u);
}

// What cannot be remembered is not done: the session ends, and nobody can log on.
TEST(FixSession, FullStoreEndsTheSession) {
  Conversation c({}, 400);
  c.logs_on();
  uint64_t number = 2;
  while (c.open) c.says(order(number++, "a"));
  EXPECT_GE(c.session->counters().store_full, 1u);
  c.is_disconnected();
  const uint64_t out = c.store->next_out();
  EXPECT_TRUE(
      c.connects(c.message("A|34=" + std::to_string(c.store->next_in()) + "|98=0|108=30|")));
  c.is_disconnected();
  EXPECT_EQ(c.store->next_out(), out);
}

TEST(FixSession, MidnightEndsTheDay) {
  Conversation c({.schedule = Schedule({.zone = {}, .start_s = 7 * 3600, .end_s = 20 * 3600})});
  c.logs_on();
  c.says(order(2, "a"));
  c.passes(10 * 3600 - 0.5 - 60);
  c.session->on_disconnect(c.now);  // (the silence was long)
  ASSERT_TRUE(c.connects(c.message("A|34=3|98=0|108=0|")));
  while (c.open && c.now.utc_ns < (1'795'860'000 + 10 * 3600 + 1) * kConversationSecond)
    c.passes(1);
  c.hears("A|34=2|98=0|108=0|");
  c.hears("5|34=3|58=The session's time is over|");
  c.passes(2);
  c.is_disconnected();
  EXPECT_FALSE(c.connects(c.message("A|34=4|98=0|108=30|")));  // between sessions
  c.passes(11 * 3600);
  EXPECT_EQ(c.store->next_out(), 1u);  // the next day has begun
  c.logs_on();
}

// Both directions as they passed: what waits behind a gap once and when it came, what is sent again
// when it is sent, and nothing that is garbled, of a stranger, or only stored.
TEST(FixSession, TheJournalSeesEveryFrame) {
  Conversation c;
  EXPECT_FALSE(c.connects(c.message("A|34=1|98=1|108=30|")));
  EXPECT_EQ(c.frames, "");
  c.sends_order_report("1");  // nobody is there yet
  EXPECT_EQ(c.frames, "");
  ASSERT_TRUE(c.connects(c.message("A|34=1|98=0|108=30|")));
  c.says(order(3, "b"));
  c.says_bytes(
      "8=FIX.4.2\x01"
      "9=5\x01"
      "35=0\x01"
      "10=000\x01");
  c.says(order(2, "a"));
  EXPECT_EQ(c.frames, "<A1>A2<D3>23<D2");
  c.frames.clear();
  c.says("1|34=4|112=T|");
  c.says("2|34=5|7=1|16=0|");
  c.says("Z|34=6|");
  EXPECT_EQ(c.frames, "<14>04<25>81>42<Z6>j5");
  c.frames.clear();
  c.refuses = true;
  c.sends_order_report("2");
  EXPECT_EQ(c.frames, ">86") << "it was tried";
  c.sends_order_report("3");
  EXPECT_EQ(c.frames, ">86");
}

TEST(FixSession, Fix44NamesEveryReason) {
  Conversation c({.version = Version::fix44});
  c.begin = "FIX.4.4";
  c.logs_on();
  c.says("D|34=2|11=a|11=b|40=1|54=1|60=20261128-10:00:00|38=1|");
  c.hears("3|34=2|45=2|58=Tag appears more than once|371=11|372=D|373=13|");
}

}  // namespace
}  // namespace pinion::fix
