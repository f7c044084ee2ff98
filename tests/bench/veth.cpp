// The namespaces are held by descriptors; ip(8) and ethtool(8) do the rest.
#include "bench/veth.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <thread>

#include "bench/bed.h"
#include "bench/rows.h"

namespace pinion::bench {

namespace {

int make_namespace() {
  int fd = -1, error = 0;
  std::thread([&] {
    if (unshare(CLONE_NEWNET) == 0) fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    error = errno;
  }).join();
  if (fd >= 0) return fd;
  throw Unavailable(std::string("no network namespace, which takes root: ") + std::strerror(error));
}

}  // namespace

int must_errno(int result, const char* what) {
  must(result < 0 ? -errno : result, what);
  return result;
}

sockaddr_in socket_address(Ipv4 address, uint16_t port) {
  sockaddr_in out{};
  out.sin_family = AF_INET;
  out.sin_addr.s_addr = htonl(address.v);
  out.sin_port = htons(port);
  return out;
}

// Delegates, so that the destructor runs when this throws.
Veth::Veth(const std::array<std::string, 2>& addresses) : Veth() {
  for (int& fd : namespaces_) fd = make_namespace();
  const std::string other =
      "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(namespaces_[1]);
  run(0, "ip link add " + name(0) + " type veth peer name " + name(1) + " netns " + other);
  for (size_t end = 0; end < 2; ++end) {
    run(end, "ethtool -K " + name(end) + " tx off tso off gso off gro off");
    run(end, "ip address add " + addresses[end] + "/24 dev " + name(end));
    run(end, "ip link set " + name(end) + " addrgenmode none up");
  }
}

Veth::~Veth() {
  for (const int fd : namespaces_) {
    if (fd >= 0) close(fd);
  }
}

void Veth::inside(size_t end, const std::function<void()>& what) const {
  std::exception_ptr thrown;
  std::thread([&] {
    try {
      if (setns(namespaces_[end], CLONE_NEWNET) != 0)
        throw Unavailable("cannot enter a network namespace");
      what();
    } catch (...) {
      thrown = std::current_exception();
    }
  }).join();
  if (thrown) std::rethrow_exception(thrown);
}

void Veth::run(size_t end, const std::string& command) const {
  inside(end, [&] {
    if (std::system((command + " >/dev/null 2>&1").c_str()) != 0)
      throw Unavailable("does not work here: " + command);
  });
}

Mac Veth::mac(size_t end) const {
  Mac mac;
  inside(end, [&] {
    ifreq request{};
    const std::string device = name(end);
    std::memcpy(request.ifr_name, device.c_str(), device.size());
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const bool ok = ioctl(fd, SIOCGIFHWADDR, &request) == 0;
    close(fd);
    if (!ok) throw Unavailable("no address of " + device);
    std::memcpy(mac.b, request.ifr_hwaddr.sa_data, sizeof mac.b);
  });
  return mac;
}

}  // namespace pinion::bench
