// What EAL and the PMDs log: always on stderr, and kept while a LogCapture lives, so that an error
// text can quote the driver. DPDK 22.11 by itself writes to stdout and syslog.
#pragma once
#include <string>

namespace pinion {

// One at a time; lines of EAL's own threads end up in it as well.
class LogCapture {
 public:
  LogCapture();
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  // "" or ": <lines>", with line ends turned into "; ".
  std::string quote() const;
};

}  // namespace pinion
