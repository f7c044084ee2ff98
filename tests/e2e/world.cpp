// See world.h.
#include "e2e/world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

namespace pinion::e2e {

namespace {

int current_namespace() { return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }

// The CPUs that this process may use. They are shared with the test.
std::vector<int> cpus() {
  cpu_set_t set;
  sched_getaffinity(0, sizeof set, &set);
  std::vector<int> all;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) all.push_back(i);
  return all;
}

// RFC 1071.
uint16_t checksum(const std::string& bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    sum += static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])) << (i % 2 == 0 ? 8 : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

std::string big_endian(unsigned value) {
  return {static_cast<char>(value >> 8 & 0xff), static_cast<char>(value & 0xff)};
}

std::string address(const std::string& text) {
  in_addr a{};
  EXPECT_EQ(inet_pton(AF_INET, text.c_str(), &a), 1) << text;
  return {reinterpret_cast<const char*>(&a), sizeof a};
}

}  // namespace

int hugepages_mb() {
  uint64_t pages = 0;
  std::ifstream("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages") >> pages;
  return pages >= 64 && geteuid() == 0 ? 64 : 0;
}

Name::Name(const std::string& ip, uint16_t port) {
  if (ip.find(':') == std::string::npos) {
    sockaddr_in a{};
    a.sin_family = AF_INET, a.sin_port = htons(port);
    EXPECT_EQ(inet_pton(AF_INET, ip.c_str(), &a.sin_addr), 1) << ip;
    std::memcpy(&storage, &a, length = sizeof a);
    return;
  }
  sockaddr_in6 a{};
  a.sin6_family = AF_INET6, a.sin6_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET6, ip.c_str(), &a.sin6_addr), 1) << ip;
  std::memcpy(&storage, &a, length = sizeof a);
}

uint16_t Name::port() const {
  return ntohs(family() == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                                    : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

std::string Name::ip() const {
  char text[INET6_ADDRSTRLEN];
  if (family() == AF_INET6)
    return inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, text,
                     sizeof text);
  return inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text,
                   sizeof text);
}

Scratch::Scratch() {
  char name[] = "/tmp/pinion-e2e-XXXXXX";
  EXPECT_NE(mkdtemp(name), nullptr);
  EXPECT_EQ(chmod(name, 0711), 0);  // for applications of other users
  dir_ = name;
}
Scratch::~Scratch() { std::filesystem::remove_all(dir_); }

std::string Scratch::write(const std::string& name, const std::string& text) const {
  std::ofstream(path(name)) << text;
  return path(name);
}

