// While a NoAllocation exists, every allocation in this process aborts it: malloc and its kin are
// this program's own (guard.cpp), and operator new goes through them.
#pragma once

namespace pinion::testing {

class NoAllocation {
 public:
  NoAllocation() : before_(forbidden_) { forbidden_ = true; }
  ~NoAllocation() { forbidden_ = before_; }
  NoAllocation(const NoAllocation&) = delete;
  NoAllocation& operator=(const NoAllocation&) = delete;

  static bool forbidden() { return forbidden_; }

 private:
  friend class Allowed;
  static inline bool forbidden_ = false;
  bool before_;
};

// Inside a NoAllocation: what is not the kernel's (a port, a host) may allocate.
class Allowed {
 public:
  Allowed() : before_(NoAllocation::forbidden_) { NoAllocation::forbidden_ = false; }
  ~Allowed() { NoAllocation::forbidden_ = before_; }
  Allowed(const Allowed&) = delete;
  Allowed& operator=(const Allowed&) = delete;

 private:
  bool before_;
};

}  // namespace pinion::testing
