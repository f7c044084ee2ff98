// What the messages of FIX 4.2 and 4.4 may look like: which fields exist, of what type, with which
// values, and which of them a message has or must have. The tables are built at compile time from
// rows that read like the specification's (dictionary.cpp); a look-up is an index.
//
// The tables hold the session messages and those that the gateway speaks of. Further message types
// are known by name: they are "not supported", not "invalid".
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "gateway/fix/message.h"

namespace pinion::fix {

// SessionRejectReason (373). FIX 4.2 has 0 to 11, 4.4 all of these.
enum class RejectReason : uint8_t {
  invalid_tag = 0,
  required_tag_missing = 1,
  tag_not_defined = 2,
  tag_without_value = 4,
  value_incorrect = 5,
  incorrect_format = 6,
  comp_id_problem = 9,
  sending_time_accuracy = 10,
  invalid_msg_type = 11,
  tag_repeated = 13,
  tag_out_of_order = 14,
  group_count = 16,
  other = 99,
};
const char* text_of(RejectReason reason);

struct Refusal {
  bool refused = false;
  RejectReason reason = RejectReason::other;
  int32_t tag = 0;       // RefTagID
  bool has_tag = false;  // no: the message is refused as a whole
};

enum class Type : uint8_t {
  none,  // there is no such field
  text,
  character,
  integer,
  decimal,
  boolean,
  timestamp,
  date,
  time,
  month_year,
  data,
};

inline constexpr size_t kTagsMax = 1024;
using TagSet = std::array<uint64_t, kTagsMax / 64>;
constexpr bool has_tag(const TagSet& set, int32_t tag) {
  return (set[static_cast<size_t>(tag) / 64] >> (tag % 64) & 1) != 0;
}

struct MessageRule {
  std::string_view type;
  TagSet allowed{}, required{};  // of the body
};
struct GroupRule {
  int32_t count = 0;
  TagSet members{};
};
struct ValueRule {
  int32_t tag = 0;
  std::string_view values;  // separated by spaces
};

// Two of these exist.
struct Dictionary {
  static constexpr size_t kMessagesMax = 16, kGroupsMax = 24, kValuesMax = 40;

  std::string_view begin_string;
  std::string_view types;  // that the version has, separated by spaces
  RejectReason last_reason;
  std::array<Type, kTagsMax> field_types{};
  std::array<uint8_t, kTagsMax> value_rules{};  // 1 + the index into `values`; 0: any value
  std::array<ValueRule, kValuesMax> values{};
  std::array<MessageRule, kMessagesMax> messages{};
  std::array<GroupRule, kGroupsMax> groups{};
  TagSet group_counts{};

  bool knows_type(std::string_view type) const;
  const MessageRule* message(std::string_view type) const;  // null: no table of it
  const GroupRule* group(int32_t count_tag) const;          // of a tag below kTagsMax
  bool has_reason(RejectReason reason) const { return reason <= last_reason; }
};

enum class Version : uint8_t { fix42, fix44 };
const Dictionary& dictionary(Version version);

// The first rule that the message breaks: order of the sections, message type, required fields,
// then each field in its order.
Refusal validate(const Dictionary& dictionary, const Message& message);

}  // namespace pinion::fix