namespace {

// What the cases of a suite share.
struct Shared {
  std::string why_not;  // there is no world
  Wanted wanted;
  bool ipv6 = false;     // this kernel speaks it
  bool tap = false;      // of TapWorld, outside the virtual machine
  bool routers = false;  // of TapWorld
  int pinion_ns = -1, kernel_ns = -1, router_ns = -1, far_ns = -1;
  MacAddress mac{};
  Scratch scratch;
  std::unique_ptr<Program> daemon;
};
std::unique_ptr<Shared> shared;

// In the virtual machine of tests/vm the NIC is one on vfio-pci, and Linux's end of its wire waits
// in a namespace. These name them; null elsewhere.
const char* vm_nic() { return std::getenv("PINION_VM_PCI"); }
const char* vm_namespace() { return std::getenv("PINION_VM_NETNS"); }
const char* vm_cable() { return std::getenv("PINION_VM_CABLE"); }

std::string ip(const std::string& command) {
  const Outcome made = run({"sh", "-c", "exec ip " + command});
  return made.status == 0 ? "" : "ip " + command + ": " + made.output;
}

bool two_cables() { return shared->wanted.cables == Cables::two; }
bool is_shared() { return shared->wanted.cables == Cables::shared; }
bool is_apart() { return shared->wanted.cables == Cables::apart; }
bool two_cores() { return is_apart() || is_shared(); }
bool two_nics() { return two_cores() && vm_nic() == nullptr && !shared->tap; }

// How many queues the NIC of the virtual machine has.
int vm_queues() {
  const char* queues = std::getenv("PINION_VM_QUEUES");
  return queues == nullptr ? 1 : std::atoi(queues);
}

// Linux leaves checksums to the last one who looks, and makes long packets of those that came; here
// they are as on the wire.
std::string leave_sums_alone(const std::string& device, int ns) {
  Program off({"ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off"}, ns);
  return off.end(0) == 0 ? "" : "ethtool -K: " + off.output();
}

std::string make_pair(const std::string& number) {
  const std::string ours = "pinion" + number, theirs = "kernel" + number;
  const std::string why =
      ip("link add " + theirs + " type veth peer name " + ours + " netns /proc/" +
         std::to_string(getpid()) + "/fd/" + std::to_string(shared->pinion_ns));
  if (!why.empty()) return why;
  for (const auto& [ns, device] : {std::pair(shared->kernel_ns, theirs), {shared->pinion_ns, ours}})
    if (const std::string wrong = leave_sums_alone(device, ns); !wrong.empty()) return wrong;
  Program up({"ip", "link", "set", ours, "addrgenmode", "none", "up"}, shared->pinion_ns);
  return up.end(0) == 0 ? "" : "ip link set: " + up.output();
}

// The bridge comes first: then a veth and its peer differ in their numbers, and Linux tells of a
// carrier at once (its link watch holds others back, up to a second).
std::string make_bridge() {
  const std::string why = ip("link add br0 type bridge forward_delay 0 mcast_snooping 0");
  return why.empty() ? make_pair("1") : why;
}

// Empty, or why it cannot be had. This process ends up in the kernel's namespace.
std::string make_veth() {
  if (unshare(CLONE_NEWNET) != 0) return "needs the right to make network namespaces";
  shared->pinion_ns = current_namespace();
  if (unshare(CLONE_NEWNET) != 0) return "needs a second network namespace";
  shared->kernel_ns = current_namespace();
  if (two_cables())
    if (const std::string why = make_bridge(); !why.empty()) return why;
  if (two_nics())
    if (const std::string why = make_pair("1"); !why.empty()) return why;
  return make_pair("0");
}

// Down first: nothing that an earlier test's neighbours have told may be known, and no suite's
// bridge, router or VLAN be left.
std::string join_vm() {
  const std::string file = std::string("/run/netns/") + vm_namespace();
  shared->pinion_ns = current_namespace();
  shared->kernel_ns = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (setns(shared->kernel_ns, CLONE_NEWNET) != 0) return file + ": " + std::strerror(errno);
  for (const char* left : {"br0", "mid0", "vlan0"}) run({"ip", "link", "del", left});
  std::string why = leave_sums_alone("kernel0", shared->kernel_ns);
  if (why.empty()) why = ip("link set kernel0 down");
  return why.empty() ? ip("addr flush dev kernel0") : why;
}

// The first command that fails, in that namespace.
std::string all_of(int ns, const std::vector<std::string>& commands) {
  const In inside(ns);
  for (const std::string& command : commands) {
    const Outcome made = run({"sh", "-c", command});
    if (made.status != 0) return command + ": " + made.output;
  }
  return "";
}

// Two routers, this namespace the first, and what is behind them.
std::string make_narrow_path() {
  for (int* ns : {&shared->router_ns, &shared->far_ns}) {
    if (unshare(CLONE_NEWNET) != 0) return "needs another network namespace";
    *ns = current_namespace();
  }
  EXPECT_EQ(setns(shared->kernel_ns, CLONE_NEWNET), 0);
  const std::string ours = "/proc/" + std::to_string(getpid()) + "/fd/";
  const std::string router = ours + std::to_string(shared->router_ns);
  const std::string forward = "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1";
  std::string why = all_of(
      shared->kernel_ns,
      {forward, "ip link add mid0 mtu 1400 type veth peer name mid1 mtu 1400 netns " + router,
       "ip addr add 10.78.1.1/24 dev mid0", "ip addr add 2001:db8:78::1/64 dev mid0 nodad",
       "ip link set mid0 up", "ip route add 10.79.0.0/24 via 10.78.1.2",
       "ip route add 2001:db8:79::/64 via 2001:db8:78::2"});
  if (why.empty())
    why = all_of(
        shared->router_ns,
        {forward,
         "ip link add far1 type veth peer name far0 netns " + ours + std::to_string(shared->far_ns),
         "ip addr add 10.78.1.2/24 dev mid1", "ip addr add 2001:db8:78::2/64 dev mid1 nodad",
         "ip addr add 10.79.0.2/24 dev far1", "ip addr add 2001:db8:79::2/64 dev far1 nodad",
         "ip link set mid1 up", "ip link set far1 up", "ip route add default via 10.78.1.1",
         "ip -6 route add default via 2001:db8:78::1"});
  if (why.empty())
    why = all_of(shared->far_ns, {"ip addr add 10.79.0.1/24 dev far0",
                                  "ip addr add 2001:db8:79::1/64 dev far0 nodad",
                                  "ip link set far0 up", "ip route add default via 10.79.0.2",
                                  "ip -6 route add default via 2001:db8:79::2"});
  return why;
}

// Of what Linux has at its end, which is there.
std::string add_addresses(const std::string& station) {
  for (const std::string& command : {
           "link set " + station + " addrgenmode none up",
           std::string("addr add ") + kKernelIp + "/24 dev " + station,
           std::string("addr add ") + kKernelIp2 + "/24 dev " + station,
           std::string("link set lo up"),
           // Out again where it came in: what Linux forwards there is seen by nobody.
           std::string("route replace ") + kBehindIp + "/32 via 10.77.0.9 dev " + station,
       })
    if (const std::string wrong = ip(command); !wrong.empty()) return wrong;
  const std::string address6 = std::string("addr add ") + kKernelIp6 + "/64 nodad dev ";
  shared->ipv6 = ip(address6 + station).empty();
  std::ofstream("/proc/sys/net/ipv4/ip_forward") << 1;
  return "";
}

std::string make_network() {
  if (geteuid() != 0) return "needs root, to make network namespaces";
  if (two_cores() && cpus().size() < 2) return "needs two CPUs";
  if (vm_nic() != nullptr && (two_cables() || is_apart())) return "needs two cables";
  if (vm_nic() != nullptr && is_shared() && vm_queues() < 2)
    return "the machine's NIC has one queue (tests/vm/run --queues)";
  if (shared->wanted.stamps && vm_nic() != nullptr) return "no NIC that QEMU has stamps frames";
  if (shared->wanted.vlan_id != 0 && vm_nic() == nullptr) return "needs tests/vm: it is about NICs";
  if (shared->wanted.mtu_bytes > 1500 && vm_nic() == nullptr)
    return "needs tests/vm: DPDK's net_af_packet takes no longer frames";
  const std::string why = vm_nic() == nullptr ? make_veth() : join_vm();
  if (!why.empty()) return why;
  const std::string mtu = ip("link set kernel0 mtu " + std::to_string(shared->wanted.mtu_bytes));
  if (!mtu.empty()) return mtu;
  if (const uint16_t id = shared->wanted.vlan_id; id != 0) {
    const std::string vlan = "link add link kernel0 name vlan0 type vlan id " + std::to_string(id);
    if (const std::string wrong = ip(vlan); !wrong.empty()) return "needs VLANs: " + wrong;
    if (const std::string wrong = ip("link set kernel0 addrgenmode none up"); !wrong.empty())
      return wrong;
    return add_addresses("vlan0");
  }
  if (two_nics())
    for (const std::string& command :
         {std::string("link set kernel1 addrgenmode none up"),
          std::string("addr add ") + kKernelApartIp + "/24 dev kernel1"})
      if (const std::string wrong = ip(command); !wrong.empty()) return wrong;
  if (!two_cables()) return add_addresses("kernel0");
  for (const std::string port : {"kernel0", "kernel1"}) {
    for (const std::string& command :
         {"link set " + port + " master br0", "link set " + port + " addrgenmode none up"})
      if (const std::string wrong = ip(command); !wrong.empty()) return wrong;
  }
  return add_addresses("br0");
}

// Beside other programs: the daemon sleeps when it has nothing to do.
std::string cores_text() {
  const bool busy = in_vm && !two_cores() && shared->wanted.core != Core::sleeps;
  const auto core = [busy](const char* name, int cpu) {
    return "{name: " + std::string(name) + ", cpu: " + std::to_string(cpu) +
           ", idle: " + (busy ? "busy" : "{sleep_after_us: 200}") + "}";
  };
  const std::vector<int> all = cpus();
  const std::string first = core("core0", two_cores() ? all[all.size() - 2] : all.back());
  return two_cores() ? first + ", " + core("core1", all.back()) : first;
}

std::string device_text() {
  if (shared->tap) return "vdev: \"net_tap0,iface=kernel0\"";
  if (vm_nic() != nullptr) return std::string("pci: \"") + vm_nic() + "\", binding: vfio-pci";
  if (shared->wanted.stamps) return "vdev: \"net_pcap0,rx_iface_in=pinion0,tx_iface=pinion0\"";
  return "vdev: \"net_af_packet0,iface=pinion0\"";
}

// In front of the other one, behind which its core has it.
std::string apart_text() {
  if (!two_nics()) return "";
  return std::string("{name: apart, core: core1, addresses: [") + kPinionApartIp +
         "/24], device: {vdev: \"net_af_packet1,iface=pinion1\"}}, ";
}

std::string configuration() {
  const Wanted& wanted = shared->wanted;
  const std::string id = std::to_string(wanted.vlan_id);
  return "version: 1\n"
         "instance: e2e\n"
         "host:\n"
         "  hugepages_mb: " +
         std::to_string(hugepages_mb()) +
         "\n"
         "  lock_memory: false\n"
         "  control_socket: {path: " +
         shared->scratch.path("control.sock") +
         ", mode: \"0666\"}\n"
         "cores: [" +
         cores_text() +
         "]\n"
         "nics: [" +
         apart_text() + "{name: nic, device: {" + device_text() + "}, " +
         (two_cables() ? "backup: {vdev: \"net_af_packet1,iface=pinion1\"}, " : "") +
         (is_shared() ? "cores: [core0, core1], " : "core: core0, ") +
         "mtu_bytes: " + std::to_string(wanted.mtu_bytes) +
         (wanted.vlan_id == 0 ? "" : ", vlan_id: " + id) +
         (wanted.stamps ? ", timestamps: {rx: hardware}" : "") + ", addresses: [" + kPinionIp +
         "/24, \"" + kPinionIp6 +
         "/64\"]}]\n"
         "routes: [{prefix: 0.0.0.0/0, via: " +
         kKernelIp + ", nic: nic}" +
         (shared->routers
              ? std::string(", {prefix: \"::/0\", via: \"") + kKernelIp6 + "\", nic: nic}"
              : "") +
         "]\n"
         // Of a NIC with several cores, ports that are bound are none of the ephemeral ones.
         "sessions: [{user: root, bind: " +
         (is_shared() ? "[\"*:1-6999\", \"*:7001-32767\"]" : "[\"*:1-65535\"]") +
         ", groups: [224.0.0.0/4, \"ff00::/8\"]}, "
         "{user: nobody, bind: [\"*:7000\"]" +
         (two_cores() ? ", core: core1" : "") +
         "}]\n"
         "igmp: {groups_max: 1, joins_max: 1}\n" +  // less than the sessions are promised
         // An emulated processor may stand still for seconds.
         (vm_nic() == nullptr ? "" : "limits: {core_silent_ms: 30000}\n");
}

// Empty, or what went wrong. The daemon says its NIC's address when it opens it.
std::string start_daemon() {
  std::vector<std::string> arguments = {PINION_DAEMON};
  if (in_vm) arguments.emplace_back("--emulated");
  arguments.push_back(shared->scratch.write("piniond.yaml", configuration()));
  shared->daemon = std::make_unique<Program>(arguments, shared->pinion_ns);
  if (!shared->daemon->says(" ready, ")) return "not ready: " + shared->daemon->output();
  const std::string& said = shared->daemon->output();
  const size_t at = said.find("MAC ", said.find("nic nic: "));
  unsigned b[6] = {};
  if (at == std::string::npos || std::sscanf(said.c_str() + at, "MAC %x:%x:%x:%x:%x:%x", b, b + 1,
                                             b + 2, b + 3, b + 4, b + 5) != 6)
    return "no MAC: " + said;
  for (size_t i = 0; i < shared->mac.size(); ++i) shared->mac[i] = static_cast<unsigned char>(b[i]);
  return "";
}

// The daemon makes the tap. Its device in Linux has the address that DPDK's has, until it gets one
// of its own.
void make_tap() {
  shared->tap = true;
  if (geteuid() != 0) shared->why_not = "needs root, to make network namespaces";
  else if (access("/dev/net/tun", R_OK | W_OK) != 0) shared->why_not = "needs /dev/net/tun";
  else if (two_cores() && cpus().size() < 2) shared->why_not = "needs two CPUs";
  else if (unshare(CLONE_NEWNET) != 0) shared->why_not = "needs a network namespace";
  if (!shared->why_not.empty()) return;
  shared->pinion_ns = current_namespace(), shared->kernel_ns = current_namespace();
  ASSERT_EQ(start_daemon(), "");
  ASSERT_EQ(all_of(shared->kernel_ns, {"ip link set kernel0 address 02:00:00:00:77:01"}), "");
  ASSERT_EQ(add_addresses("kernel0"), "");
}

}  // namespace

