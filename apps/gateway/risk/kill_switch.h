// The kill switch: while it is thrown no order passes. It is a file, so it outlives a restart, and
// whoever cannot reach the gateway can throw it by hand before the next start.
#pragma once
#include <string>
#include <string_view>

namespace pinion::risk {

class KillSwitch {
 public:
  // With an empty path it is memory alone (tests, demonstrations). Reads the state: the file is
  // there, or not. 0, or a negative errno: then it is thrown, since nothing is known.
  int open(const std::string& path);
  bool thrown() const { return thrown_; }

  // Thrown in memory at once, then the file is written, synchronously: nothing is in a hurry any
  // more. 0, or a negative errno: the file could not be written; it is thrown all the same.
  int kill(std::string_view reason);
  // The file goes first: when that fails it stays thrown.
  int unkill();

 private:
  std::string path_;
  bool thrown_ = false;
};

}  // namespace pinion::risk
