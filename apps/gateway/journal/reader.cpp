#include "gateway/journal/reader.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace pinion::journal {

namespace {

namespace fs = std::filesystem;

// The numbers of the segments that are there, ascending.
std::vector<uint64_t> segments_in(const std::string& directory) {
  std::vector<uint64_t> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const std::string name = entry.path().filename();
    unsigned long long number = 0;
    if (std::sscanf(name.c_str(), "journal-%10llu", &number) == 1 && number > 0 &&
        name == segment_name(number)) {
      out.push_back(number);
    }
  }
  std::ranges::sort(out);
  return out;
}

bool read_file(const fs::path& path, std::vector<std::byte>& out, size_t at_most) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return false;
  out.resize(std::min(static_cast<size_t>(in.tellg()), at_most));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(out.data()), static_cast<std::streamsize>(out.size()));
  return static_cast<bool>(in);
}

// Whether a good record with a higher number lies anywhere in there: then what is before it was
// written once and is damaged, and not merely unfinished.
bool later_record(Bytes rest, uint64_t number) {
  RecordHeader header;
  Bytes payload;
  for (size_t at = 0; at + sizeof header <= rest.size(); at += 8) {
    if (load<uint64_t>(rest.data() + at) == 0) continue;  // reserved space, mostly
    if (read_record(rest.subspan(at), header, payload) && header.number >= number) return true;
  }
  return false;
}

// How many bytes of the rest are not zero up to the last one that is not.
size_t written_bytes(Bytes rest) {
  size_t n = rest.size();
  while (n > 0 && rest[n - 1] == std::byte{0}) --n;
  return n;
}

bool read_head(uint64_t segment, Bytes bytes, SegmentHeader& head) {
  if (bytes.size() < sizeof head) return false;
  std::memcpy(&head, bytes.data(), sizeof head);
  return head.magic == SegmentHeader::kMagic && head.crc == crc_of(head) && head.segment == segment;
}

// One pass over a directory.
class Reading {
 public:
  Reading(std::string directory, const OnRecord& on_record, uint64_t from, ReadResult& result)
      : directory_(std::move(directory)), on_record_(on_record), from_(from), result_(result) {}

  void run();

 private:
  size_t first_to_read(const std::vector<uint64_t>& segments);
  void read_segment(const std::string& name, uint64_t segment, Bytes bytes);
  size_t read_records(Bytes bytes, size_t at);
  void damaged(std::string sentence) { result_.damage.push_back(std::move(sentence)); }

  std::string directory_;
  const OnRecord& on_record_;
  uint64_t from_;
  ReadResult& result_;
};

// The last one that begins with the wanted record or earlier. One without a head has no record.
size_t Reading::first_to_read(const std::vector<uint64_t>& segments) {
  for (size_t i = from_ > 1 ? segments.size() : 0; i-- > 0;) {
    const std::string name = segment_name(segments[i]);
    std::vector<std::byte> start;
    SegmentHeader head;
    if (!read_file(fs::path(directory_) / name, start, sizeof head)) continue;
    if (!read_head(segments[i], start, head) || head.first_number > from_) continue;
    result_.next_number = head.first_number;
    return i;
  }
  return 0;
}

size_t Reading::read_records(Bytes bytes, size_t at) {
  RecordHeader header;
  Bytes payload;
  while (read_record(bytes.subspan(at), header, payload) && header.number == result_.next_number) {
    if (on_record_ && header.number >= from_) on_record_(header, payload);
    ++result_.records;
    ++result_.next_number;
    at += record_bytes(header.length);
  }
  return at;
}

void Reading::read_segment(const std::string& name, uint64_t segment, Bytes bytes) {
  SegmentHeader head;
  result_.last_bytes = 0;
  if (!read_head(segment, bytes, head)) {
    // A crash between making the file and writing its head leaves no record in it; were one lost,
    // the next segment's first number would tell.
    if (!later_record(bytes, result_.next_number)) {
      result_.torn_bytes += written_bytes(bytes);
      return;
    }
    return damaged(name + ": no good segment header");
  }
  if (head.first_number != result_.next_number) {
    return damaged(name + ": begins with record " + std::to_string(head.first_number) +
                   ", expected " + std::to_string(result_.next_number));
  }
  const size_t at = read_records(bytes, sizeof head);
  result_.last_bytes = at;
  const Bytes rest = bytes.subspan(at);
  if (later_record(rest, result_.next_number)) {
    return damaged(name + ": damaged at byte " + std::to_string(at) + ", record " +
                   std::to_string(result_.next_number) + ", and good records behind it");
  }
  result_.torn_bytes += written_bytes(rest);
}

void Reading::run() {
  const std::vector<uint64_t> segments = segments_in(directory_);
  const size_t first = first_to_read(segments);
  std::vector<std::byte> bytes;
  for (size_t i = 0; i < segments.size() && result_.good(); ++i) {
    const std::string name = segment_name(segments[i]);
    if (segments[i] != i + 1) damaged(segment_name(i + 1) + ": is missing");
    else if (i < first) continue;
    else if (!read_file(fs::path(directory_) / name, bytes, SIZE_MAX))
      damaged(name + ": cannot be read");
    else read_segment(name, segments[i], bytes);
  }
  if (!segments.empty()) result_.next_segment = segments.back() + 1;
}

}  // namespace

std::string segment_name(uint64_t segment) {
  char name[40];
  std::snprintf(name, sizeof name, "journal-%010llu", static_cast<unsigned long long>(segment));
  return name;
}

ReadResult read_journal(const std::string& directory, const OnRecord& on_record, uint64_t from) {
  ReadResult result;
  Reading(directory, on_record, from, result).run();
  return result;
}

}  // namespace pinion::journal
