// What other programs of a loaded machine cost: how long Linux has let the threads of a process
// wait for a processor. No promise of ours covers that, and tests of promised times leave it out.
#pragma once
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>
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
      if (fd >= 0) threads_.push_back({fd, 0});
    }
    closedir(directory);
    since();
  }
  ~RunDelay() {
    for (const Thread& thread : threads_) close(thread.fd);
  }
  RunDelay(const RunDelay&) = delete;
  RunDelay& operator=(const RunDelay&) = delete;

  // Since the last call, of all threads together: they may have waited for each other. Next to
  // nothing where nobody else computes.
  Nanos since() {
    Nanos sum = 0;
    for (Thread& thread : threads_) {
      const Nanos now = std::max(of(thread.fd), thread.waited);  // one that has ended says nothing
      sum += now - std::exchange(thread.waited, now);
    }
    return sum;
  }

 private:
  struct Thread {
    int fd;
    Nanos waited;
  };

  // The second of three numbers: on a processor, waiting for one (ns), times it got one.
  static Nanos of(int fd) {
    char text[128] = {};
    if (pread(fd, text, sizeof text - 1, 0) <= 0) return 0;
    char* waited = text;
    std::strtoull(text, &waited, 10);
    return static_cast<Nanos>(std::strtoull(waited, nullptr, 10));
  }

  std::vector<Thread> threads_;
};

}  // namespace pinion::testing
