// Any bytes as what the gateway's servers are sent, in pieces: what is found does not depend on how
// it was cut. And as a value of an answer: the line stays one line of printable ASCII.
#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "gateway/control/answer.h"
#include "gateway/control/requests.h"

namespace {

using namespace pinion;
using namespace pinion::control;

constexpr size_t kLimit = 32;

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Line by line, as the server does.
void check_lines(std::string_view bytes) {
  std::string_view line;
  size_t used = 0;
  for (;;) {
    const Line found = first_line(bytes, kLimit, line, used);
    if (found == Line::incomplete || found == Line::too_long) break;
    STACK_CHECK(used > 0 && used <= bytes.size() && line.size() <= kLimit && line.size() < used);
    STACK_CHECK((found == Line::good) == printable(line));
    // Whatever is there of it, less is not another line.
    std::string_view less_line;
    size_t less_used = 0;
    STACK_CHECK(first_line(bytes.substr(0, used - 1), kLimit, less_line, less_used) ==
                Line::incomplete);
    size_t words = 0;
    for (std::string_view rest = line; !take_word(rest).empty();) ++words;
    STACK_CHECK(words <= line.size());
    bytes.remove_prefix(used);
  }
}

void check_http(std::string_view bytes) {
  const HttpRequest whole = parse_http(bytes);
  if (whole == HttpRequest::metrics) STACK_CHECK(bytes.starts_with("GET") || bytes.front() == ' ');
  // Once it is complete, more bytes change nothing.
  if (whole == HttpRequest::incomplete) return;
  const std::string more = std::string(bytes) + "\r\n\r\nGET /metrics HTTP/1.0\r\n\r\n";
  STACK_CHECK(parse_http(more) == whole);
}

void check_answer(std::string_view bytes) {
  std::array<char, 4096> memory;
  Answer answer(memory);
  answer.clear();
  answer.row(bytes.substr(0, 8)).text("v", bytes).number("n", bytes.size());
  answer.fail("%.*s", static_cast<int>(bytes.size()), bytes.data());
  const std::string_view text = answer.text();
  STACK_CHECK(text.empty() == (answer.rows_left_out() == 1));
  STACK_CHECK(text.empty() ||
              (text.ends_with("}\n") && printable(text.substr(0, text.size() - 1))));
  STACK_CHECK(printable(answer.failure()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  check_lines(bytes);
  check_http(bytes);
  check_answer(bytes);
  return 0;
}
