// A report as FIX 4.2 or 4.4, in which fills, status answers and broken trades differ (volume 1,
// "Execution Report"; 4.4 has no ExecTransType).
#pragma once
#include "gateway/fix/session.h"
#include "gateway/orders/report.h"

namespace pinion::gateway {

// False: there is no room in the session's store.
bool send_report(fix::Session& session, const Report& report, const fix::Now& now,
                 const fix::Routing& routing = {});

// The ExecID, or the ClOrdID of a cancel reject, of a message that send_report made: to know it
// again after a restart. Another message: false.
struct SentReport {
  ReportId id;                 // of an execution report that has one
  std::string_view cl_ord_id;  // of a cancel reject
};
bool read_sent_report(std::string_view message, SentReport& out);

}  // namespace pinion::gateway
