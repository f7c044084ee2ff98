// The status page in Prometheus' text format (version 0.0.4), which node_exporter's textfile
// collector takes; it takes no OpenMetrics.
#pragma once
#include <rio/status.h>

#include <string>

namespace pinion::ctl {

// Null: there is no daemon that runs, and that is all that is said.
std::string metrics_of(const rio_status_page* page);

}  // namespace pinion::ctl
