// What tests of devices over Linux's interfaces share.
#pragma once
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>

namespace pinion::test {

// A network namespace of this thread's own, for as long as the object lives.
class OwnNetwork {
 public:
  OwnNetwork() : old_(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    made_ = old_ >= 0 && unshare(CLONE_NEWNET) == 0;
  }
  ~OwnNetwork() {
    if (made_ && setns(old_, CLONE_NEWNET) != 0) std::abort();
    if (old_ >= 0) close(old_);
  }
  bool made() const { return made_; }

 private:
  int old_;
  bool made_ = false;
};

inline bool run(const char* command) { return std::system(command) == 0; }

}  // namespace pinion::test
