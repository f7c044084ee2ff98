// What other programs of a loaded machine cost: how long Linux has let the threads of a process
// wait for a processor. No promise of ours covers that, and tests of promised times leave it out.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "base/types.h"

namespace pinion::testing {

class RunDelay {
 public:
  // Of the threads that it has now.
  explicit RunDelay(pid_t process) {
    const std::string tasks = "/proc/" + std::to_string(process) + "/task";
    DIR* directory = opendir(tasks.c_str());
    if (directory == nullptr) return;
    while (const dirent* task = readdir(directory)) {
      const int fd =
          open((tasks + "/" + task->d_name + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC);
      if (fd >= 0) files_.push_back(fd);
    }
    closedir(directory);
  }
  ~RunDelay() {
    for (const int fd : files_) close(fd);
  }
  RunDelay(const RunDelay&) = delete;
  RunDelay& operator=(const RunDelay&) = delete;

  Nanos total() const {
    Nanos sum = 0;
    for (const int fd : files_) sum += of(fd);
    return sum;
  }

 private:
  // The second of three numbers: on a processor, waiting for one (ns), times it got one.
  static Nanos of(int fd) {
    char text[128] = {};
    if (pread(fd, text, sizeof text - 1, 0) <= 0) return 0;  // it has ended
    char* waited = text;
    std::strtoull(text, &waited, 10);
    return static_cast<Nanos>(std::strtoull(waited, nullptr, 10));
  }

  std::vector<int> files_;
};

}  // namespace pinion::testing
