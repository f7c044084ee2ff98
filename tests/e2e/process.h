// Other programs, as these tests need them: started with their output in a pipe, waited for with a
// deadline, ended by a signal.
#pragma once
#include <sys/types.h>

#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace pinion::e2e {

// In the virtual machine of tests/vm processors are emulated.
inline const bool in_vm = std::getenv("PINION_VM_PCI") != nullptr;
inline const int kPatienceMs = in_vm ? 60'000 : 30'000;

inline int64_t now_ms() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return int64_t{t.tv_sec} * 1000 + t.tv_nsec / 1'000'000;
}

// Until the condition holds, or false after the deadline.
template <class Condition>
bool within(int ms, const Condition& condition) {
  const timespec moment{0, 1'000'000};
  for (const int64_t end = now_ms() + ms; !condition(); nanosleep(&moment, nullptr))
    if (now_ms() > end) return condition();
  return true;
}

class Program {
 public:
  // netns: a descriptor of the network namespace to run in; -1: this process's.
  explicit Program(const std::vector<std::string>& arguments, int netns = -1);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Reads its output until the text appears; false when it has ended, or has not said it in time.
  bool says(const std::string& text);
  // Sends the signal (0: none) and waits. The exit status, or 128 + the signal that ended it.
  int end(int signal, int patience_ms = kPatienceMs);
  const std::string& output() const { return output_; }
  pid_t pid() const { return pid_; }

 private:
  bool read_some();

  pid_t pid_ = -1;
  int out_ = -1;
  std::string output_;
};

struct Outcome {
  int status;
  std::string output;  // with what it said on stderr
};
Outcome run(const std::vector<std::string>& arguments, int patience_ms = kPatienceMs);

}  // namespace pinion::e2e
