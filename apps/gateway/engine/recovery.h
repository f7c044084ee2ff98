// What the journal says of the day that goes on: read once at start, before anything is appended.
// The day of a gateway is that of the venue's session; a record "venue <session>" begins it, and
// the same session of another date is another day: a record "new day" stands between them.
//
// Two passes over the files, since whether a report has reached its client stands behind its cause:
// the first finds where the day begins and which reports are out, the second hands the decisions
// and answers to the desk, in their order.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gateway/journal/reader.h"
#include "gateway/orders/record.h"
#include "gateway/orders/report.h"
#include "gateway/wire/fields.h"

namespace pinion::gateway {

// Records of Kind::event that recovery reads. What stands behind the word is a name.
inline constexpr std::string_view kStartEvent = "start ";    // a process has begun
inline constexpr std::string_view kVenueEvent = "venue ";    // this session of the venue is on
inline constexpr std::string_view kNewDayEvent = "new day";  // what was before is over
inline constexpr std::string_view kClientEvent = "client ";  // <number> <name>: sources from now on

struct LastReport {
  ReportId id = {};
  uint32_t number = 0;  // of its message
};

struct RecoveredDay {
  bool any = false;  // the journal has such a day
  std::string venue_session;
  uint64_t first_record = 0;  // its "venue" record
  uint64_t start_record = 1;  // the start of the process that wrote that
  int64_t last_utc_ns = 0;    // of the last record
  int64_t venue_utc_ns = 0;   // of the last one that the venue's session was on for
  uint64_t answers = 0;       // that the venue has given: the next one is one above
  std::map<std::string, LastReport> last_report;  // by the client's name
};

// False: it is damaged, and why; a person must look first.
bool read_day(const std::string& directory, RecoveredDay& out, std::string& why);

// The day's decisions and answers. `clients`: names in the order of their numbers now. False: it
// speaks of something that is not configured any more, and why. What follows would then be of other
// orders than it says.
struct ReplayTo {
  // Null, or what is wrong with it.
  std::function<const char*(uint64_t number, const OrderRecord& record)> decision;
  std::function<void(uint64_t number, Bytes answer)> answer;
};
bool replay_day(const std::string& directory, const RecoveredDay& day,
                const std::vector<std::string>& clients, const ReplayTo& to, std::string& why);

}  // namespace pinion::gateway