In::In(int ns) { EXPECT_EQ(setns(ns, CLONE_NEWNET), 0); }
In::~In() { EXPECT_EQ(setns(shared->kernel_ns, CLONE_NEWNET), 0); }

void TapWorld::begin_tap(Cables cables) {
  shared = std::make_unique<Shared>();
  shared->wanted.cables = cables;
  shared->routers = true;
  if (vm_nic() == nullptr) {
    make_tap();
  } else {
    shared->why_not = make_network();
    if (shared->why_not.empty()) {
      ASSERT_EQ(start_daemon(), "");
    }
  }
  if (!shared->why_not.empty()) return;
  ASSERT_EQ(make_narrow_path(), "");
}

int TapWorld::far_namespace() { return shared->far_ns; }

void World::begin(const Wanted& wanted) {
  shared = std::make_unique<Shared>();
  shared->wanted = wanted;
  shared->why_not = make_network();
  if (!shared->why_not.empty()) return;
  ASSERT_EQ(start_daemon(), "");
}

void World::TearDownTestSuite() {
  if (shared->daemon) {
    EXPECT_EQ(shared->daemon->end(SIGTERM), 0) << shared->daemon->output();
  }
  for (const int fd : {shared->pinion_ns, shared->kernel_ns, shared->router_ns, shared->far_ns})
    if (fd >= 0) close(fd);
  shared.reset();
}

