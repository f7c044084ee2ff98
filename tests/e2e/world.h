// The world of an end-to-end test: two network namespaces joined by a veth pair, piniond on one end
// of it, this process (hence the kernel's sockets that it opens) at the other. The namespaces have
// no name and end with their processes.
//
//   this process, kernel0 10.77.0.1 --- veth --- pinion0, piniond 10.77.0.2
//
// With two cables there is a second pair, kernel1 and pinion1, piniond's backup; kernel0 and
// kernel1 are ports of a bridge, br0, which has the addresses.
//
// With a tap instead (TapWorld) there is one namespace, and Linux's end is the tap itself: DPDK's
// net_af_packet would have Linux put fragments together before Pinion sees them. Behind it are two
// routers with a narrower link between them:
//
//   piniond --- kernel0, this process 10.77.0.1 --- 1400 bytes --- router --- far0 10.79.0.1
//
// Apart, the second pair is a NIC of its own: two cores, each with one, kernel1 at 10.80.0.1 and
// pinion1 at 10.80.0.2. Shared, two cores have a queue each of the first NIC, and the second core
// has the other one for itself.
//
// In the virtual machine of tests/vm the wire is QEMU's, and piniond has its NIC by vfio-pci, in a
// TapWorld too.
#pragma once
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>

#include "e2e/process.h"

namespace pinion::e2e {

inline constexpr const char* kKernelIp = "10.77.0.1";
inline constexpr const char* kKernelIp2 = "10.77.0.3";  // the same station
inline constexpr const char* kPinionIp = "10.77.0.2";
inline constexpr const char* kKernelIp6 = "2001:db8:77::1";
inline constexpr const char* kPinionIp6 = "2001:db8:77::2";
inline constexpr const char* kKernelApartIp = "10.80.0.1";  // of the second core's own NIC
inline constexpr const char* kPinionApartIp = "10.80.0.2";
inline constexpr const char* kFarIp = "10.79.0.1";  // of TapWorld
inline constexpr const char* kFarIp6 = "2001:db8:79::1";
inline constexpr const char* kBehindIp = "10.78.0.1";  // through the kernel as a router

// An address and port of either family, as the kernel takes them.
struct Name {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;

  Name() = default;
  Name(const std::string& ip, uint16_t port);
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  uint16_t port() const;
  std::string ip() const;
};

// While it lives this thread opens its sockets in that namespace.
class In {
 public:
  explicit In(int ns);
  ~In();
  In(const In&) = delete;
  In& operator=(const In&) = delete;
};

using MacAddress = std::array<unsigned char, 6>;

// A folder of this test, gone with it.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string path(const std::string& name) const { return dir_ + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const;

 private:
  std::string dir_;
};

// What a daemon of these tests may take: 64, or 0 where there are not enough of them, or not for
// us.
int hugepages_mb();

enum class Cables : uint8_t { one, two, apart, shared };
enum class Core : uint8_t { as_usual, sleeps };  // as usual: in the virtual machine it never does
struct Wanted {
  Cables cables = Cables::one;
  Core core = Core::as_usual;
  uint16_t mtu_bytes = 1500;  // on both sides
  uint16_t vlan_id = 0;       // likewise
  bool stamps = false;        // piniond's device is net_pcap, whose frames have Linux's times
};

// One daemon for all cases of a suite: starting it costs more than any of them.
class World : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { begin({}); }
  static void begin(const Wanted& wanted);
  static void TearDownTestSuite();  // piniond must end with status 0
  void SetUp() override;            // skips where namespaces cannot be had

  static std::string socket_path();
  static MacAddress pinion_mac();
  static const Scratch& scratch();
  static bool speaks_ipv6();  // both sides do
  // Frames that piniond dropped for this reason.
  static uint64_t drops(const std::string& reason);
  // A number of pinionctl's status; what is not there is UINT64_MAX.
  static uint64_t gauge(const std::string& name);
  // What one of two cores counted, or has: its number, and a row of pinionctl's table.
  static uint64_t of_core(uint32_t core, const std::string& name);
  static std::string daemon_said();                  // up to what was last waited for
  static bool daemon_says(const std::string& text);  // it did, or does so in time
  // TCP has had frames cut since there were `before` of them, if the NIC said at the start that it
  // does so; and else none.
  static bool cuts_as_said(uint64_t before);
  static void kill_and_restart();  // with SIGKILL
  // The cable of Pinion's NIC, the first or the second; on a veth, Linux's end goes down.
  static void plug(bool in, int cable = 0);
  // Sends a frame out of kernel0, or (as if it were Pinion's) out of pinion0.
  static void send_raw(const std::string& frame, bool from_pinion = false);
};

class TapWorld : public World {
 protected:
  static void SetUpTestSuite() { begin_tap(Cables::one); }
  static void begin_tap(Cables cables);
  static int far_namespace();
};

// Ethernet, IPv4 and UDP around the text, with right checksums; break what the test is about.
std::string udp_frame(const MacAddress& to, const MacAddress& from, const std::string& source,
                      const std::string& destination, uint16_t port, const std::string& text);

}  // namespace pinion::e2e
