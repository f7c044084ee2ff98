// The tables of dictionary.h. Rows as the specifications have them: FIX 4.2 (with errata 20010501)
// and 4.4, volume 6 for fields and their values, volumes 2 and 4 to 7 for messages. A tag with a
// `*` is required.
#include <cstddef>

#include "gateway/fix/dictionary.h"

namespace pinion::fix {

namespace {

struct TypeRow {
  Type type;
  std::string_view tags;
};
struct MessageRow {
  std::string_view type, tags;
};
struct GroupRow {
  int32_t count;
  std::string_view members;
};

// Calls f(tag, required) for each word of a row.
template <class F>
constexpr void each_tag(std::string_view row, F f) {
  int32_t tag = 0;
  bool required = false;
  for (size_t i = 0; i <= row.size(); ++i) {
    if (i == row.size() || row[i] == ' ') {
      if (tag != 0) f(tag, required);
      tag = 0, required = false;
    } else if (row[i] == '*') {
      required = true;
    } else {
      tag = tag * 10 + (row[i] - '0');
    }
  }
}

constexpr void put_tag(TagSet& set, int32_t tag) {
  set[static_cast<size_t>(tag) / 64] |= uint64_t{1} << (tag % 64);
}

// An index beyond an array is a compile error, here as everywhere below.
template <size_t N>
constexpr void add_types(Dictionary& d, const TypeRow (&rows)[N]) {
  for (const TypeRow& row : rows)
    each_tag(row.tags,
             [&](int32_t tag, bool) { d.field_types[static_cast<size_t>(tag)] = row.type; });
}

template <size_t N>
constexpr void add_values(Dictionary& d, size_t& at, const ValueRule (&rows)[N]) {
  for (const ValueRule& row : rows) {
    d.values[at] = row;
    d.value_rules[static_cast<size_t>(row.tag)] = static_cast<uint8_t>(++at);
  }
}

template <size_t N>
constexpr void add_messages(Dictionary& d, size_t& at, const MessageRow (&rows)[N],
                            std::string_view shared) {
  for (const MessageRow& row : rows) {
    MessageRule& rule = d.messages[at++];
    rule.type = row.type;
    const auto put = [&](int32_t tag, bool required) {
      put_tag(rule.allowed, tag);
      if (required) put_tag(rule.required, tag);
    };
    each_tag(row.tags, put);
    each_tag(shared, put);
  }
}

template <size_t N>
constexpr void add_groups(Dictionary& d, const GroupRow (&rows)[N]) {
  size_t at = 0;
  for (const GroupRow& row : rows) {
    GroupRule& rule = d.groups[at++];
    rule.count = row.count;
    put_tag(d.group_counts, row.count);
    each_tag(row.members, [&](int32_t tag, bool) { put_tag(rule.members, tag); });
  }
}

constexpr TypeRow kTypes[] = {
    {Type::text,
     "1 8 10 11 15 17 18 19 22 30 35 37 41 48 49 50 55 56 57 58 65 66 76 79 100 106 107 109 112 "
     "115 "
     "116 117 120 128 129 142 143 144 145 148 167 168 198 207 305 307 308 309 310 311 312 317 318 "
     "320 322 336 337 347 372 375 376 437 439 440 379"},
    {Type::character, "13 20 21 29 39 40 47 54 59 63 77 113 127 150 188 206 209 385"},
    {Type::decimal,
     "6 12 14 31 32 38 44 53 80 99 110 111 118 119 140 151 152 153 154 155 156 157 158 159 192 194 "
     "195 "
     "202 211 223 231 237 238 316 319 324 364 365 381 388 389 424 425 426 435 436 438"},
    {Type::integer,
     "7 9 16 34 36 45 68 73 78 81 90 93 95 98 102 103 108 146 201 203 204 205 212 315 314 323 348 "
     "350 354 362 369 371 373 380 382 383 384 386 393 427 434"},
    {Type::boolean, "43 97 114 121 123 130 141 377 378"},
    {Type::timestamp, "42 52 60 122 126"},
    {Type::date, "64 75 193 432"},
    {Type::month_year, "200 313"},
    {Type::data, "89 91 96 213 349 351 355 363"},
};
constexpr TypeRow kTypes42[] = {
    {Type::text, "23 306"}, {Type::integer, "210"}, {Type::timestamp, "370"}};
constexpr TypeRow kTypes44[] = {
    {Type::text,
     "23 70 306 448 455 456 461 467 523 526 527 529 548 551 553 554 583 584 625 628 655 736 762 "
     "790"},
    {Type::character, "447 528 589 590 591"},
    {Type::decimal, "210 516 640"},
    {Type::integer, "423 452 453 454 460 549 581 582 627 630 660 661 789 802 803 854 911"},
    {Type::boolean, "464 636 797 912"},
    {Type::timestamp, "586 629"},
    {Type::date, "229 541"},
};

constexpr ValueRule kValues[] = {
    {20, "0 1 2 3"},
    {21, "1 2 3"},
    {39, "0 1 2 3 4 5 6 7 8 9 A B C D E"},
    {63, "0 1 2 3 4 5 6 7 8 9"},
    {98, "0 1 2 3 4 5 6"},
    {323, "1 2 3 4 5 6"},
    {385, "R S"},
    {434, "1 2"},
    {206, "0 1"},
    {201, "0 1"},
};
constexpr ValueRule kValues42[] = {
    {22, "1 2 3 4 5 6 7 8 9"},
    {40, "1 2 3 4 5 6 7 8 9 A B C D E F G H I P"},
    {54, "1 2 3 4 5 6 7 8 9"},
    {59, "0 1 2 3 4 5 6"},
    {81, "0 1 2"},
    {102, "0 1 2 3"},
    {103, "0 1 2 3 4 5 6 7 8"},
    {150, "0 1 2 3 4 5 6 7 8 9 A B C D E"},
    {167,
     "BA CB CD CMO CORP CP CPP CS FHA FHL FN FOR FUT GN GOVT IET MF MIO MPO MPP MPT MUNI NONE "
     "OPT PS RP RVRP SL TD USTB WAR ZOO ?"},
    {373, "0 1 2 3 4 5 6 7 8 9 10 11"},
    {380, "0 1 2 3 4 5"},
};
constexpr ValueRule kValues44[] = {
    {22, "1 2 3 4 5 6 7 8 9 A B C D E F G H I J"},
    {40, "1 2 3 4 6 7 8 9 D E G I J K L M P"},
    {54, "1 2 3 4 5 6 7 8 9 A B C D E F G"},
    {59, "0 1 2 3 4 5 6 7"},
    {81, "0 1 2 3 4 5 6"},
    {102, "0 1 2 3 4 5 6 99"},
    {103, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 99"},
    {150, "0 3 4 5 6 7 8 9 A B C D E F G H I"},
    {167,
     "CS PS OPT FUT CORP CPP CB DUAL EUCORP XLINKD STRUCT YANK FOR WAR MF MLEG NONE ? REPO "
     "FORWARD BUYSELL SECLOAN SECPLEDGE BRADY EUSOV TBOND TINT TIPS TCAL TPRN TNOTE TBILL TERM "
     "RVLV BRIDGE CD CP BA TD MMF GO REV GN"},
    {373, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 99"},
    {380, "0 1 2 3 4 5 6 7"},
};

constexpr MessageRow kSessionMessages[] = {
    {"0", "112"},
    {"1", "112*"},
    {"2", "7* 16*"},
    {"3", "45* 371 372 373 58 354 355"},
    {"4", "123 36*"},
    {"5", "58 354 355"},
    {"j", "45 372* 379 380* 58 354 355"},
};
constexpr MessageRow kLogon42[] = {{"A", "98* 108* 95 96 141 383 384"}};
constexpr MessageRow kLogon44[] = {{"A", "98* 108* 95 96 141 789 383 384 464 553 554"}};

constexpr std::string_view kInstrument42 =
    "65 48 22 167 200 205 201 202 206 231 223 207 106 348 349 107 350 351";
constexpr MessageRow kMessages42[] = {
    {"D",
     "11* 21* 55* 54* 60* 40* 109 76 1 78 63 64 18 110 111 100 386 81 140 114 38 152 44 99 15 "
     "376 377 23 117 59 168 432 126 427 12 13 47 121 120 58 354 355 193 192 77 203 204 210 211 "
     "388 389 439 440"},
    {"F", "41* 11* 55* 54* 60* 37 66 1 109 76 38 152 376 377 58 354 355"},
    {"G",
     "41* 11* 21* 55* 54* 60* 40* 37 109 76 66 1 78 63 64 18 110 111 100 386 38 152 44 99 211 "
     "388 389 376 377 15 59 168 432 126 427 12 13 47 121 120 58 354 355 193 192 77 203 204 210 "
     "114 439 440"},
    {"H", "11* 55* 54* 37 109 1 76"},
    {"8",
     "37* 17* 20* 150* 39* 55* 54* 151* 14* 6* 198 11 41 109 76 382 66 19 103 378 1 63 64 38 "
     "152 40 44 99 211 388 389 15 376 377 59 168 432 126 18 47 32 31 194 195 30 336 29 424 425 "
     "426 427 75 60 113 12 13 381 119 120 155 156 21 110 111 77 210 58 354 355 193 192 439 440"},
    {"d", "320* 322* 323 393* 55 15 336 58 354 355 146"},
};
constexpr MessageRow kCancelReject42[] = {
    {"9", "37* 11* 41* 39* 434* 198 109 76 66 1 60 102 58 354 355"}};
constexpr GroupRow kGroups42[] = {
    {78, "79 80"},
    {382, "375 337 437 438"},
    {384, "372 385"},
    {386, "336"},
    {146, "311 312 309 305 310 313 314 315 316 317 436 435 308 306 362 363 307 364 365 319 54 318"},
};

constexpr std::string_view kInstrument44 =
    "55 65 48 22 454 460 461 167 762 200 541 201 202 206 231 223 207 106 348 349 107 350 351";
constexpr MessageRow kMessages44[] = {
    {"D",
     "11* 54* 60* 40* 526 583 453 229 75 1 660 581 589 590 591 70 78 63 64 21 18 110 111 100 "
     "386 81 140 114 854 38 152 516 423 44 99 15 376 377 23 117 59 168 432 126 427 12 13 528 "
     "529 582 121 120 58 354 355 193 192 640 77 203 210 211 388 389"},
    {"F", "41* 11* 54* 60* 37 526 583 66 586 1 660 581 453 38 152 516 376 58 354 355"},
    {"G",
     "41* 11* 54* 60* 40* 37 453 229 75 526 583 66 586 1 660 581 589 590 591 70 78 63 64 21 18 "
     "110 111 100 386 854 38 152 516 423 44 99 211 388 389 376 377 15 59 168 432 126 427 12 13 "
     "528 529 582 121 120 58 354 355 193 192 640 77 203 210 114"},
    {"H", "11* 54* 37 526 583 453 790 1 660"},
    {"8",
     "37* 17* 150* 39* 54* 151* 14* 6* 198 526 527 11 41 583 790 584 911 912 453 229 382 66 548 "
     "551 549 19 636 103 378 1 660 581 589 590 591 63 64 854 38 152 516 40 423 44 99 211 388 389 "
     "15 376 377 59 168 432 126 18 528 529 582 32 31 194 195 30 336 625 29 424 425 426 427 75 60 "
     "113 12 13 381 118 119 120 155 156 21 110 111 77 210 58 354 355 193 192 797"},
    {"d", "320* 322* 323* 15 336 625 58 354 355"},
};
constexpr MessageRow kCancelReject44[] = {
    {"9", "37* 11* 41* 39* 434* 198 526 583 636 586 66 1 660 581 229 75 60 102 58 354 355"}};
constexpr GroupRow kGroups44[] = {
    {78, "79 661 736 467 80"}, {382, "375 337 437 438 655"}, {384, "372 385"},
    {386, "336 625"},          {453, "448 447 452 802"},     {454, "455 456"},
    {802, "523 803"},
};

constexpr std::string_view kTypes42Known =
    "0 1 2 3 4 5 6 7 8 9 A B C D E F G H J K L M N P Q R S T V W X Y Z a b c d e f g h i j k l m";
constexpr std::string_view kTypes44Known =
    "0 1 2 3 4 5 6 7 8 9 A B C D E F G H J K L M N P Q R S T V W X Y Z a b c d e f g h i j k l m n "
    "o p q r s t u v w x y z AA AB AC AD AE AF AG AH AI AJ AK AL AM AN AO AP AQ AR AS AT AU AV AW "
    "AX "
    "AY AZ BA BB BC BD BE BF BG BH";

constexpr Dictionary make42() {
  Dictionary d{.begin_string = "FIX.4.2",
               .types = kTypes42Known,
               .last_reason = RejectReason::invalid_msg_type};
  add_types(d, kTypes);
  add_types(d, kTypes42);
  size_t values = 0, messages = 0;
  add_values(d, values, kValues);
  add_values(d, values, kValues42);
  add_messages(d, messages, kSessionMessages, "");
  add_messages(d, messages, kLogon42, "");
  add_messages(d, messages, kMessages42, kInstrument42);
  add_messages(d, messages, kCancelReject42, "");
  add_groups(d, kGroups42);
  return d;
}

constexpr Dictionary make44() {
  Dictionary d{
      .begin_string = "FIX.4.4", .types = kTypes44Known, .last_reason = RejectReason::other};
  add_types(d, kTypes);
  add_types(d, kTypes44);
  size_t values = 0, messages = 0;
  add_values(d, values, kValues);
  add_values(d, values, kValues44);
  add_messages(d, messages, kSessionMessages, "");
  add_messages(d, messages, kLogon44, "");
  add_messages(d, messages, kMessages44, kInstrument44);
  add_messages(d, messages, kCancelReject44, "");
  add_groups(d, kGroups44);
  return d;
}

constexpr Dictionary kDictionary42 = make42();
constexpr Dictionary kDictionary44 = make44();

// A field that a message may have must have a type, or nobody could ever send it.
constexpr bool typed(const Dictionary& d) {
  for (const MessageRule& rule : d.messages)
    for (int32_t tag = 1; tag < static_cast<int32_t>(kTagsMax); ++tag)
      if (has_tag(rule.allowed, tag) && d.field_types[static_cast<size_t>(tag)] == Type::none)
        return false;
  for (const GroupRule& rule : d.groups)
    for (int32_t tag = 1; tag < static_cast<int32_t>(kTagsMax); ++tag)
      if (has_tag(rule.members, tag) && d.field_types[static_cast<size_t>(tag)] == Type::none)
        return false;
  return true;
}
static_assert(typed(kDictionary42) && typed(kDictionary44));

}  // namespace

const Dictionary& dictionary(Version version) {
  return version == Version::fix42 ? kDictionary42 : kDictionary44;
}

}  // namespace pinion::fix
