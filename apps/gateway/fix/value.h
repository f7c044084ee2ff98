// The values of fields: integers, prices and times, from text and to text. Nothing here allocates,
// and no price is ever a floating point number. FIX 4.2 and 4.4, volume 1, "Data types".
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace pinion::fix {

// Digits only, no sign, no spaces. False: something else, or too large.
bool parse_uint(std::string_view text, uint64_t& out);
// The same with a '-' in front allowed.
bool parse_int(std::string_view text, int64_t& out);

// A number with a fixed count of decimals, as an integer: "12.5" with 4 decimals is 125000. A value
// that needs more decimals than that is refused, and not rounded; zeros at its end are no matter.
// There may be nothing on one side of the point. No '+', no exponent.
bool parse_decimal(std::string_view text, int decimals, int64_t& out);
// Of the right form, whatever its size. What the dictionary asks.
bool is_decimal(std::string_view text);

// UTCTimestamp, `YYYYMMDD-HH:MM:SS` with a fraction of any length: nanoseconds since 1970. Digits
// beyond the ninth are cut off. A leap second (:60) is the second after it.
bool parse_timestamp(std::string_view text, int64_t& utc_ns);
bool is_date(std::string_view text);        // YYYYMMDD
bool is_time(std::string_view text);        // HH:MM:SS with a fraction or without
bool is_month_year(std::string_view text);  // YYYYMM, and in 4.4 a day or week behind it

inline constexpr int64_t kSecond = 1'000'000'000;  // times are nanoseconds
inline constexpr size_t kUintDigits = 20;
inline constexpr size_t kTimestampBytes = 21;  // with milliseconds

// Write at the front of `out`, which has room, and return how many bytes.
size_t write_uint(uint64_t value, std::span<char> out);
size_t write_decimal(int64_t value, int decimals, std::span<char> out);  // at most 22 bytes
size_t write_timestamp(int64_t utc_ns, std::span<char> out);             // milliseconds

inline constexpr size_t kTrailerBytes = 7;  // 10=ccc and its SOH
// CheckSum (10): the sum of all bytes, modulo 256.
uint8_t byte_sum(std::string_view text);

// The day of the proleptic Gregorian calendar, counted from 1970-01-01, and back.
int64_t days_from_civil(int64_t year, unsigned month, unsigned day);
struct Civil {
  int64_t year;
  unsigned month, day;
};
Civil civil_from_days(int64_t days);

}  // namespace pinion::fix
