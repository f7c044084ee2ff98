#include "gateway/orders/record.h"

#include <algorithm>
#include <cstdio>

#include "base/check.h"
#include "gateway/journal/reader.h"

namespace pinion::gateway {

namespace {

struct Fixed {
  char decision;
  uint8_t side;
  char time_in_force;
  uint8_t id_bytes, orig_bytes, text_bytes;
  uint16_t session;
  int16_t reason;
  uint16_t reserved;
  uint32_t user_ref, about, quantity;
  int64_t price;
  Alpha<8> symbol;
};
static_assert(sizeof(Fixed) == 40);
static_assert(sizeof(Fixed) + 3 * kRecordTextMax <= kOrderRecordMax);

constexpr std::string_view kDecisions = "OUXRCGTQ";

uint8_t put(std::string_view text, MutableBytes out, size_t& at) {
  const size_t bytes = std::min(text.size(), kRecordTextMax);
  if (bytes != 0) std::memcpy(out.data() + at, text.data(), bytes);
  at += bytes;
  return static_cast<uint8_t>(bytes);
}

}  // namespace

size_t write_record(const OrderRecord& r, MutableBytes out) {
  STACK_CHECK(out.size() >= kOrderRecordMax);
  Fixed f{};
  f.decision = static_cast<char>(r.decision);
  f.side = static_cast<uint8_t>(r.side);
  f.time_in_force = r.time_in_force;
  f.session = r.session, f.reason = r.reason;
  f.user_ref = r.user_ref, f.about = r.about, f.quantity = r.quantity, f.price = r.price;
  f.symbol = r.symbol;
  size_t at = sizeof f;
  f.id_bytes = put(r.cl_ord_id, out, at);
  f.orig_bytes = put(r.orig_cl_ord_id, out, at);
  f.text_bytes = put(r.text, out, at);
  std::memcpy(out.data(), &f, sizeof f);
  return at;
}

bool read_record(Bytes bytes, OrderRecord& out) {
  if (bytes.size() < sizeof(Fixed)) return false;
  const auto f = load<Fixed>(bytes.data());
  const size_t texts = size_t{f.id_bytes} + f.orig_bytes + f.text_bytes;
  if (bytes.size() != sizeof f + texts) return false;
  if (kDecisions.find(f.decision) == std::string_view::npos) return false;
  if (f.side > static_cast<uint8_t>(risk::Side::sell_short_exempt)) return false;
  out.decision = static_cast<Decision>(f.decision);
  out.side = static_cast<risk::Side>(f.side);
  out.time_in_force = f.time_in_force;
  out.session = f.session, out.reason = f.reason;
  out.user_ref = f.user_ref, out.about = f.about, out.quantity = f.quantity, out.price = f.price;
  out.symbol = f.symbol;
  const std::string_view all(reinterpret_cast<const char*>(bytes.data()) + sizeof f, texts);
  out.cl_ord_id = all.substr(0, f.id_bytes);
  out.orig_cl_ord_id = all.substr(f.id_bytes, f.orig_bytes);
  out.text = all.substr(size_t{f.id_bytes} + f.orig_bytes);
  return true;
}

namespace {

const char* text_of(Decision decision) {
  switch (decision) {
    case Decision::enter: return "enter";
    case Decision::replace: return "replace";
    case Decision::cancel: return "cancel";
    case Decision::refuse: return "refuse";
    case Decision::refuse_cancel: return "refuse-cancel";
    case Decision::refuse_replace: return "refuse-replace";
    case Decision::give_up_cancel: return "give-up-cancel";
    case Decision::query: return "query";
  }
  return "?";
}

std::string text_of(const OrderRecord& r) {
  constexpr const char* kSides[] = {"buy", "sell", "short", "exempt"};
  char numbers[200];
  std::snprintf(numbers, sizeof numbers,
                "%s ref=%u about=%u %s shares=%u price=%lld.%04lld tif=%c reason=%d",
                text_of(r.decision), r.user_ref, r.about, kSides[static_cast<size_t>(r.side)],
                r.quantity, static_cast<long long>(r.price / risk::kUnit),
                static_cast<long long>(r.price % risk::kUnit), r.time_in_force, int{r.reason});
  const auto text = [](const char* name, std::string_view value) {
    return value.empty() ? std::string() : name + journal::printable(bytes_of_text(value));
  };
  return numbers + text(" symbol=", r.symbol.get()) + text(" id=", r.cl_ord_id) +
         text(" orig=", r.orig_cl_ord_id) + text(" text=", r.text);
}

}  // namespace

std::string to_text(journal::Kind kind, Bytes payload) {
  OrderRecord record;
  if (kind == journal::Kind::order && read_record(payload, record)) return text_of(record);
  if (kind != journal::Kind::report || payload.size() != sizeof(ReportRecord)) return {};
  const auto report = load<ReportRecord>(payload.data());
  char text[80];
  std::snprintf(text, sizeof text, "exec-id=%llu-%u seq=%u",
                static_cast<unsigned long long>(report.cause), report.part, report.number);
  return text;
}

}  // namespace pinion::gateway
