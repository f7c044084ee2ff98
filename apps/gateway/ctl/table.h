// A gateway's answer (control/answer.h) for a person: facts as names and values, rows as tables
// with aligned columns. Knows no command: what the gateway names is what is shown.
#pragma once
#include <string>
#include <vector>

namespace pinion::gatewayctl {

// What is not printable ASCII is shown as '?': names come from clients, and this goes to a
// terminal. A line that is no answer of a gateway is shown as it is, in the same way.
std::string to_text(const std::vector<std::string>& lines);

}  // namespace pinion::gatewayctl
