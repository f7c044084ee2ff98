// The polling threads of a daemon, each with its Kernel and its link to the control thread; and,
// where a NIC belongs to all of them, the rings by which they hand over to each other.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "host/core_thread.h"
#include "kernel/kernel.h"
#include "piniond/build.h"
#include "port/hand_over.h"
#include "socket/port_owners.h"

namespace pinion::daemon {

struct Core {
  std::string name;
  std::vector<CoreNic> nics;  // nics[i] is the Kernel's interface i
  CoreLink link;
  std::unique_ptr<CoreThread> thread;
  std::unique_ptr<Kernel> kernel;
};

class Cores {
 public:
  Cores() = default;
  ~Cores() { stop(); }
  Cores(const Cores&) = delete;
  Cores& operator=(const Cores&) = delete;

  // Everything but the threads; ports outlive this. False, and why.
  bool make(const config::Config& config, const std::vector<NicPorts>& ports, const Clock& clock,
            std::string& why);
  bool start(std::string& why);
  // When no session is left: after the attach server's stop.
  void stop();

  // From any thread: those that sleep look at their ports.
  void wake();

  std::vector<CoreLink*> links();
  size_t size() const { return cores_.size(); }
  const Core& operator[](size_t i) const { return *cores_[i]; }

 private:
  void join(size_t core, Mesh& mesh) const;

  size_t joined_ = 1;                             // cores that hand over to each other
  std::unique_ptr<PortOwners> owners_;            // of theirs
  std::vector<std::unique_ptr<HandOver>> rings_;  // from a to b: number a * joined_ + b
  std::vector<std::unique_ptr<Core>> cores_;
};

}  // namespace pinion::daemon