void World::SetUp() {
  if (!shared->why_not.empty()) GTEST_SKIP() << shared->why_not;
}

const Scratch& World::scratch() { return shared->scratch; }
bool World::speaks_ipv6() { return shared->ipv6; }
std::string World::socket_path() { return shared->scratch.path("control.sock"); }
MacAddress World::pinion_mac() { return shared->mac; }

uint64_t World::drops(const std::string& reason) {
  const std::string shown = run({PINION_CTL, "--socket", socket_path(), "drops"}).output;
  const size_t at = ("\n" + shown).find("\n" + reason + " ");
  return at == std::string::npos ? 0 : std::stoull(shown.substr(at + reason.size()));
}

uint64_t World::gauge(const std::string& name) {
  const std::string shown = run({PINION_CTL, "--socket", socket_path(), "--all", "status"}).output;
  const size_t at = shown.find("\n" + name + " ");
  return at == std::string::npos ? UINT64_MAX : std::stoull(shown.substr(at + 1 + name.size()));
}

uint64_t World::of_core(uint32_t core, const std::string& name) {
  const std::string shown = run({PINION_CTL, "--socket", socket_path(), "counters"}).output;
  const std::string row = "core" + std::to_string(core) + "." + name;
  const size_t at = ("\n" + shown).find("\n" + row + " ");
  return at == std::string::npos ? UINT64_MAX : std::stoull(shown.substr(at + row.size()));
}

