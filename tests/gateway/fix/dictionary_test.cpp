// One broken message for each reason to reject it, in both versions.
#include "gateway/fix/dictionary.h"

#include <gtest/gtest.h>

#include <string>

namespace pinion::fix {
namespace {

// Without a right length and checksum, which the dictionary does not look at.
Refusal validated(Version version, std::string fields) {
  fields = "8=" + std::string(dictionary(version).begin_string) + "|9=0|" + fields + "10=000|";
  for (char& c : fields)
    if (c == '|') c = kSoh;
  Message m;
  EXPECT_TRUE(m.parse(fields)) << fields;
  return validate(dictionary(version), m);
}

const std::string kHead = "|34=2|49=TW|52=20261128-10:00:00|56=ISLD|";
const std::string kOrder42 = "11=id|21=1|40=1|54=1|55=INTC|60=20261128-10:00:00|";

struct DictionaryCase {
  std::string fields;
  RejectReason reason;
  int32_t tag;
};

TEST(FixDictionary, EachReason42) {
  const DictionaryCase cases[] = {
      {"35=0" + kHead + "999=HI|", RejectReason::invalid_tag, 999},
      {"35=0" + kHead + "0=HI|", RejectReason::invalid_tag, 0},
      {"35=0" + kHead + "-1=HI|", RejectReason::invalid_tag, -1},
      {"35=0" + kHead + "5000=HI|", RejectReason::invalid_tag, 5000},
      {"35=0|34=2|49=TW|52=20261128-10:00:00|", RejectReason::required_tag_missing, 56},
      {"35=1" + kHead, RejectReason::required_tag_missing, 112},
      {"35=D" + kHead + "11=id|21=1|40=1|54=1|60=20261128-10:00:00|",
       RejectReason::required_tag_missing, 55},
      {"35=0" + kHead + "55=MSFT|", RejectReason::tag_not_defined, 55},
      {"35=0|34=2|49=TW|52=20261128-10:00:00|56=|", RejectReason::tag_without_value, 56},
      {"35=D" + kHead + kOrder42 + "167=BOO|", RejectReason::value_incorrect, 167},
      {"35=D" + kHead + "11=id|21=4|40=1|54=1|55=INTC|60=20261128-10:00:00|",
       RejectReason::value_incorrect, 21},
      {"35=D" + kHead + kOrder42 + "38=+200.00|", RejectReason::incorrect_format, 38},
      {"35=D" + kHead + kOrder42 + "126=20040415|", RejectReason::incorrect_format, 126},
      {"35=D" + kHead + kOrder42 + "114=X|", RejectReason::incorrect_format, 114},
      {"35=D" + kHead + kOrder42 + "11=id|", RejectReason::tag_repeated, 11},
      {"35=D|11=id" + kHead + "21=1|", RejectReason::tag_out_of_order, 34},
      {"35=D" + kHead + kOrder42 + "386=3|336=A|336=B|", RejectReason::group_count, 386},
      {"35=D" + kHead + kOrder42 + "386=1|336=A|336=B|", RejectReason::group_count, 386},
      {"35=D" + kHead + kOrder42 + "78=1|79=A|80=1|80=2|", RejectReason::tag_repeated, 80},
  };
  for (const DictionaryCase& c : cases) {
    const Refusal r = validated(Version::fix42, c.fields);
    EXPECT_TRUE(r.refused) << c.fields;
    EXPECT_EQ(r.reason, c.reason) << c.fields;
    EXPECT_EQ(r.tag, c.tag) << c.fields;
    EXPECT_TRUE(r.has_tag) << c.fields;
  }
}

TEST(FixDictionary, UnknownTypes) {
  for (const char* type : {"*", "", "AA", "1 2", "00"}) {
    const Refusal r = validated(Version::fix42, "35=" + std::string(type) + kHead);
    EXPECT_TRUE(r.refused) << type;
    EXPECT_EQ(r.reason, RejectReason::invalid_msg_type) << type;
    EXPECT_FALSE(r.has_tag);
  }
  EXPECT_FALSE(validated(Version::fix42, "35=k" + kHead + "390=x|").refused);  // known, no table
  EXPECT_FALSE(validated(Version::fix44, "35=AA" + kHead).refused);
}

TEST(FixDictionary, GoodMessages) {
  for (const std::string& fields :
       {"35=0" + kHead, "35=A" + kHead + "98=0|108=30|141=Y|", "35=2" + kHead + "7=1|16=0|",
        "35=4" + kHead + "36=5|123=Y|", "35=D" + kHead + kOrder42 + "38=100|44=1.5|59=0|",
        "35=D" + kHead + kOrder42 + "386=2|336=A|336=B|58=after|",
        "35=F" + kHead + "41=a|11=b|55=X|54=1|60=20261128-10:00:00.123456|",
        "35=8" + kHead + "37=1|17=1|20=0|150=0|39=0|55=X|54=1|151=100|14=0|6=0.0|",
        "35=d" + kHead + "320=a|322=b|323=6|393=0|146=0|"})
    EXPECT_FALSE(validated(Version::fix42, fields).refused) << fields;
}

TEST(FixDictionary, WhatDiffersIn44) {
  const std::string order = "35=D" + kHead + "11=id|40=1|54=1|60=20261128-10:00:00|38=1|";
  EXPECT_FALSE(validated(Version::fix44, order).refused);  // neither 21 nor 55 is required
  EXPECT_TRUE(validated(Version::fix42, order).refused);
  const std::string report =
      "35=8" + kHead + "37=1|17=1|39=2|55=X|54=1|151=0|14=1|6=1.5|31=1.5|32=1|";
  EXPECT_FALSE(validated(Version::fix44, report + "150=F|").refused);
  EXPECT_EQ(validated(Version::fix44, report + "150=2|").tag, 150);  // a fill is F there
  EXPECT_EQ(validated(Version::fix42, report + "20=0|150=F|").tag, 150);
  EXPECT_FALSE(validated(Version::fix44, order + "453=2|448=a|447=D|452=1|802=1|523=x|803=2|448=b|")
                   .refused);
  EXPECT_EQ(validated(Version::fix44, order + "453=1|448=a|802=2|523=x|803=2|").tag, 802);
}

}  // namespace
}  // namespace pinion::fix
