// What clients of the gateway's two small servers send, as far as it must be understood: a line for
// gatewayctl's, the head of an HTTP request for the metrics'. Pure; the bytes may be anything.
#pragma once
#include <cstddef>
#include <string_view>

namespace pinion::control {

enum class Line { incomplete, good, too_long, unprintable };

// The first line of what came, without its '\n', which may have '\r' before it. Printable ASCII, at
// most `limit` bytes. used: how many bytes it was, if there is one.
Line first_line(std::string_view bytes, size_t limit, std::string_view& line, size_t& used);

// Takes the next word from the front of a command, and the spaces behind it; empty: there is none.
std::string_view take_word(std::string_view& line);

enum class HttpRequest { incomplete, metrics, other_path, other_method, malformed };

// The whole head, up to its empty line. HTTP/1.x (RFC 9112); nothing in the headers matters here.
HttpRequest parse_http(std::string_view bytes);

}  // namespace pinion::control
