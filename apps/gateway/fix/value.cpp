// See value.h.
#include "gateway/fix/value.h"

#include <cstddef>
#include <cstring>
#include <limits>

namespace pinion::fix {

namespace {

constexpr int64_t kDaySeconds = 86'400;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool all_digits(std::string_view text) {
  for (const char c : text)
    if (!is_digit(c)) return false;
  return !text.empty();
}

// Of text whose form was looked at.
unsigned number(std::string_view text) {
  unsigned value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value;
}

void put_digits(char* at, unsigned value, int count) {
  for (int i = count - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

bool append_digit(uint64_t& value, char c) {
  const auto digit = static_cast<uint64_t>(c - '0');
  if (value > (std::numeric_limits<uint64_t>::max() - digit) / 10) return false;
  value = value * 10 + digit;
  return true;
}

unsigned days_in(int64_t year, unsigned month) {
  constexpr unsigned kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
  return month == 2 && leap ? 29 : kDays[month - 1];
}

// Two digits; anything else is not below 100.
unsigned two(const char* at) {
  const auto tens = static_cast<unsigned>(at[0] - '0'), ones = static_cast<unsigned>(at[1] - '0');
  return tens > 9 || ones > 9 ? 100 : tens * 10 + ones;
}

struct Date {
  unsigned year = 0, month = 0, day = 0;
};

bool read_date(std::string_view text, Date& out) {
  if (text.size() != 8) return false;
  const unsigned century = two(text.data()), year = two(text.data() + 2);
  out.month = two(text.data() + 4), out.day = two(text.data() + 6);
  if (century > 99 || year > 99 || out.month < 1 || out.month > 12) return false;
  out.year = century * 100 + year;
  return out.day >= 1 && out.day <= days_in(out.year, out.month);
}

// With a fraction of any length or without: nanoseconds of the day.
bool read_time(std::string_view text, int64_t& out) {
  if (text.size() < 8 || text[2] != ':' || text[5] != ':') return false;
  const unsigned hour = two(text.data()), minute = two(text.data() + 3);
  const unsigned second = two(text.data() + 6);
  if (hour > 23 || minute > 59 || second > 60) return false;
  out = int64_t{hour * 3600 + minute * 60 + second} * kSecond;
  if (text.size() == 8) return true;
  if (text[8] != '.' || text.size() == 9) return false;
  int64_t unit = kSecond / 10;
  for (const char c : text.substr(9)) {
    if (!is_digit(c)) return false;
    out += (c - '0') * unit;
    unit /= 10;  // 0 behind the ninth
  }
  return true;
}

struct Parts {
  std::string_view whole, fraction;
  bool negative = false;
};

bool split(std::string_view text, Parts& out) {
  out.negative = !text.empty() && text[0] == '-';
  if (out.negative) text.remove_prefix(1);
  const size_t point = text.find('.');
  out.whole = text.substr(0, point);
  out.fraction = point == std::string_view::npos ? std::string_view() : text.substr(point + 1);
  if (out.whole.empty() && out.fraction.empty()) return false;
  return (out.whole.empty() || all_digits(out.whole)) &&
         (out.fraction.empty() || all_digits(out.fraction));
}

}  // namespace

bool parse_uint(std::string_view text, uint64_t& out) {
  uint64_t value = 0;
  for (const char c : text)
    if (!is_digit(c) || !append_digit(value, c)) return false;
  out = value;
  return !text.empty();
}

bool parse_int(std::string_view text, int64_t& out) {
  const bool negative = !text.empty() && text[0] == '-';
  uint64_t value = 0;
  if (!parse_uint(text.substr(negative ? 1 : 0), value)) return false;
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return false;
  out = negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
  return true;
}

bool parse_decimal(std::string_view text, int decimals, int64_t& out) {
  Parts parts;
  if (!split(text, parts)) return false;
  while (!parts.fraction.empty() && parts.fraction.back() == '0') parts.fraction.remove_suffix(1);
  if (parts.fraction.size() > static_cast<size_t>(decimals)) return false;
  uint64_t value = 0;
  for (const char c : parts.whole)
    if (!append_digit(value, c)) return false;
  for (size_t i = 0; i < static_cast<size_t>(decimals); ++i)
    if (!append_digit(value, i < parts.fraction.size() ? parts.fraction[i] : '0')) return false;
  if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return false;
  out = parts.negative ? -static_cast<int64_t>(value) : static_cast<int64_t>(value);
  return true;
}

bool is_decimal(std::string_view text) {
  Parts parts;
  return split(text, parts);
}

bool is_date(std::string_view text) {
  Date date;
  return read_date(text, date);
}

bool is_time(std::string_view text) {
  int64_t of_day = 0;
  return read_time(text, of_day);
}

bool is_month_year(std::string_view text) {
  if (text.size() < 6 || !all_digits(text.substr(0, 6))) return false;
  const unsigned month = number(text.substr(4, 2));
  if (month < 1 || month > 12) return false;
  if (text.size() == 6) return true;
  return text.size() == 8 &&
         (is_date(text) || (text[6] == 'w' && text[7] >= '1' && text[7] <= '5'));
}

bool parse_timestamp(std::string_view text, int64_t& utc_ns) {
  Date date;
  int64_t of_day = 0;
  if (text.size() < 17 || text[8] != '-' || !read_date(text.substr(0, 8), date) ||
      !read_time(text.substr(9), of_day))
    return false;
  const int64_t days = days_from_civil(date.year, date.month, date.day);
  if (days < 0 || days > 100'000) return false;  // what nanoseconds can count
  utc_ns = days * kDaySeconds * kSecond + of_day;
  return true;
}

size_t write_uint(uint64_t value, std::span<char> out) {
  char digits[kUintDigits];
  size_t n = 0;
  do digits[n++] = static_cast<char>('0' + value % 10);
  while ((value /= 10) != 0);
  for (size_t i = 0; i < n; ++i) out[i] = digits[n - 1 - i];
  return n;
}

size_t write_decimal(int64_t value, int decimals, std::span<char> out) {
  size_t at = 0;
  uint64_t magnitude = static_cast<uint64_t>(value);
  if (value < 0) out[at++] = '-', magnitude = 0 - magnitude;
  uint64_t unit = 1;
  for (int i = 0; i < decimals; ++i) unit *= 10;
  at += write_uint(magnitude / unit, out.subspan(at));
  uint64_t fraction = magnitude % unit;
  if (fraction == 0) return at;
  out[at++] = '.';
  for (; fraction != 0; fraction %= unit) {  // no zeros at the end
    unit /= 10;
    out[at++] = static_cast<char>('0' + fraction / unit);
  }
  return at;
}

size_t write_timestamp(int64_t utc_ns, std::span<char> out) {
  const int64_t seconds = utc_ns / kSecond;
  const Civil day = civil_from_days(seconds / kDaySeconds);
  const auto of_day = static_cast<unsigned>(seconds % kDaySeconds);
  char* at = out.data();
  put_digits(at, static_cast<unsigned>(day.year), 4);
  put_digits(at + 4, day.month, 2);
  put_digits(at + 6, day.day, 2);
  at[8] = '-', at[11] = ':', at[14] = ':', at[17] = '.';
  put_digits(at + 9, of_day / 3600, 2);
  put_digits(at + 12, of_day / 60 % 60, 2);
  put_digits(at + 15, of_day % 60, 2);
  put_digits(at + 18, static_cast<unsigned>(utc_ns % kSecond / 1'000'000), 3);
  return kTimestampBytes;
}

// Eight bytes at a time, each in a lane of its own that loses its carry: the low seven bits are
// added, and the highest one by hand.
uint8_t byte_sum(std::string_view text) {
  constexpr uint64_t kLow = 0x7f7f7f7f7f7f7f7f;
  uint64_t lanes = 0;
  size_t at = 0;
  for (uint64_t word; at + sizeof word <= text.size(); at += sizeof word) {
    std::memcpy(&word, text.data() + at, sizeof word);
    lanes = ((lanes & kLow) + (word & kLow)) ^ ((lanes ^ word) & ~kLow);
  }
  unsigned sum = 0;
  for (; lanes != 0; lanes >>= 8) sum += static_cast<unsigned>(lanes & 0xff);
  for (; at < text.size(); ++at) sum += static_cast<unsigned char>(text[at]);
  return static_cast<uint8_t>(sum);
}

// Years begin in March here, so that the day that a leap year adds is its last.
int64_t days_from_civil(int64_t year, unsigned month, unsigned day) {
  if (month <= 2) --year;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t of_era = year - era * 400;
  const int64_t of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
  return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

Civil civil_from_days(int64_t days) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t of_era = days - era * 146'097;
  const int64_t year = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
  const int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
  const int64_t shifted = (5 * of_year + 2) / 153;
  const auto day = static_cast<unsigned>(of_year - (153 * shifted + 2) / 5 + 1);
  const auto month = static_cast<unsigned>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

}  // namespace pinion::fix