std::string World::daemon_said() { return shared->daemon->output(); }

bool World::daemon_says(const std::string& text) { return shared->daemon->says(text); }

bool World::cuts_as_said(uint64_t before) {
  if (daemon_said().find("segmentation device") == std::string::npos)
    return gauge("tcp_tso_frames") == before;
  return within(kPatienceMs, [before] { return gauge("tcp_tso_frames") > before; });
}

void World::kill_and_restart() {
  EXPECT_EQ(shared->daemon->end(SIGKILL), 128 + SIGKILL);
  ASSERT_EQ(start_daemon(), "");
}

void World::plug(bool in, int cable) {
  if (vm_nic() == nullptr) {
    EXPECT_EQ(ip("link set kernel" + std::to_string(cable) + (in ? " up" : " down")), "");
  } else {
    std::ofstream(vm_cable()) << "set_link nic " << (in ? "on" : "off") << "\n";
  }
}

void World::send_raw(const std::string& frame, bool from_pinion) {
  const In side(from_pinion ? shared->pinion_ns : shared->kernel_ns);
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  sockaddr_ll to{};
  to.sll_family = AF_PACKET;
  to.sll_ifindex = static_cast<int>(if_nametoindex(from_pinion ? "pinion0" : "kernel0"));
  to.sll_halen = ETH_ALEN;
  EXPECT_EQ(sendto(fd, frame.data(), frame.size(), 0, reinterpret_cast<sockaddr*>(&to), sizeof to),
            static_cast<ssize_t>(frame.size()));
  close(fd);
}

std::string udp_frame(const MacAddress& to, const MacAddress& from, const std::string& source,
                      const std::string& destination, uint16_t port, const std::string& text) {
  const auto length = static_cast<unsigned>(text.size());
  const std::string addresses = address(source) + address(destination);
  const std::string udp = big_endian(port) + big_endian(port) + big_endian(8 + length);
  const std::string pseudo = addresses + big_endian(17) + big_endian(8 + length);
  const unsigned udp_sum = checksum(pseudo + udp + big_endian(0) + text);
  const std::string start = "\x45" + std::string(1, '\0') + big_endian(28 + length) +
                            big_endian(1) + big_endian(0x4000) + "\x40\x11";
  const unsigned ip_sum = checksum(start + big_endian(0) + addresses);
  return std::string(to.begin(), to.end()) + std::string(from.begin(), from.end()) +
         big_endian(ETH_P_IP) + start + big_endian(ip_sum) + addresses + udp + big_endian(udp_sum) +
         text;
}

}  // namespace pinion::e2e
