// See nic_sysfs.h.
#include "pmd-glue/nic_sysfs.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace pinion {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEthernetClass = "0x0200";  // PCI class code: network, Ethernet
constexpr const char* kDevices = "/bus/pci/devices/";

// The drivers in DPDK 22.11 that work beside Linux's.
constexpr const char* kBifurcated[] = {"mlx5_core", "mlx4_core", "mana"};

std::string first_word(const fs::path& path) {
  std::string word;
  std::ifstream(path) >> word;
  return word;
}

int number(const fs::path& path, int otherwise) {
  int value = otherwise;
  std::ifstream in(path);
  return in >> value ? value : otherwise;
}

std::string link_target(const fs::path& path) {
  std::error_code none;
  return fs::read_symlink(path, none).filename();
}

std::vector<std::string> entries(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code none;
  for (fs::directory_iterator it(folder, none), end; !none && it != end; it.increment(none))
    names.push_back(it->path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

// What stands on an interface appears in its folder as upper_<name>.
void add_interface(const std::string& sys, const std::string& name, std::vector<std::string>& out) {
  if (std::find(out.begin(), out.end(), name) != out.end()) return;
  out.push_back(name);
  constexpr std::string_view kUpper = "upper_";
  const std::vector<std::string> all = entries(sys + "/class/net/" + name);
  for (const std::string& entry : all)
    if (entry.starts_with(kUpper)) add_interface(sys, entry.substr(kUpper.size()), out);
}

// virtio devices have their interface one level deeper.
void add_interfaces(const std::string& sys, const fs::path& device, NicInfo& out) {
  for (const std::string& name : entries(device / "net")) add_interface(sys, name, out.interfaces);
  for (const std::string& below : entries(device)) {
    if (!below.starts_with("virtio")) continue;
    for (const std::string& name : entries(device / below / "net"))
      add_interface(sys, name, out.interfaces);
  }
}

std::string write(const fs::path& path, const std::string& text) {
  errno = 0;
  std::ofstream out(path);
  out << text << std::flush;
  return out ? "" : "writing '" + text + "' to " + path.string() + ": " + std::strerror(errno);
}

// "0100007F:0016" of /proc/net/tcp: words of the host's byte order.
std::string address_of(const std::string& field) {
  unsigned char bytes[16];
  const size_t words = field.find(':') / 8;
  if (words != 1 && words != 4) return "";
  for (size_t i = 0; i < words; ++i) {
    const auto word =
        static_cast<uint32_t>(std::strtoul(field.substr(i * 8, 8).c_str(), nullptr, 16));
    std::memcpy(bytes + i * sizeof word, &word, sizeof word);
  }
  char text[INET6_ADDRSTRLEN] = "";
  const auto* six = reinterpret_cast<const in6_addr*>(bytes);
  if (words == 1) inet_ntop(AF_INET, bytes, text, sizeof text);
  else if (IN6_IS_ADDR_V4MAPPED(six)) inet_ntop(AF_INET, bytes + 12, text, sizeof text);
  else inet_ntop(AF_INET6, bytes, text, sizeof text);
  return text;
}

bool has_default_route(const std::string& proc, const std::string& name) {
  std::string line, interface, destination, skip, mask, last;
  std::ifstream four(proc + "/net/route");
  while (std::getline(four, line)) {
    std::istringstream in(line);
    in >> interface >> destination >> skip >> skip >> skip >> skip >> skip >> mask;
    if (interface == name && destination == "00000000" && mask == "00000000") return true;
  }
  std::ifstream six(proc + "/net/ipv6_route");
  while (std::getline(six, line)) {
    std::istringstream in(line);
    in >> destination >> mask;
    while (in >> last) interface = last;
    if (interface == name && destination == std::string(32, '0') && mask == "00") return true;
  }
  return false;
}

// The addresses of this machine at which a TCP connection is established.
std::vector<std::string> connected_addresses(const std::string& proc) {
  std::vector<std::string> found;
  for (const char* file : {"/net/tcp", "/net/tcp6"}) {
    std::ifstream in(proc + file);
    for (std::string line, slot, local, remote, state; std::getline(in, line);) {
      std::istringstream words(line);
      words >> slot >> local >> remote >> state;
      if (state == "01") found.push_back(address_of(local));
    }
  }
  return found;
}

std::vector<std::string> interface_addresses(const std::string& name) {
  std::vector<std::string> found;
  ifaddrs* all = nullptr;
  if (getifaddrs(&all) != 0) return found;
  for (const ifaddrs* a = all; a != nullptr; a = a->ifa_next) {
    if (a->ifa_addr == nullptr || name != a->ifa_name) continue;
    char text[INET6_ADDRSTRLEN] = "";
    if (a->ifa_addr->sa_family == AF_INET) {
      inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(a->ifa_addr)->sin_addr, text, sizeof text);
    } else if (a->ifa_addr->sa_family == AF_INET6) {
      inet_ntop(AF_INET6, &reinterpret_cast<sockaddr_in6*>(a->ifa_addr)->sin6_addr, text,
                sizeof text);
    }
    if (text[0] != '\0') found.emplace_back(text);
  }
  freeifaddrs(all);
  return found;
}

}  // namespace

