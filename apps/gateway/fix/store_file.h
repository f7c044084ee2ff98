// The file behind a Store: made to its size once at start, mapped, and locked against a second
// process. What is written to the mapping is the kernel's at once, so a killed process loses
// nothing; a loss of power may lose the last moments, and what is left is whole records.
#pragma once
#include <cstddef>
#include <span>
#include <string>

namespace pinion::fix {

class StoreFile {
 public:
  StoreFile() = default;
  ~StoreFile();
  StoreFile(const StoreFile&) = delete;
  StoreFile& operator=(const StoreFile&) = delete;

  // Opens it, or makes it (mode 0600). An existing one is never made smaller. 0, or a negative
  // errno; -EWOULDBLOCK: another process has it.
  int open(const std::string& path, size_t bytes);
  std::span<char> memory() const { return memory_; }
  // For any thread, now and then: stores into the next kAhead bytes from `at` will not fault. The
  // first one to a page of a file does, and again each time that the kernel has written the page
  // to disk; then the disk's file system has its say in the middle of an order. It has it here:
  // this call waits for the disk if need be.
  void keep_writable(size_t at) const;
  static constexpr size_t kAhead = size_t{1} << 20;

 private:
  int fd_ = -1;
  std::span<char> memory_;
};

}  // namespace pinion::fix
