// The receiver's rules, each in a conversation of its own: arbitration, window, gaps, requests.
#include "gateway/moldudp64/receiver.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pinion::moldudp64 {
namespace {

const Alpha<10> kDay = Alpha<10>::of("DAY1");

struct Said {
  std::string text;  // "1 2 3 [4,6) end"
  void message(uint64_t sequence, Bytes bytes) {
    text += std::to_string(sequence) + ' ';
    EXPECT_EQ(bytes.size(), sequence % 50) << "messages of these tests";
  }
  void hole(uint64_t first, uint64_t end) {
    text += '[' + std::to_string(first) + ',' + std::to_string(end) + ") ";
  }
  void end_of_session() { text += "end "; }
};

struct Bench {
  explicit Bench(ReceiverConfig config = {}) : receiver(config) {}

  static std::vector<std::byte> packet(uint64_t sequence, int count, Alpha<10> session = kDay) {
    std::vector<std::byte> out(1'500);
    PacketWriter writer(out, session, sequence);
    const std::vector<std::byte> bytes(50, std::byte{'m'});
    for (int i = 0; i < count; ++i) writer.add(Bytes{bytes}.first((sequence + i) % 50));
    out.resize(count < 0 ? writer.finish_end_of_session() : writer.finish());
    return out;
  }
  void gets(Line line, uint64_t sequence, int count, Alpha<10> session = kDay) {
    receiver.input(line, packet(sequence, count, session), now, said);
  }
  void time_passes(Nanos by) {
    now += by;
    receiver.poll(now, said);
  }
  // "first+count" of the request that is due, or "".
  std::string request() {
    std::byte out[sizeof(Request)];
    uint32_t server = 0;
    if (receiver.request(out, server, now) == 0) return "";
    const Request* r = parse_request(out);
    EXPECT_EQ(r->session.get(), "DAY1") << "an answer of another session would be ignored";
    return std::to_string(r->sequence.get()) + "+" + std::to_string(r->count.get());
  }

  Receiver receiver;
  Said said;
  Nanos now = kSecond;
};

TEST(MoldReceiver, FirstCopyWinsAndTheLaterOneIsTimed) {
  Bench b({.first = 1});
  b.gets(Line::a, 1, 2);
  b.now += 700;
  b.gets(Line::b, 1, 2);
  b.gets(Line::b, 3, 1);
  b.gets(Line::a, 3, 1);
  EXPECT_EQ(b.said.text, "1 2 3 ");
  EXPECT_EQ(b.receiver.line(Line::a).won, 1u);
  EXPECT_EQ(b.receiver.line(Line::a).lost, 1u);
  EXPECT_EQ(b.receiver.line(Line::b).won, 1u);
  EXPECT_EQ(b.receiver.line(Line::b).late_ns, 700u);
  EXPECT_TRUE(b.receiver.live());
}

TEST(MoldReceiver, StraddlingPacketIsUsedInPart) {
  Bench b({.first = 1});
  b.gets(Line::a, 1, 3);
  b.gets(Line::b, 2, 4);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 ");
}

TEST(MoldReceiver, EarlyDataWaitsInTheWindowAndTheOtherLineFillsTheHole) {
  Bench b({.first = 1});
  b.gets(Line::a, 1, 1);
  b.gets(Line::a, 4, 2);
  EXPECT_EQ(b.said.text, "1 ");
  EXPECT_EQ(b.receiver.state(), ReceiverState::holding);
  b.gets(Line::b, 2, 2);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 ");
  EXPECT_TRUE(b.receiver.live());
  b.time_passes(kSecond);
  EXPECT_EQ(b.request(), "") << "nothing is missing any more";
  EXPECT_EQ(b.receiver.counters().healed, 1u);
}

TEST(MoldReceiver, AsksAfterTheWaitThenAgainThenGivesUp) {
  Bench b({.first = 1, .attempts = 2});
  b.gets(Line::a, 1, 1);
  b.gets(Line::a, 4, 1);
  EXPECT_EQ(b.request(), "");
  b.time_passes(200 * kMicro - 1);
  EXPECT_EQ(b.request(), "");
  b.time_passes(1);
  EXPECT_EQ(b.request(), "2+2");
  EXPECT_EQ(b.request(), "");
  b.gets(Line::a, 5, 1);
  b.gets(Line::b, 5, 1);
  EXPECT_EQ(b.request(), "") << "later packets ask for nothing";
  b.time_passes(50 * kMilli);
  EXPECT_EQ(b.request(), "2+2");
  b.time_passes(50 * kMilli - 1);
  EXPECT_EQ(b.said.text, "1 ");
  b.time_passes(1);
  EXPECT_EQ(b.said.text, "1 [2,4) 4 5 ");
  EXPECT_TRUE(b.receiver.live());
  EXPECT_EQ(b.receiver.counters().given_up, 1u);
  EXPECT_EQ(b.receiver.counters().healed, 0u);
  EXPECT_EQ(b.receiver.counters().missed, 2u);
}

TEST(MoldReceiver, PartialAnswerAsksOnAtOnce) {
  Bench b({.first = 1});
  b.gets(Line::a, 10, 1);
  b.time_passes(kMilli);
  EXPECT_EQ(b.request(), "1+9");
  b.gets(Line::retransmit, 1, 4);
  EXPECT_EQ(b.said.text, "1 2 3 4 ");
  EXPECT_EQ(b.request(), "5+5");
  b.gets(Line::retransmit, 5, 5);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 6 7 8 9 10 ");
  EXPECT_TRUE(b.receiver.live());
}

TEST(MoldReceiver, HeartbeatRevealsALostTail) {
  Bench b({.first = 1});
  b.gets(Line::a, 1, 1);
  b.gets(Line::b, 4, 0);
  EXPECT_EQ(b.receiver.state(), ReceiverState::holding);
  b.time_passes(kMilli);
  EXPECT_EQ(b.request(), "2+2");
}

TEST(MoldReceiver, EndOfSessionWaitsForTheTail) {
  Bench b({.first = 1});
  b.gets(Line::a, 1, 1);
  b.gets(Line::a, 3, -1);
  EXPECT_EQ(b.said.text, "1 ");
  b.time_passes(kMilli);
  EXPECT_EQ(b.request(), "2+1");
  b.gets(Line::retransmit, 2, 1);
  b.gets(Line::a, 3, -1);
  EXPECT_EQ(b.said.text, "1 2 end ");
  EXPECT_EQ(b.receiver.state(), ReceiverState::ended);
}

TEST(MoldReceiver, AnEndInTheMiddleOfTheStreamIsNone) {
  Bench b({.first = 1});
  b.gets(Line::a, 1, 1);
  b.gets(Line::b, 5, 1);
  b.gets(Line::a, 3, -1);  // 3 and 4 are missing, and 5 is known to exist
  b.gets(Line::a, 2, 3);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 ");
  EXPECT_TRUE(b.receiver.live());
  b.gets(Line::a, 2, -1);
  EXPECT_TRUE(b.receiver.live());
  b.gets(Line::a, 8, -1);  // 6 and 7 are missing
  EXPECT_EQ(b.receiver.state(), ReceiverState::holding);
  b.gets(Line::b, 8, 1);  // and it was not the end
  b.gets(Line::b, 6, 2);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 6 7 8 ");
  EXPECT_TRUE(b.receiver.live());
  b.gets(Line::b, 9, -1);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 6 7 8 end ");
}

TEST(MoldReceiver, AnotherSessionIsNeverFollowed) {
  Bench b;
  b.gets(Line::a, 5, 1);
  b.gets(Line::a, 1, 3, Alpha<10>::of("DAY2"));
  b.gets(Line::retransmit, 6, 3, Alpha<10>::of("DAY2"));
  EXPECT_EQ(b.said.text, "5 ");
  EXPECT_EQ(b.receiver.line(Line::a).other_session, 1u);
  Bench configured({.session = Alpha<10>::of("DAY2")});
  configured.gets(Line::a, 5, 1);
  EXPECT_EQ(configured.said.text, "");
}

TEST(MoldReceiver, MalformedAndMadNumbersAreCountedAndLeftAlone) {
  Bench b({.first = 1, .ahead_max = 1'000});
  auto wire = Bench::packet(1, 2);
  wire.push_back(std::byte{0});
  b.receiver.input(Line::a, wire, b.now, b.said);
  b.gets(Line::b, 5'000, 1);
  EXPECT_EQ(b.said.text, "");
  EXPECT_EQ(b.receiver.line(Line::a).malformed, 1u);
  EXPECT_EQ(b.receiver.line(Line::b).too_far, 1u);
  b.gets(Line::b, 1, 1);
  EXPECT_TRUE(b.receiver.live());
}

TEST(MoldReceiver, NumbersBeginWithOne) {
  Bench b;
  b.gets(Line::a, 0, 2);
  EXPECT_EQ(b.receiver.state(), ReceiverState::waiting);
  EXPECT_EQ(b.receiver.line(Line::a).malformed, 1u);
}

// Where the day is joined, and of which session it is, one packet alone does not say: what strays
// in before the first true one would make all that follows old, or another's.
TEST(MoldReceiver, InTheMiddleOfADayItBeginsWhereTwoPacketsSay) {
  for (const uint64_t lie : {UINT64_MAX, uint64_t{700'000'000}}) {
    Bench b;
    b.gets(Line::a, lie, 0, Alpha<10>::of(lie == UINT64_MAX ? "DAY1" : "DAY0"));
    EXPECT_EQ(b.receiver.state(), ReceiverState::waiting);
    b.gets(Line::a, 400'000'005, 1);
    b.gets(Line::b, 400'000'005, 1);
    b.gets(Line::a, 400'000'006, 1);
    EXPECT_EQ(b.said.text, "400000005 400000006 ");
    EXPECT_EQ(b.receiver.session().get(), "DAY1");
    b.gets(Line::a, 400'000'007, 1, Alpha<10>::of("DAY0"));
    EXPECT_EQ(b.receiver.other_session().get(), "DAY0");
  }
  Bench quiet;
  quiet.gets(Line::a, 400'000'005, 0);
  quiet.gets(Line::a, 400'000'005, 0);
  EXPECT_TRUE(quiet.receiver.live()) << "two heartbeats are two packets";
}

TEST(MoldReceiver, ALeapIsBelievedOnceASecondPacketTellsOfIt) {
  struct Case {
    Line line;
    uint64_t sequence;
    int count;
    bool believed;
  };
  for (const Case& c : {Case{Line::a, 9'001, 1, true}, Case{Line::b, 9'000, 1, true},
                        Case{Line::a, 9'040, 1, true},    // one was lost in between
                        Case{Line::b, 8'999, 2, true},    // the other line is behind
                        Case{Line::a, 9'001, 0, true},    // a heartbeat
                        Case{Line::a, 9'000, 1, false},   // the same packet again
                        Case{Line::b, 70'000, 1, false},  // another lie
                        Case{Line::retransmit, 9'001, 1, false}}) {
    SCOPED_TRACE(c.sequence);
    Bench b({.first = 1, .attempts = 0, .ahead_max = 1'000});
    b.gets(Line::a, 1, 1);
    b.gets(Line::a, 9'000, 1);
    b.gets(Line::b, 2, 1);
    EXPECT_EQ(b.said.text, "1 2 ");
    EXPECT_TRUE(b.receiver.live());
    b.gets(c.line, c.sequence, c.count);
    EXPECT_EQ(b.receiver.state(), c.believed ? ReceiverState::holding : ReceiverState::live);
    b.gets(Line::a, 3, 1);
    EXPECT_EQ(b.said.text, "1 2 3 ") << "what is true meanwhile still comes";
  }
}

// A hole like any other: asked for, given up with what the window could not keep behind it, and
// the stream goes on.
TEST(MoldReceiver, AfterALongOutageTheStreamGoesOn) {
  Bench b({.first = 1, .attempts = 1, .ahead_max = 1'000});
  b.gets(Line::a, 1, 1);
  b.gets(Line::a, 1'000'000'000, 1);
  b.gets(Line::a, 1'000'000'001, 1);
  b.time_passes(kMilli);
  EXPECT_EQ(b.request(), "2+1000");
  b.gets(Line::b, 1'000'000'002, 1);  // in the middle of it there is nothing too far any more
  b.time_passes(50 * kMilli);
  EXPECT_TRUE(b.receiver.live());
  b.gets(Line::b, 1'000'000'003, 1);
  EXPECT_EQ(b.said.text, "1 [2,1000000003) 1000000003 ");
  EXPECT_EQ(b.receiver.line(Line::a).too_far, 1u);
}

TEST(MoldReceiver, BeyondTheWindowIsAskedForLater) {
  Bench b({.first = 1, .window_messages = 8});
  b.gets(Line::a, 7, 5);  // 7 and 8 fit, 9 to 11 do not
  EXPECT_EQ(b.receiver.counters().beyond_window, 3u);
  b.gets(Line::b, 1, 6);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 6 7 8 ");
  b.time_passes(kMilli);
  EXPECT_EQ(b.request(), "9+3");
}

TEST(MoldReceiver, MessagesTooLongToWaitAreAskedForAgain) {
  Bench b({.first = 1, .message_bytes_max = 10});
  b.gets(Line::a, 12, 1);
  EXPECT_EQ(b.receiver.counters().too_long, 1u);
  b.gets(Line::a, 1, 11);
  EXPECT_EQ(b.said.text, "1 2 3 4 5 6 7 8 9 10 11 ");
  b.time_passes(kMilli);
  EXPECT_EQ(b.request(), "12+1");
}

TEST(MoldReceiver, WithoutServersAHoleIsGivenUpAfterTheWait) {
  Bench b({.first = 1, .attempts = 0});
  b.gets(Line::a, 3, 1);
  b.time_passes(200 * kMicro);
  EXPECT_EQ(b.request(), "");
  EXPECT_EQ(b.said.text, "[1,3) 3 ");
}

TEST(MoldReceiver, LineSilence) {
  Bench b;
  EXPECT_TRUE(b.receiver.line_silent(Line::a, b.now));
  b.gets(Line::a, 1, 1);
  EXPECT_FALSE(b.receiver.line_silent(Line::a, b.now + 3 * kSecond - 1));
  EXPECT_TRUE(b.receiver.line_silent(Line::a, b.now + 3 * kSecond));
}

// A line that tells lies and nothing else is not heard.
TEST(MoldReceiver, OnlyWhatMayBeTrueBreaksTheSilence) {
  Bench b({.first = 1, .ahead_max = 1'000});
  b.gets(Line::a, 1, 1);
  b.now += 3 * kSecond;
  b.gets(Line::a, 77'000, 1);
  b.gets(Line::a, 2, 1, Alpha<10>::of("DAY2"));
  b.receiver.input(Line::a, Bytes{}, b.now, b.said);
  EXPECT_TRUE(b.receiver.line_silent(Line::a, b.now));
  b.gets(Line::a, 1, 1);  // late, but true
  EXPECT_FALSE(b.receiver.line_silent(Line::a, b.now));
}

}  // namespace
}  // namespace pinion::moldudp64
