// Whether an interface of Linux has a carrier, for a driver that works on one and never says so:
// net_af_packet calls its link up whatever happens. Asked by housekeeping; a core makes no system
// call.
#pragma once
#include <net/if.h>

#include <string>

namespace pinion {

class KernelLink {
 public:
  KernelLink() = default;
  ~KernelLink();
  KernelLink(const KernelLink&) = delete;
  KernelLink& operator=(const KernelLink&) = delete;

  // Of the network namespace that the caller is in. False, and why.
  bool open(unsigned if_index, std::string& why);
  bool is_open() const { return fd_ >= 0; }
  // An interface that is gone has no link. Linux tells of a loss at once after a second without
  // any, else up to a second late (its link watch).
  bool up() const;

 private:
  int fd_ = -1;
  char name_[IF_NAMESIZE] = {};
};

}  // namespace pinion
