// See rdma_devices.h.
#include "pmd-glue/rdma_devices.h"

#include <infiniband/verbs.h>
#include <linux/mman.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

namespace pinion {
namespace {

namespace fs = std::filesystem;
constexpr uint8_t kPort = 1;  // an Ethernet function of mlx5 has one
constexpr size_t kOrdinaryBytes = 4096;
const std::string kClass = "/sys/class/infiniband/";

using Devices = std::unique_ptr<ibv_device*, decltype(&ibv_free_device_list)>;
using Context = std::unique_ptr<ibv_context, decltype(&ibv_close_device)>;
using Domain = std::unique_ptr<ibv_pd, decltype(&ibv_dealloc_pd)>;

std::string words_of(int error) { return std::strerror(error); }

Devices all_devices(int& count) {
  errno = 0;
  return {ibv_get_device_list(&count), &ibv_free_device_list};
}

Context open_device(const std::string& name) {
  int count = 0;
  const Devices devices = all_devices(count);
  for (int i = 0; i < count; ++i)
    if (name == ibv_get_device_name(devices.get()[i]))
      return {ibv_open_device(devices.get()[i]), &ibv_close_device};
  errno = ENODEV;
  return {nullptr, &ibv_close_device};
}

// The device's place on the PCI bus: /sys names it; a device of software has none.
std::string pci_of(const std::string& name) {
  std::error_code none;
  const fs::path device = fs::canonical(kClass + name + "/device", none);
  return none || !fs::exists(device / "vendor") ? "" : device.filename().string();
}

std::string interface_of(const std::string& name) {
  std::string interface;
  std::getline(std::ifstream(kClass + name + "/ports/1/gid_attrs/ndevs/0"), interface);
  return interface;
}

void ask(ibv_context& context, RdmaDevice& out) {
  ibv_device_attr device{};
  if (ibv_query_device(&context, &device) == 0) {
    out.firmware = device.fw_ver;
    out.register_max = device.max_mr_size;
    out.registrations_max = static_cast<uint32_t>(std::max(device.max_mr, 0));
  }
  ibv_port_attr port{};
  if (ibv_query_port(&context, kPort, &port) != 0) return;
  out.active = port.state == IBV_PORT_ACTIVE;
  out.link_layer = port.link_layer == IBV_LINK_LAYER_ETHERNET ? "Ethernet" : "InfiniBand";
}

// Memory as the daemon's: mapped and touched, since registering pins it.
struct Memory {
  explicit Memory(uint64_t megabytes) : bytes(megabytes == 0 ? kOrdinaryBytes : megabytes << 20) {
    const int pages = megabytes == 0 ? 0 : MAP_HUGETLB | MAP_HUGE_2MB;
    at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | pages, -1, 0);
  }
  ~Memory() {
    if (at != MAP_FAILED) munmap(at, bytes);
  }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  size_t bytes;
  void* at;
};

std::string why_not_registered(int error, const Memory& memory) {
  const std::string much = "registering " + std::to_string(memory.bytes) + " bytes: ";
  if (error == ENOMEM || error == EPERM)  // EPERM: the limit is 0
    return much +
           "the limit of locked memory is reached: ulimit -l unlimited, or "
           "LimitMEMLOCK=infinity in the unit";
  return much + words_of(error);
}

}  // namespace

std::vector<RdmaDevice> list_rdma_devices(std::string& why) {
  int count = 0;
  const Devices devices = all_devices(count);
  why = devices == nullptr && errno != ENOSYS ? "libibverbs: " + words_of(errno) : "";
  std::vector<RdmaDevice> found;
  for (int i = 0; i < count; ++i) {
    RdmaDevice& out = found.emplace_back();
    out.name = ibv_get_device_name(devices.get()[i]);
    out.pci = pci_of(out.name);
    out.interface = interface_of(out.name);
    const Context context{ibv_open_device(devices.get()[i]), &ibv_close_device};
    if (context != nullptr) ask(*context, out);
  }
  std::ranges::sort(found, {}, &RdmaDevice::name);
  return found;
}

std::string try_registration(const std::string& device, uint64_t megabytes) {
  const Context context = open_device(device);
  if (context == nullptr) return "opening " + device + ": " + words_of(errno);
  const Domain domain{ibv_alloc_pd(context.get()), &ibv_dealloc_pd};
  if (domain == nullptr) return "a protection domain of " + device + ": " + words_of(errno);
  const Memory memory(megabytes);
  if (memory.at == MAP_FAILED)
    return std::to_string(megabytes) + " MiB of hugepages: " + words_of(errno);
  // In parentheses: the function, since the macro of this name mixes two enumerations.
  ibv_mr* region = (ibv_reg_mr)(domain.get(), memory.at, memory.bytes, IBV_ACCESS_LOCAL_WRITE);
  if (region == nullptr) return why_not_registered(errno, memory);
  const int error = ibv_dereg_mr(region);
  return error == 0 ? "" : "giving a registration back: " + words_of(error);
}

}  // namespace pinion
