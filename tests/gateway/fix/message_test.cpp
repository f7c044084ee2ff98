// The parser, the encoder and the values: literals in, fields out, and every truncation refused.
#include "gateway/fix/message.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "gateway/fix/encoder.h"
#include "gateway/fix/value.h"

namespace pinion::fix {
namespace {

// `|` stands for SOH. The length and the checksum are counted here, by other code than the encoder.
std::string fix_message(std::string body, const std::string& begin = "FIX.4.2") {
  for (char& c : body)
    if (c == '|') c = kSoh;
  std::string all = "8=" + begin + kSoh + "9=" + std::to_string(body.size()) + kSoh + body;
  unsigned sum = 0;
  for (const char c : all) sum += static_cast<unsigned char>(c);
  char trailer[8];
  std::snprintf(trailer, sizeof trailer, "10=%03u", sum % 256);
  return all + trailer + kSoh;
}

const std::string kOrder =
    fix_message("35=D|34=2|49=TW|52=20261128-10:00:00|56=ISLD|11=id|55=MSFT|54=1|38=100|44=12.5|");

TEST(FixMessage, FieldsAreViewsIntoTheFrame) {
  const Frame frame = next_frame(kOrder);
  ASSERT_EQ(frame.status, FrameStatus::message);
  ASSERT_EQ(frame.bytes, kOrder.size());
  Message m;
  ASSERT_TRUE(m.parse(kOrder));
  EXPECT_EQ(m.begin_string(), "FIX.4.2");
  EXPECT_TRUE(m.is_type('D'));
  EXPECT_EQ(m.value(kSymbol), "MSFT");
  EXPECT_EQ(m.value(kMsgSeqNum), "2");
  EXPECT_EQ(m.find(999), nullptr);
  EXPECT_EQ(m.fields().size(), 13u);
  for (const Field& f : m.fields()) {
    EXPECT_GE(f.value.data(), kOrder.data());
    EXPECT_LE(f.value.data() + f.value.size(), kOrder.data() + kOrder.size());
  }
}

// Wherever it is cut, it is unfinished, and never a message.
TEST(FixMessage, EveryTruncationIsUnfinished) {
  for (size_t n = 0; n < kOrder.size(); ++n) {
    const std::string cut = kOrder.substr(0, n);  // of its exact size, for a sanitizer
    const Frame frame = next_frame(cut);
    EXPECT_EQ(frame.status, FrameStatus::more) << n;
    EXPECT_EQ(frame.bytes, 0u) << n;
  }
}

TEST(FixMessage, EveryFlippedByteIsRefused) {
  for (size_t i = 0; i < kOrder.size(); ++i) {
    std::string bad = kOrder;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    EXPECT_NE(next_frame(bad).status, FrameStatus::message) << i;
  }
}

struct GarbledCase {
  const char* what;
  std::string bytes;
  size_t skipped;  // what is given up; 0: unfinished
};

TEST(FixMessage, GarbledEndsAtTheNextTrailer) {
  const std::string good = fix_message("35=0|34=2|49=TW|52=20261128-10:00:00|56=ISLD|");
  const auto with_soh = [](std::string s) {
    for (char& c : s)
      if (c == '|') c = kSoh;
    return s;
  };
  const std::string checksum = with_soh("8=FIX.4.2|9=5|35=0|10=000|");
  const std::string too_short = with_soh("8=FIX.4.2|9=3|35=0|34=2|10=123|");
  const std::string order = with_soh("8=FIX.4.2|35=0|9=5|10=123|");
  const std::string no_type = fix_message("34=2|35=0|");
  const std::string two_digits = with_soh("8=FIX.4.2|9=5|35=0|10=0|");
  const std::string no_length = with_soh("8=FIX.4.2|9=x|35=0|10=123|");
  const std::string huge = with_soh("8=FIX.4.2|9=99999999|35=0|10=123|");
  const GarbledCase cases[] = {
      {"checksum", checksum + good, checksum.size()},
      {"length too small", too_short + good, too_short.size()},
      {"9 not second", order + good, order.size()},
      {"35 not third", no_type + good, no_type.size()},
      {"checksum of one digit", two_digits + good, two_digits.size()},
      {"length no number", no_length + good, no_length.size()},
      {"length beyond any message", huge + good, huge.size()},
      {"rubbish in front", "xyz" + good, 3},
      {"rubbish alone", "xyz", 3},
      {"rubbish, then half a beginning", "xyz8", 3},
  };
  for (const GarbledCase& c : cases) {
    const Frame frame = next_frame(c.bytes);
    EXPECT_EQ(frame.status, FrameStatus::garbled) << c.what;
    EXPECT_EQ(frame.bytes, c.skipped) << c.what;
    if (c.bytes.size() > c.skipped + 1) {
      EXPECT_EQ(next_frame(std::string_view(c.bytes).substr(c.skipped)).status,
                FrameStatus::message)
          << c.what;
    }
  }
  // A length that is too large takes with it what it covers.
  const std::string covers = with_soh("8=FIX.4.2|9=40|35=0|10=123|") + good;
  EXPECT_EQ(next_frame(covers).bytes, covers.size());
}

// Without an end a message cannot hold up the connection, nor fill its memory.
TEST(FixMessage, NoEndWithinTheMaximumIsGarbled) {
  const std::string endless =
      "8=FIX.4.2\x01" + std::string("9=x\x01") + std::string(kMessageMax, 'a');
  EXPECT_EQ(next_frame(endless).status, FrameStatus::garbled);
  EXPECT_EQ(next_frame(endless).bytes, endless.size());
  EXPECT_EQ(next_frame(endless.substr(0, kMessageMax - 1)).status, FrameStatus::more);
}

TEST(FixMessage, BrokenTagsAreGarbled) {
  Message m;
  EXPECT_FALSE(m.parse(fix_message("35=0|4x9=TW|")));
  EXPECT_FALSE(m.parse(fix_message("35=0|=TW|")));
  EXPECT_FALSE(m.parse(fix_message("35=0|49|")));
  EXPECT_FALSE(m.parse(fix_message("35=0|99999999999=1|")));
  EXPECT_FALSE(m.parse(fix_message("35=0|-=1|")));
  EXPECT_FALSE(m.parse(fix_message("35=0|4-9=1|")));
  EXPECT_TRUE(m.parse(fix_message("35=0|-1=HI|0=HI|")));  // numbers, if not of any field
}

// Volume 1, "data": the length in front tells, and SOH is a byte as any other.
TEST(FixMessage, DataMayHoldSoh) {
  Message m;
  const std::string raw = fix_message("35=A|95=5|96=a|b=c|98=0|");
  ASSERT_TRUE(m.parse(raw));
  EXPECT_EQ(m.value(96), std::string("a\x01"
                                     "b=c"));
  EXPECT_EQ(m.value(98), "0");
  EXPECT_FALSE(m.parse(fix_message("35=A|95=50|96=a|b=c|98=0|")));  // beyond the end
  EXPECT_FALSE(m.parse(fix_message("35=A|95=3|96=a|b=c|98=0|")));   // no SOH behind it
}

TEST(FixMessage, TooManyFieldsAreTold) {
  std::string body = "35=D|";
  for (size_t i = 0; i < kFieldsMax; ++i) body += "58=x|";
  Message m;
  EXPECT_FALSE(m.parse(fix_message(body)));
  EXPECT_TRUE(m.overflow());
  EXPECT_TRUE(m.parse(kOrder));
  EXPECT_FALSE(m.overflow());
}

TEST(FixEncoder, WritesWhatTheParserReads) {
  std::array<char, 512> memory;
  Encoder e(memory, "FIX.4.2", "D");
  e.number(kMsgSeqNum, 2);
  e.text(kSenderCompID, "TW");
  e.time(kSendingTime, 1'795'860'000'123'000'000);
  e.text(kTargetCompID, "ISLD");
  e.decimal(kPrice, 125'000, 4);
  e.signed_number(kRefTagID, -1);
  const std::string bytes(e.finish());
  EXPECT_EQ(bytes, fix_message("35=D|34=2|49=TW|52=20261128-10:00:00.123|56=ISLD|44=12.5|371=-1|"));
  EXPECT_TRUE(e.finish().empty());  // once
  EXPECT_EQ(next_frame(bytes).status, FrameStatus::message);
}

// A message that does not fit is refused whole, wherever the memory ends.
TEST(FixEncoder, NeverACutMessage) {
  for (size_t size = 0; size < 120; ++size) {
    std::vector<char> memory(size);
    Encoder e(memory, "FIX.4.2", "0");
    e.number(kMsgSeqNum, 2);
    e.text(kTestReqID, "HELLO");
    const std::string_view bytes = e.finish();
    if (!bytes.empty()) {
      EXPECT_EQ(bytes, fix_message("35=0|34=2|112=HELLO|"));
    }
  }
}

TEST(FixValue, DecimalsAreExactOrRefused) {
  int64_t v = 0;
  const auto reads = [&v](std::string_view text, int64_t expected) {
    return parse_decimal(text, 4, v) && v == expected;
  };
  EXPECT_TRUE(reads("12.5", 125'000));
  EXPECT_TRUE(reads("12", 120'000));
  EXPECT_TRUE(reads("12.", 120'000));
  EXPECT_TRUE(reads(".0001", 1));
  EXPECT_TRUE(reads("-0.5", -5000));
  EXPECT_TRUE(reads("002000.00", 20'000'000));
  EXPECT_TRUE(reads("1.00010000", 10'001));
  EXPECT_TRUE(reads("922337203685477.5807", INT64_MAX));
  for (const char* bad : {"", ".", "-", "+1", "1.00001", "1e3", "1,5", " 1", "1 ", "--1", "1.2.3",
                          "922337203685477.5808", "99999999999999999999"})
    EXPECT_FALSE(parse_decimal(bad, 4, v)) << bad;
}

TEST(FixValue, NumbersThereAndBack) {
  std::array<char, 32> out;
  const auto text = [&out](int64_t value, int decimals) {
    return std::string(out.data(), write_decimal(value, decimals, out));
  };
  EXPECT_EQ(text(125'000, 4), "12.5");
  EXPECT_EQ(text(-5000, 4), "-0.5");
  EXPECT_EQ(text(10'001, 4), "1.0001");
  EXPECT_EQ(text(0, 4), "0");
  EXPECT_EQ(text(INT64_MIN, 0), "-9223372036854775808");
  uint64_t v = 0;
  EXPECT_TRUE(parse_uint("18446744073709551615", v));
  EXPECT_FALSE(parse_uint("18446744073709551616", v));
  EXPECT_FALSE(parse_uint("", v));
  EXPECT_FALSE(parse_uint("-1", v));
}

TEST(FixValue, ByteSumOfAnyLength) {
  std::string text;
  unsigned sum = 0;
  for (unsigned i = 0; i < 3'000; ++i) {
    ASSERT_EQ(byte_sum(text), sum % 256) << i << " bytes";
    const unsigned byte = (i * 2'654'435'761u) >> 24;
    text.push_back(static_cast<char>(byte));
    sum += byte;
  }
  EXPECT_EQ(byte_sum(std::string(4'096, '\xff')), (4'096u * 0xff) % 256);
}

TEST(FixValue, TimesThereAndBack) {
  int64_t t = 0;
  ASSERT_TRUE(parse_timestamp("19700101-00:00:00", t));
  EXPECT_EQ(t, 0);
  ASSERT_TRUE(parse_timestamp("20000229-23:59:59.999999999123", t));
  EXPECT_EQ(t, 951'868'799'999'999'999);
  std::array<char, 32> out;
  EXPECT_EQ(std::string(out.data(), write_timestamp(t, out)), "20000229-23:59:59.999");
  for (const char* bad : {"20000229", "20010229-00:00:00", "20001301-00:00:00", "20000101 00:00:00",
                          "20000101-24:00:00", "20000101-00:60:00", "20000101-00:00:00.",
                          "20000101-00:00:0x", "2000-101-00:00:00", "00000000-00:00:00",
                          "20000101-00:00:00,5", "200/0101-00:00:00", "20000101-0:000:00"})
    EXPECT_FALSE(parse_timestamp(bad, t)) << bad;
  for (int64_t day = 0; day < 80'000; ++day) {
    const Civil c = civil_from_days(day);
    ASSERT_EQ(days_from_civil(c.year, c.month, c.day), day);
  }
}

}  // namespace
}  // namespace pinion::fix
