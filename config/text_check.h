// The bytes of a file: read, and what is asked of them before any YAML is read from them.
#pragma once
#include <string>
#include <string_view>

#include "config/errors.h"

namespace pinion::config {

// Appends the file to text, up to one byte more than check_text() takes. 0, or the negative errno
// of the open or the read.
int read_file(const std::string& path, std::string& text);

// Whether the text is UTF-8 of a bounded size without control bytes, byte order mark or YAML
// directives; if not, errors says so, once a line.
bool check_text(std::string_view text, Errors& errors);

}  // namespace pinion::config
