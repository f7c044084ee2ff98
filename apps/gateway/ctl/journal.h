// gatewayctl journal: looks at a journal directory, of a gateway that runs or of none. Not for a
// machine that is busy trading: it reads whole segments.
#pragma once
#include <string>

#include "gateway/ctl/status.h"

namespace pinion::gatewayctl {

// dump: a line a record on stdout. Either way a summary, and what is wrong, on stderr. kRefused: it
// is damaged.
Status look_at_journal(const std::string& directory, bool dump);

}  // namespace pinion::gatewayctl
