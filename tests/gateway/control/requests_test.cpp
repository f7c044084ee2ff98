// What clients send, cut at every byte and made of any bytes.
#include "gateway/control/requests.h"

#include <gtest/gtest.h>

#include <string>

namespace pinion::control {
namespace {

Line line_of(std::string_view bytes, std::string_view& line, size_t& used, size_t limit = 10) {
  return first_line(bytes, limit, line, used);
}

TEST(ControlLine, IsWhatStandsBeforeTheNewline) {
  std::string_view line;
  size_t used = 0;
  EXPECT_EQ(line_of("status\nkill\n", line, used), Line::good);
  EXPECT_EQ(line, "status");
  EXPECT_EQ(used, 7u);
  EXPECT_EQ(line_of("status\r\n", line, used), Line::good);
  EXPECT_EQ(line, "status");
  EXPECT_EQ(used, 8u);
  EXPECT_EQ(line_of("\n", line, used), Line::good);
  EXPECT_EQ(line, "");
}

TEST(ControlLine, CutAnywhereIsIncomplete) {
  const std::string whole = "0123456789\r\n";
  std::string_view line;
  size_t used = 0;
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_EQ(line_of(std::string_view(whole).substr(0, n), line, used), Line::incomplete) << n;
  EXPECT_EQ(line_of(whole, line, used), Line::good);
}

TEST(ControlLine, OneByteTooMany) {
  std::string_view line;
  size_t used = 0;
  EXPECT_EQ(line_of("01234567890\n", line, used), Line::too_long);
  EXPECT_EQ(line_of("0123456789xx", line, used), Line::too_long);
}

TEST(ControlLine, OnlyPrintableAscii) {
  std::string_view line;
  size_t used = 0;
  for (int c = 0; c < 256; ++c) {
    if (c == '\n') continue;
    const std::string bytes = {'a', static_cast<char>(c), 'b', '\n'};
    EXPECT_EQ(line_of(bytes, line, used), c >= ' ' && c <= '~' ? Line::good : Line::unprintable);
    EXPECT_EQ(used, 4u);
  }
}

TEST(ControlLine, Words) {
  std::string_view line = "  orders  session=A open ";
  EXPECT_EQ(take_word(line), "orders");
  EXPECT_EQ(line, "session=A open ");
  EXPECT_EQ(take_word(line), "session=A");
  EXPECT_EQ(take_word(line), "open");
  EXPECT_EQ(take_word(line), "");
  EXPECT_EQ(line, "");
}

TEST(HttpRequest, AsCurlSendsIt) {
  const std::string whole = "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
  for (size_t n = 0; n < whole.size(); ++n)
    EXPECT_EQ(parse_http(std::string_view(whole).substr(0, n)), HttpRequest::incomplete) << n;
  EXPECT_EQ(parse_http(whole), HttpRequest::metrics);
}

TEST(HttpRequest, Others) {
  EXPECT_EQ(parse_http("GET /metrics HTTP/1.0\n\n"), HttpRequest::metrics);
  EXPECT_EQ(parse_http("GET /metrics?x=1 HTTP/1.0\r\n\r\n"), HttpRequest::metrics);
  EXPECT_EQ(parse_http("GET / HTTP/1.0\r\n\r\n"), HttpRequest::other_path);
  EXPECT_EQ(parse_http("GET /metrics/ HTTP/1.0\r\n\r\n"), HttpRequest::other_path);
  EXPECT_EQ(parse_http("POST /metrics HTTP/1.0\r\n\r\n"), HttpRequest::other_method);
  for (const char* bad : {"\r\n\r\n", "GET\r\n\r\n", "GET /metrics\r\n\r\n", "\x16\x03\x01\r\n\r\n",
                          "GET http://x/metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/2\r\n\r\n"})
    EXPECT_EQ(parse_http(bad), HttpRequest::malformed) << bad;
}

}  // namespace
}  // namespace pinion::control
