// The kill switch: while it is thrown no order passes. It is a file, so it outlives a restart, and
// whoever cannot reach the gateway can throw it by hand before the next start. In doubt it is
// thrown: a state that cannot be read is no permission.
//
// Two threads: the trading thread asks thrown() with each order and throws it by trip(), in memory
// alone; everything else, with its system calls, is the housekeeping thread's, which calls
// persist() as part of each of its rounds. A crash in between loses what was not persisted yet.
#pragma once
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pinion::risk {

class KillSwitch {
 public:
  // Reads the state: the file is there, or not. With an empty path it is memory alone (tests,
  // demonstrations). 0, or a negative errno when that cannot be known, because the directory is not
  // there or not readable: then it is thrown, and error() says what to do. Before any thread.
  int open(std::string_view path);

  // Any thread.
  bool thrown() const { return trips_.load(std::memory_order_acquire) != 0; }

  // The trading thread's: thrown from this moment on. The first reason stands, cut to kReasonMax.
  void trip(std::string_view reason);

  // The housekeeping thread's. Writes the file if it was thrown since. 0; or a negative errno, and
  // error(): the file could not be written. It is thrown all the same, and the next call tries
  // again; -EALREADY: and failed as the last one did, so there is nothing new to tell.
  int persist();
  // The file goes first: when that fails it stays thrown (a negative errno, and error()). -EAGAIN:
  // it was thrown again meanwhile.
  int unkill();
  // Of the last call that failed: what, where, why, and what to do.
  const char* error() const { return error_.data(); }

  static constexpr size_t kReasonMax = 200, kPathMax = 1023;

 private:
  int fail(int status, const char* what);
  int open_directory() const;
  int try_to_persist();
  int write_file(int directory) const;

  std::array<char, kPathMax + 1> path_{};  // ends with a zero byte; empty: memory alone
  size_t name_ = 0;                        // where the file's own name begins in it
  // How often it was thrown since it last was not; 0: it is not. A count, so that unkill() sees
  // that it was thrown again while the file was on its way out.
  std::atomic<uint64_t> trips_{0};
  bool file_there_ = false;
  int persist_status_ = 0;
  // Written by trip() while trips_ is 0, read by persist() while it is not: the release in trip()
  // and the acquire in persist() are one pair, unkill()'s exchange and the acquire in trip()
  // another.
  std::array<char, kReasonMax> reason_{};
  size_t reason_bytes_ = 0;
  std::array<char, kPathMax + 300> error_{};
};

}  // namespace pinion::risk
