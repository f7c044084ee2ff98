// A decision in the journal: what is written is read, and nothing shorter, longer or strange is.
#include "gateway/orders/record.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace pinion::gateway {
namespace {

OrderRecord a_record() {
  OrderRecord r{.decision = Decision::refuse_replace, .side = risk::Side::sell_short};
  r.time_in_force = '3', r.session = 7, r.reason = 99, r.user_ref = 0x01020304, r.about = 5;
  r.quantity = 999'999, r.price = 1'999'999'900, r.symbol = Alpha<8>::of("AAPL");
  r.cl_ord_id = "A17", r.orig_cl_ord_id = "A16", r.text = "price collar";
  return r;
}

std::vector<std::byte> written(const OrderRecord& r) {
  std::vector<std::byte> room(kOrderRecordMax);
  room.resize(write_record(r, room));
  return room;
}

TEST(OrderRecords, AreReadAsTheyWereWritten) {
  for (const char decision : std::string("OUXRCGTQ")) {
    OrderRecord r = a_record(), out;
    r.decision = static_cast<Decision>(decision);
    const std::vector<std::byte> bytes = written(r);
    ASSERT_TRUE(read_record(bytes, out)) << decision;
    EXPECT_EQ(out.decision, r.decision);
    EXPECT_EQ(out.side, r.side);
    EXPECT_EQ(out.time_in_force, r.time_in_force);
    EXPECT_EQ(out.session, r.session);
    EXPECT_EQ(out.reason, r.reason);
    EXPECT_EQ(out.user_ref, r.user_ref);
    EXPECT_EQ(out.about, r.about);
    EXPECT_EQ(out.quantity, r.quantity);
    EXPECT_EQ(out.price, r.price);
    EXPECT_EQ(out.symbol, r.symbol);
    EXPECT_EQ(out.cl_ord_id, r.cl_ord_id);
    EXPECT_EQ(out.orig_cl_ord_id, r.orig_cl_ord_id);
    EXPECT_EQ(out.text, r.text);
  }
}

TEST(OrderRecords, ArePutInWordsForTheDump) {
  const auto text = [](const OrderRecord& r) {
    return to_text(journal::Kind::order, written(r));
  };
  EXPECT_EQ(text(a_record()),
            "refuse-replace ref=16909060 about=5 short shares=999999 price=199999.9900 tif=3 "
            "reason=99 symbol=AAPL id=A17 orig=A16 text=price collar");
  OrderRecord strange = a_record();
  strange.cl_ord_id = "\x1b[2J";
  EXPECT_NE(text(strange).find(" id=?[2J "), std::string::npos) << text(strange);
  const ReportRecord report{17, 1, 4};
  EXPECT_EQ(to_text(journal::Kind::report, std::as_bytes(std::span{&report, 1})),
            "exec-id=17-1 seq=4");
  EXPECT_EQ(to_text(journal::Kind::order, {}), "");
  EXPECT_EQ(to_text(journal::Kind::fix_in, written(a_record())), "");
}

TEST(OrderRecords, OfAnotherLengthAreNone) {
  std::vector<std::byte> bytes = written(a_record());
  OrderRecord out;
  for (size_t n = 0; n < bytes.size(); ++n) {
    const std::vector<std::byte> shorter(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(n));
    EXPECT_FALSE(read_record(shorter, out)) << n;
  }
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(read_record(bytes, out));
}

TEST(OrderRecords, OfNoSuchDecisionOrSideAreNone) {
  OrderRecord out;
  for (const size_t at : {size_t{0}, size_t{1}}) {
    std::vector<std::byte> bytes = written(a_record());
    bytes[at] = std::byte{200};
    EXPECT_FALSE(read_record(bytes, out)) << at;
  }
}

TEST(OrderRecords, TextsThatAreTooLongAreCut) {
  const std::string text(500, 'x');
  OrderRecord r = a_record(), out;
  r.cl_ord_id = r.orig_cl_ord_id = r.text = text;
  const std::vector<std::byte> bytes = written(r);
  EXPECT_LE(bytes.size(), kOrderRecordMax);
  ASSERT_TRUE(read_record(bytes, out));
  EXPECT_EQ(out.cl_ord_id, text.substr(0, kRecordTextMax));
  EXPECT_EQ(out.text, text.substr(0, kRecordTextMax));
}

}  // namespace
}  // namespace pinion::gateway
