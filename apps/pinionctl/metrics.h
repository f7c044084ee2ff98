// The status page as OpenMetrics 1.0 text.
#pragma once
#include <rio/status.h>

#include <string>

namespace pinion::ctl {

// up: the daemon runs; else that it does not is all that is said.
std::string metrics_of(const rio_status_page& page, bool up);

}  // namespace pinion::ctl
