// The file behind the ring: made to its size and touched at start, mapped, and read again by the
// next process if this one dies. What that finds was written by a process that crashed: every
// position and length is checked before it is followed.
//
// A ring of another boot of the machine is not believed: its pages reached the disk in any order,
// without checksums. What had to outlive the fall of a machine is what durable() told.
#pragma once
#include <optional>
#include <string>

#include "gateway/journal/ring.h"

namespace pinion::journal {

class RingFile {
 public:
  RingFile() = default;
  ~RingFile();
  RingFile(const RingFile&) = delete;
  RingFile& operator=(const RingFile&) = delete;

  // A new and empty one (mode 0600) in place of what is there, in one step. False, and why.
  bool make(const std::string& directory, size_t bytes, std::string& why);

  // The one that is there. Damaged: why says how, and nothing of it may be used.
  enum class Found : uint8_t { none, good, of_another_boot, damaged };
  Found open(const std::string& directory, std::string& why);

  RingMemory memory() const;
  // For any thread, now and then: stores into the next kAhead bytes behind what is published will
  // not fault, as they do when the kernel has written a page to disk. Waits for the disk if need
  // be.
  void keep_writable() const;
  static constexpr size_t kAhead = size_t{1} << 20;

 private:
  bool map(int fd, size_t bytes);

  std::byte* at_ = nullptr;
  size_t size_ = 0;  // with the header's page
};

// Whether everything between head and published can be followed: what is wrong with it, or nothing.
// `next`: the number behind the journal's last record; what the ring holds must join it.
std::optional<std::string> check_ring(const RingMemory& ring, uint64_t next);

}  // namespace pinion::journal
