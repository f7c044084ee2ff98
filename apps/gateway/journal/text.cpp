// A record as a line for a person (to_text of reader.h).
#include <concepts>
#include <cstdio>
#include <string>

#include "gateway/journal/reader.h"
#include "gateway/ouch/ouch.h"

namespace pinion::journal {

std::string printable(Bytes bytes) {
  std::string out;
  for (const std::byte b : bytes) {
    const char c = static_cast<char>(b);
    out += c == '\x01' ? '|' : c >= ' ' && c <= '~' ? c : '?';
  }
  return out;
}

namespace {

const char* kind_name(Kind kind) {
  switch (kind) {
    case Kind::event: return "event";
    case Kind::fix_in: return "fix-in";
    case Kind::fix_out: return "fix-out";
    case Kind::ouch_request: return "ouch-request";
    case Kind::ouch_answer: return "ouch-answer";
    case Kind::lost: return "LOST";
    case Kind::order: return "order";
    case Kind::report: return "report";
  }
  return "?";
}

std::string hex(Bytes bytes) {
  std::string out;
  char digits[3];
  for (const std::byte b : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", std::to_integer<unsigned>(b));
    out += digits;
  }
  return out;
}

std::string value_text(std::string_view text) { return "'" + std::string(text) + "'"; }
std::string value_text(char c) { return c >= ' ' && c <= '~' ? std::string{c} : "?"; }
template <std::unsigned_integral Number>
std::string value_text(Number v) {
  return std::to_string(v);
}

template <class Reader>
std::string ouch_text(Bytes payload, Reader reader) {
  std::string out;
  const Read what = reader(payload, [&](const auto& m, Bytes rest) {
    for_each_field(m, [&](const char* name, const auto& field) {
      out += std::string(out.empty() ? "" : " ") + name + "=" + value_text(field.get());
    });
    if (!rest.empty()) out += " appendage=" + hex(rest);
  });
  return what == Read::ok ? out : "unreadable " + hex(payload);
}

std::string payload_text(Kind kind, Bytes payload) {
  switch (kind) {
    case Kind::ouch_request:
      return ouch_text(payload, [](Bytes b, auto&& on) { return ouch::request::read(b, on); });
    case Kind::ouch_answer:
      return ouch_text(payload, [](Bytes b, auto&& on) { return ouch::answer::read(b, on); });
    case Kind::lost:
      if (payload.size() == sizeof(uint64_t)) {
        return std::to_string(load<uint64_t>(payload.data())) + " records";
      }
      return hex(payload);
    case Kind::event:
    case Kind::fix_in:
    case Kind::fix_out: return printable(payload);
    case Kind::order:
    case Kind::report: break;  // whoever wrote them knows how to read them
  }
  return hex(payload);  // or a kind of a newer version
}

}  // namespace

std::string to_text(const RecordHeader& header, Bytes payload) {
  return to_text(header, payload_text(header.kind, payload));
}

std::string to_text(const RecordHeader& header, const std::string& payload) {
  char front[96];
  std::snprintf(front, sizeof front, "%llu %llu.%09llu %s %u ",
                static_cast<unsigned long long>(header.number),
                static_cast<unsigned long long>(header.time_ns / 1'000'000'000),
                static_cast<unsigned long long>(header.time_ns % 1'000'000'000),
                kind_name(header.kind), unsigned{header.source});
  return front + payload;
}

}  // namespace pinion::journal
