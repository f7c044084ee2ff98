// See requests.h.
#include "gateway/control/requests.h"

#include <algorithm>

namespace pinion::control {

namespace {

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

Line first_line(std::string_view bytes, size_t limit, std::string_view& line, size_t& used) {
  const size_t end = bytes.find('\n');
  line = bytes.substr(0, end);
  if (end != std::string_view::npos && line.ends_with('\r')) line.remove_suffix(1);
  // An unfinished line may still end with a '\r' that does not count.
  if (line.size() > limit + (end == std::string_view::npos ? 1 : 0)) return Line::too_long;
  if (end == std::string_view::npos) return Line::incomplete;
  used = end + 1;
  return printable(line) ? Line::good : Line::unprintable;
}

std::string_view take_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  const std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  return word;
}

HttpRequest parse_http(std::string_view bytes) {
  if (bytes.find("\r\n\r\n") == std::string_view::npos &&
      bytes.find("\n\n") == std::string_view::npos)
    return HttpRequest::incomplete;
  std::string_view line = bytes.substr(0, bytes.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (!printable(line)) return HttpRequest::malformed;
  const std::string_view method = take_word(line), target = take_word(line);
  if (method.empty() || !target.starts_with('/') || !line.starts_with("HTTP/1."))
    return HttpRequest::malformed;
  if (method != "GET") return HttpRequest::other_method;
  return target.substr(0, target.find('?')) == "/metrics" ? HttpRequest::metrics
                                                          : HttpRequest::other_path;
}

}  // namespace pinion::control
