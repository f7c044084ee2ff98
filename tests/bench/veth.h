// Two network namespaces of this process's own, joined by a veth pair. They have no name and end
// with the process, however it ends: nothing to clean up, nothing to collide with.
#pragma once
#include <netinet/in.h>

#include <array>
#include <functional>
#include <string>

#include "base/types.h"

namespace pinion::bench {

inline constexpr size_t kVethRoundTrips = 2'000;  // a window
// The kernel's address at end 1; the stack's beside the kernel's at end 0.
inline constexpr Ipv4 kVethPeer = ipv4(10, 78, 0, 2), kVethStack = ipv4(10, 78, 0, 3);

// For the kernel's sockets there. must_errno ends the process if a call has failed.
int must_errno(int result, const char* what);
sockaddr_in socket_address(Ipv4 address, uint16_t port);

class Veth {
 public:
  // One end in each namespace, with an address of the kernel's, /24; checksum and segmentation
  // offloads off, as a packet socket has to have it. Throws Unavailable.
  explicit Veth(const std::array<std::string, 2>& addresses);
  ~Veth();
  Veth(const Veth&) = delete;
  Veth& operator=(const Veth&) = delete;

  // Calls what() on a thread that is in the namespace of end 0 or 1: sockets made there stay there.
  void inside(size_t end, const std::function<void()>& what) const;
  // A shell command there; throws Unavailable when it fails.
  void run(size_t end, const std::string& command) const;
  Mac mac(size_t end) const;
  static std::string name(size_t end) { return "veth" + std::to_string(end); }

 private:
  Veth() = default;

  std::array<int, 2> namespaces_{-1, -1};
};

}  // namespace pinion::bench
