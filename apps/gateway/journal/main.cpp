// pinion-journal: looks at a journal directory. "dump" prints a line a record, "verify" only says
// whether it is whole. Ends with 0 if it is, 1 if it is damaged, 2 if it cannot be used.
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "gateway/journal/reader.h"
#include "gateway/journal/ring_file.h"

int main(int argc, char** argv) {
  using namespace pinion::journal;
  const bool dump = argc == 3 && std::strcmp(argv[1], "dump") == 0;
  const bool verify = argc == 3 && std::strcmp(argv[1], "verify") == 0;
  if (!dump && !verify) {
    std::fprintf(stderr, "usage: pinion-journal dump|verify DIRECTORY\n");
    return 2;
  }
  if (!std::filesystem::is_directory(argv[2])) {
    std::fprintf(stderr, "pinion-journal: %s is not a directory\n", argv[2]);
    return 2;
  }
  const ReadResult result = read_journal(argv[2], [&](const RecordHeader& header, auto payload) {
    if (dump) std::printf("%s\n", to_text(header, payload).c_str());
  });
  for (const std::string& sentence : result.damage) {
    std::fprintf(stderr, "pinion-journal: %s\n", sentence.c_str());
  }
  RingFile ring;
  std::string why;
  if (ring.open(argv[2], why) == RingFile::Found::good && RecordRing(ring.memory()).depth() > 0) {
    std::fprintf(stderr,
                 "pinion-journal: the ring holds more: a gateway that runs writes it "
                 "at once, and after a crash the next start does\n");
  }
  std::fprintf(stderr, "%llu records, %llu bytes torn by crashes, %s\n",
               static_cast<unsigned long long>(result.records),
               static_cast<unsigned long long>(result.torn_bytes),
               result.good() ? "whole" : "DAMAGED");
  return result.good() ? 0 : 1;
}