bool find_nic(const std::string& pci, NicInfo& out, const std::string& sys) {
  const fs::path device = sys + kDevices + pci;
  if (pci.empty() || pci.find('/') != std::string::npos || !fs::exists(device)) return false;
  out = {};
  out.pci = pci;
  const std::string vendor = first_word(device / "vendor"), model = first_word(device / "device");
  constexpr size_t kPrefix = 2;  // 0x
  if (vendor.size() > kPrefix && model.size() > kPrefix)
    out.model = vendor.substr(kPrefix) + ":" + model.substr(kPrefix);
  out.driver = link_target(device / "driver");
  out.numa_node = number(device / "numa_node", -1);
  const std::string group = link_target(device / "iommu_group");
  if (!group.empty()) out.iommu_group = std::atoi(group.c_str());
  add_interfaces(sys, device, out);
  return true;
}

std::vector<NicInfo> list_nics(const std::string& sys) {
  std::vector<NicInfo> found;
  const fs::path devices = sys + kDevices;
  for (const std::string& pci : entries(devices)) {
    NicInfo nic;
    if (!first_word(devices / pci / "class").starts_with(kEthernetClass)) continue;
    if (find_nic(pci, nic, sys)) found.push_back(std::move(nic));
  }
  return found;
}

std::string check_binding(const std::string& pci, bool vfio, const std::string& sys) {
  NicInfo nic;
  if (!find_nic(pci, nic, sys)) return "no PCI device " + pci + ": see pinionctl nic list";
  const std::string now =
      pci + (nic.driver.empty() ? " has no driver" : " is on the driver " + nic.driver);
  if (!vfio) {
    const bool known = std::any_of(std::begin(kBifurcated), std::end(kBifurcated),
                                   [&](const char* name) { return nic.driver == name; });
    return known ? "" : now + "; bifurcated NICs are on mlx5_core: binding: vfio-pci for others";
  }
  if (nic.driver != "vfio-pci") return now + ", not on vfio-pci: pinionctl nic bind " + pci;
  if (nic.iommu_group < 0)
    return pci +
           " has no IOMMU group: switch the IOMMU on in the firmware and with the kernel "
           "parameters intel_iommu=on iommu=pt (AMD: iommu=pt)";
  return "";
}

std::string bind_nic(const std::string& pci, const std::string& driver, const std::string& sys) {
  const fs::path device = sys + kDevices + pci;
  NicInfo nic;
  if (!find_nic(pci, nic, sys)) return "no PCI device " + pci;
  if (!driver.empty() && nic.driver == driver) return "";
  // A line end alone takes the override away: the driver is then the one that knows the model.
  std::string why = write(device / "driver_override", driver.empty() ? "\n" : driver);
  if (why.empty() && !nic.driver.empty()) why = write(device / "driver/unbind", pci);
  if (why.empty()) why = write(sys + "/bus/pci/drivers_probe", pci);
  if (!why.empty()) return why;
  const std::string now = link_target(device / "driver");
  if (driver.empty() ? !now.empty() : now == driver) return "";
  return pci + (now.empty() ? " has no driver now" : " is on " + now) +
         "; is the module loaded (modprobe " + (driver.empty() ? "of its Linux driver" : driver) +
         ")?";
}

namespace {
std::string connected_by(const std::string& address, const std::string& interface) {
  return "TCP connections are open at " + address + " of " + interface + " (ssh?)";
}
}  // namespace

std::string carries(const NicInfo& nic, const std::string& proc) {
  const std::vector<std::string> connected = connected_addresses(proc);
  for (const std::string& name : nic.interfaces) {
    if (has_default_route(proc, name)) return "the default route is by " + name;
    for (const std::string& address : interface_addresses(name))
      if (std::find(connected.begin(), connected.end(), address) != connected.end())
        return connected_by(address, name);
  }
  return "";
}

}  // namespace pinion
