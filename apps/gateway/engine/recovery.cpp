#include "gateway/engine/recovery.h"

#include <algorithm>
#include <charconv>

namespace pinion::gateway {

namespace {

using journal::Kind;
using journal::RecordHeader;

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The clients by their numbers, as far as the journal has told them.
class Sources {
 public:
  void read(std::string_view event) {
    event.remove_prefix(kClientEvent.size());
    uint16_t number = 0;
    const auto [end, status] = std::from_chars(event.data(), event.data() + event.size(), number);
    if (status != std::errc{} || end == event.data() + event.size()) return;
    names_[number] = event.substr(static_cast<size_t>(end - event.data()) + 1);
  }
  const std::string* name(uint16_t number) const {
    const auto found = names_.find(number);
    return found == names_.end() ? nullptr : &found->second;
  }

 private:
  std::map<uint16_t, std::string> names_;
};

std::string damage_of(const std::string& directory, const journal::ReadResult& result) {
  std::string out = "the journal in " + directory + " is damaged:";
  for (const std::string& sentence : result.damage) out.append(" ").append(sentence).append(";");
  return out.append(" look at it with `gatewayctl journal verify`, and move it away to begin anew");
}

}  // namespace

bool read_day(const std::string& directory, RecoveredDay& out, std::string& why) {
  Sources sources;
  out = {};
  uint64_t start = 1;
  const auto on_event = [&](const RecordHeader& h, std::string_view text) {
    if (text.starts_with(kStartEvent)) start = h.number;
    if (text.starts_with(kClientEvent)) sources.read(text);
    if (text == kNewDayEvent) out.any = false;
    if (!text.starts_with(kVenueEvent)) return;
    out.venue_utc_ns = static_cast<int64_t>(h.time_ns);
    const std::string_view session = text.substr(kVenueEvent.size());
    if (out.any && out.venue_session == session) return;
    out.any = true;
    out.venue_session = session;
    out.first_record = h.number;
    out.start_record = start;
    out.answers = 0;
  };
  const auto on_record = [&](const RecordHeader& h, Bytes payload) {
    out.last_utc_ns = static_cast<int64_t>(h.time_ns);
    if (h.kind == Kind::event) on_event(h, text_of(payload));
    if (h.kind == Kind::ouch_answer) {
      out.venue_utc_ns = out.last_utc_ns;
      ++out.answers;
    }
    if (h.kind != Kind::report || payload.size() != sizeof(ReportRecord)) return;
    const auto report = load<ReportRecord>(payload.data());
    const std::string* name = sources.name(h.source);
    if (name == nullptr) return;
    LastReport& last = out.last_report[*name];
    const ReportId id{report.cause, report.part};
    if (id > last.id) last = {id, report.number};
  };
  const journal::ReadResult result = journal::read_journal(directory, on_record);
  if (!result.good()) why = damage_of(directory, result);
  return result.good();
}

bool replay_day(const std::string& directory, const RecoveredDay& day,
                const std::vector<std::string>& clients, const ReplayTo& to, std::string& why) {
  Sources sources;
  const auto on_decision = [&](const RecordHeader& h, Bytes payload) {
    OrderRecord record;
    const std::string* name = sources.name(h.source);
    if (name == nullptr || !read_record(payload, record)) {
      why = "record " + std::to_string(h.number) + " of the journal is no decision of a client";
      return;
    }
    const auto client = std::ranges::find(clients, *name);
    if (client == clients.end()) {
      why = "the journal has orders of session " + *name +
            " today, which is not configured any more: add it again until tomorrow";
      return;
    }
    record.session = static_cast<uint16_t>(client - clients.begin());
    if (const char* fault = to.decision(h.number, record); fault != nullptr) {
      why = "record " + std::to_string(h.number) + " of the journal: " + fault +
            ": configure it as it was until tomorrow";
    }
  };
  const auto on_record = [&](const RecordHeader& h, Bytes payload) {
    if (!why.empty()) return;
    if (h.kind == Kind::event && text_of(payload).starts_with(kClientEvent)) {
      sources.read(text_of(payload));
    }
    if (h.number < day.first_record) return;
    if (h.kind == Kind::order) on_decision(h, payload);
    if (h.kind == Kind::ouch_answer) to.answer(h.number, payload);
  };
  const journal::ReadResult result = journal::read_journal(directory, on_record, day.start_record);
  if (!result.good()) why = damage_of(directory, result);
  return why.empty();
}

}  // namespace pinion::gateway
