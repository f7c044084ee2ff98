// Reads a journal directory: every record in order, and what is wrong with it. Also what a restart
// needs to know to go on.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "gateway/journal/record.h"

namespace pinion::journal {

struct ReadResult {
  uint64_t records = 0;       // that were read
  uint64_t next_number = 1;   // behind the last good record
  uint64_t next_segment = 1;  // behind the last file
  uint64_t last_bytes = 0;    // of the last file, up to the end of its last good record
  // Bytes at the end of segments that are no whole record: what a crash leaves. Their records were
  // never reported as durable.
  uint64_t torn_bytes = 0;
  // What no crash explains: a record that is damaged although later ones are good, a missing
  // segment, a file that cannot be read. In sentences, one each; nothing behind it was read.
  std::vector<std::string> damage;
  bool good() const { return damage.empty(); }
};

using OnRecord = std::function<void(const RecordHeader&, Bytes payload)>;

// The records with this number and higher ones. Segments that lie wholly in front of it are not
// read and not judged. Cold: it reads whole segments into memory. What a dead process left in the
// ring (ring_file.h) is not among them before a Journal was opened on the directory.
ReadResult read_journal(const std::string& directory, const OnRecord& on_record, uint64_t from = 1);
inline constexpr uint64_t kOnlyTheEnd = UINT64_MAX;  // as `from`: reads the last segment, tells all

std::string segment_name(uint64_t segment);  // "journal-0000000001"

// One line for a person: number, time, kind, source, and the message (OUCH by its fields, FIX with
// '|' for SOH, other text as it is, the rest in hexadecimal).
std::string to_text(const RecordHeader& header, Bytes payload);
// The same with what the caller makes of the payload, which knows kinds that the journal does not.
std::string to_text(const RecordHeader& header, const std::string& payload);
std::string printable(Bytes bytes);  // '|' for SOH, '?' for what a terminal might take amiss

}  // namespace pinion::journal
