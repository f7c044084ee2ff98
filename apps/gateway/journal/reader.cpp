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

bool read_file(const fs::path& path, std::vector<std::byte>& out) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) return false;
  out.resize(static_cast<size_t>(in.tellg()));
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

// False: nothing behind this segment can be trusted.
bool read_segment(const std::string& name, uint64_t segment, Bytes bytes, const OnRecord& on_record,
                  ReadResult& result) {
  SegmentHeader head;
  const bool has_head = bytes.size() >= sizeof head;
  if (has_head) std::memcpy(&head, bytes.data(), sizeof head);
  const bool head_good = has_head && head.magic == SegmentHeader::kMagic &&
                         head.crc == crc_of(head) && head.segment == segment;
  if (!head_good) {
    // A crash between making the file and writing its head leaves no record in it; were one lost,
    // the next segment's first number would tell.
    if (!later_record(bytes, result.next_number)) {
      result.torn_bytes += written_bytes(bytes);
      return true;
    }
    result.damage.push_back(name + ": no good segment header");
    return false;
  }
  if (head.first_number != result.next_number) {
    result.damage.push_back(name + ": begins with record " + std::to_string(head.first_number) +
                            ", expected " + std::to_string(result.next_number));
    return false;
  }
  size_t at = sizeof head;
  RecordHeader header;
  Bytes payload;
  while (read_record(bytes.subspan(at), header, payload) && header.number == result.next_number) {
    if (on_record) on_record(header, payload);
    ++result.records;
    ++result.next_number;
    at += record_bytes(header.length);
  }
  const Bytes rest = bytes.subspan(at);
  if (later_record(rest, result.next_number)) {
    result.damage.push_back(name + ": damaged at byte " + std::to_string(at) + ", record " +
                            std::to_string(result.next_number) + ", and good records behind it");
    return false;
  }
  result.torn_bytes += written_bytes(rest);
  return true;
}

}  // namespace

std::string segment_name(uint64_t segment) {
  char name[40];
  std::snprintf(name, sizeof name, "journal-%010llu", static_cast<unsigned long long>(segment));
  return name;
}

ReadResult read_journal(const std::string& directory, const OnRecord& on_record) {
  ReadResult result;
  const std::vector<uint64_t> segments = segments_in(directory);
  std::vector<std::byte> bytes;
  for (const uint64_t segment : segments) {
    const std::string name = segment_name(segment);
    if (segment != result.next_segment) {
      result.damage.push_back(segment_name(result.next_segment) + ": is missing");
    } else if (!read_file(fs::path(directory) / name, bytes)) {
      result.damage.push_back(name + ": cannot be read");
    }
    result.next_segment = segments.back() + 1;
    if (!result.damage.empty()) break;
    result.next_segment = segment + 1;
    if (!read_segment(name, segment, bytes, on_record, result)) {
      result.next_segment = segments.back() + 1;
      break;
    }
  }
  return result;
}

}  // namespace pinion::journal
