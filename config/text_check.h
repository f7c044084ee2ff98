// What is asked of the bytes of a file before any YAML is read from them.
#pragma once
#include <string_view>

#include "config/errors.h"

namespace pinion::config {

// Whether the text is UTF-8 of a bounded size without control bytes, byte order mark or YAML
// directives; if not, errors says so, once a line.
bool check_text(std::string_view text, Errors& errors);

}  // namespace pinion::config
