// See dictionary.h; the tables are in dictionary_tables.cpp.
#include "gateway/fix/dictionary.h"

#include "gateway/fix/value.h"

namespace pinion::fix {

namespace {

bool has_word(std::string_view words, std::string_view word) {
  while (true) {
    const size_t space = words.find(' ');
    if (words.substr(0, space) == word) return true;
    if (space == std::string_view::npos) return false;
    words.remove_prefix(space + 1);
  }
}

Refusal refuse(RejectReason reason, int32_t tag) {
  return {.refused = true, .reason = reason, .tag = tag, .has_tag = true};
}

bool is_of_type(Type type, std::string_view value) {
  int64_t integer = 0, time = 0;
  switch (type) {
    case Type::none: return false;
    case Type::text:
    case Type::data: return true;
    case Type::character: return value.size() == 1;
    case Type::integer: return parse_int(value, integer);
    case Type::decimal: return is_decimal(value);
    case Type::boolean: return value == "Y" || value == "N";
    case Type::timestamp: return parse_timestamp(value, time);
    case Type::date: return is_date(value);
    case Type::time: return is_time(value);
    case Type::month_year: return is_month_year(value);
  }
  return false;
}

void add_tag(TagSet& set, int32_t tag) {
  set[static_cast<size_t>(tag) / 64] |= uint64_t{1} << (tag % 64);
}

// Volume 2: header, body, trailer. The first field that comes too late tells. Tells also which
// fields are there.
Refusal check_sections(const Message& message, TagSet& present) {
  bool body = false, trailer = false;
  for (const Field& field : message.fields()) {
    if (field.tag >= 0 && field.tag < static_cast<int32_t>(kTagsMax)) add_tag(present, field.tag);
    if (is_trailer_tag(field.tag)) {
      trailer = true;
    } else if (trailer || (body && is_header_tag(field.tag))) {
      return refuse(RejectReason::tag_out_of_order, field.tag);
    } else if (!is_header_tag(field.tag)) {
      body = true;
    }
  }
  return {};
}

Refusal check_required(const MessageRule& rule, const TagSet& present) {
  for (const int32_t tag : {kSenderCompID, kTargetCompID, kMsgSeqNum, kSendingTime})
    if (!has_tag(present, tag)) return refuse(RejectReason::required_tag_missing, tag);
  for (size_t word = 0; word < rule.required.size(); ++word) {
    const uint64_t missing = rule.required[word] & ~present[word];
    if (missing == 0) continue;
    const auto tag = static_cast<int32_t>(word * 64) + __builtin_ctzll(missing);
    return refuse(RejectReason::required_tag_missing, tag);
  }
  return {};
}

bool in_tables(const Dictionary& d, int32_t tag) {
  return tag > 0 && tag < static_cast<int32_t>(kTagsMax) &&
         d.field_types[static_cast<size_t>(tag)] != Type::none;
}

Refusal check_value(const Dictionary& d, const Field& field) {
  if (field.value.empty()) return refuse(RejectReason::tag_without_value, field.tag);
  if (!in_tables(d, field.tag)) return refuse(RejectReason::invalid_tag, field.tag);
  const auto index = static_cast<size_t>(field.tag);
  if (!is_of_type(d.field_types[index], field.value))
    return refuse(RejectReason::incorrect_format, field.tag);
  if (const uint8_t rule = d.value_rules[index]; rule != 0)
    if (!has_word(d.values[rule - 1].values, field.value))
      return refuse(RejectReason::value_incorrect, field.tag);
  return {};
}

using Fields = std::span<const Field>;

// fields[at] is the count of a group; moves `at` behind its last member. Volume 1, "Repeating
// groups": each entry begins with the same field, in which no other one differs.
Refusal check_group(const Dictionary& d, const GroupRule& rule, Fields fields, size_t& at,
                    int depth) {
  const Field& counter = fields[at++];
  if (const Refusal r = check_value(d, counter); r.refused) return r;
  uint64_t told = 0, found = 0;
  if (!parse_uint(counter.value, told)) return refuse(RejectReason::incorrect_format, counter.tag);
  TagSet seen{};
  int32_t first = 0;
  while (at < fields.size()) {
    const Field& field = fields[at];
    if (!in_tables(d, field.tag) || !has_tag(rule.members, field.tag)) break;
    if (found == 0) first = field.tag;
    if (field.tag == first) {
      ++found;
      seen = {};
    } else if (has_tag(seen, field.tag)) {
      return refuse(RejectReason::tag_repeated, field.tag);
    }
    add_tag(seen, field.tag);
    const GroupRule* inner = depth == 0 ? d.group(field.tag) : nullptr;
    const Refusal r =
        inner != nullptr ? check_group(d, *inner, fields, at, depth + 1) : check_value(d, field);
    if (r.refused) return r;
    if (inner == nullptr) ++at;
  }
  if (found != told) return refuse(RejectReason::group_count, counter.tag);
  return {};
}

Refusal check_fields(const Dictionary& d, const MessageRule& rule, Fields fields) {
  TagSet seen{};
  for (size_t at = 0; at < fields.size();) {
    const Field& field = fields[at];
    if (const Refusal r = check_value(d, field); r.refused) return r;
    const bool outside = is_header_tag(field.tag) || is_trailer_tag(field.tag);
    if (!has_tag(rule.allowed, field.tag) && !outside)
      return refuse(RejectReason::tag_not_defined, field.tag);
    if (has_tag(seen, field.tag)) return refuse(RejectReason::tag_repeated, field.tag);
    add_tag(seen, field.tag);
    const GroupRule* group = outside ? nullptr : d.group(field.tag);
    if (group == nullptr) {
      ++at;
    } else if (const Refusal r = check_group(d, *group, fields, at, 0); r.refused) {
      return r;
    }
  }
  return {};
}

}  // namespace

const char* text_of(RejectReason reason) {
  switch (reason) {
    case RejectReason::invalid_tag: return "Invalid tag number";
    case RejectReason::required_tag_missing: return "Required tag missing";
    case RejectReason::tag_not_defined: return "Tag not defined for this message type";
    case RejectReason::tag_without_value: return "Tag specified without a value";
    case RejectReason::value_incorrect: return "Value is incorrect (out of range) for this tag";
    case RejectReason::incorrect_format: return "Incorrect data format for value";
    case RejectReason::comp_id_problem: return "CompID problem";
    case RejectReason::sending_time_accuracy: return "SendingTime accuracy problem";
    case RejectReason::invalid_msg_type: return "Invalid MsgType";
    case RejectReason::tag_repeated: return "Tag appears more than once";
    case RejectReason::tag_out_of_order: return "Tag specified out of required order";
    case RejectReason::group_count: return "Incorrect NumInGroup count for repeating group";
    case RejectReason::other: return "Too many fields";
  }
  return "";
}

bool Dictionary::knows_type(std::string_view type) const {
  return !type.empty() && type.find(' ') == std::string_view::npos && has_word(types, type);
}

const MessageRule* Dictionary::message(std::string_view type) const {
  for (const MessageRule& rule : messages)
    if (!type.empty() && rule.type == type) return &rule;
  return nullptr;
}

const GroupRule* Dictionary::group(int32_t count_tag) const {
  if (!has_tag(group_counts, count_tag)) return nullptr;
  for (const GroupRule& rule : groups)
    if (rule.count == count_tag) return &rule;
  return nullptr;
}

Refusal validate(const Dictionary& d, const Message& message) {
  if (message.overflow()) return {.refused = true, .reason = RejectReason::other};
  TagSet present{};
  if (const Refusal r = check_sections(message, present); r.refused) return r;
  const MessageRule* rule = d.message(message.type());
  if (rule == nullptr) {
    if (!d.knows_type(message.type()))
      return {.refused = true, .reason = RejectReason::invalid_msg_type};
    // Its body is not looked at, since it will be refused as not supported.
    static constexpr MessageRule kHeaderAlone{};
    return check_required(kHeaderAlone, present);
  }
  if (const Refusal r = check_required(*rule, present); r.refused) return r;
  return check_fields(d, *rule, message.fields());
}

}  // namespace pinion::fix
