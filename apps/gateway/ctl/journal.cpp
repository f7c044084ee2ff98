// See journal.h.
#include "gateway/ctl/journal.h"

#include <cinttypes>
#include <filesystem>

#include "gateway/journal/reader.h"
#include "gateway/journal/ring_file.h"
#include "gateway/orders/record.h"

namespace pinion::gatewayctl {

Status look_at_journal(const std::string& directory, bool dump) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return fail(kUnusable, directory + ": " + (error ? error.message() : "is not a directory") +
                               ". Name the configuration's journal.dir");
  }
  const journal::ReadResult result =
      journal::read_journal(directory, [&](const journal::RecordHeader& header, Bytes payload) {
        if (!dump) return;
        const std::string ours = gateway::to_text(header.kind, payload);
        const std::string line = ours.empty() ? journal::to_text(header, payload)
                                              : journal::to_text(header, ours);
        std::printf("%s\n", line.c_str());
      });
  for (const std::string& sentence : result.damage)
    std::fprintf(stderr, "gatewayctl: %s\n", sentence.c_str());
  journal::RingFile ring;
  std::string why;
  if (ring.open(directory, why) == journal::RingFile::Found::good &&
      journal::RecordRing(ring.memory()).depth() > 0) {
    std::fprintf(stderr,
                 "gatewayctl: the ring holds more: a gateway that runs writes it at once, and "
                 "after a crash the next start does\n");
  }
  std::fprintf(stderr, "%" PRIu64 " records, %" PRIu64 " bytes torn by crashes, %s\n",
               result.records, result.torn_bytes, result.good() ? "whole" : "DAMAGED");
  return result.good() ? kGood : kRefused;
}

}  // namespace pinion::gatewayctl
