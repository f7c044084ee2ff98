// gatewayctl top: the status each second, until q or Ctrl-C. On a terminal in place, else one below
// the other, with an empty line between.
#pragma once
#include "gateway/ctl/client.h"

namespace pinion::gatewayctl {

Status top(Client& client);

}  // namespace pinion::gatewayctl
