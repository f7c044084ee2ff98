// Reads a journal directory: every record in order, and what is wrong with it. Also what a restart
// needs to know to go on.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "gateway/journal/record.h"

namespace pinion::journal {

struct ReadResult {
  uint64_t records = 0;
  uint64_t next_number = 1;   // behind the last good record
  uint64_t next_segment = 1;  // behind the last file
  // Bytes at the end of segments that are no whole record: what a crash leaves. Their records were
  // never reported as durable.
  uint64_t torn_bytes = 0;
  // What no crash explains: a record that is damaged although later ones are good, a missing
  // segment, a file that cannot be read. In sentences, one each; nothing behind it was read.
  std::vector<std::string> damage;
  bool good() const { return damage.empty(); }
};

using OnRecord = std::function<void(const RecordHeader&, Bytes payload)>;

// Cold: it reads whole segments into memory.
ReadResult read_journal(const std::string& directory, const OnRecord& on_record);

std::string segment_name(uint64_t segment);  // "journal-0000000001"

// One line for a person: number, time, kind, source, and the message (OUCH by its fields, FIX with
// '|' for SOH, other text as it is, the rest in hexadecimal).
std::string to_text(const RecordHeader& header, Bytes payload);

}  // namespace pinion::journal
