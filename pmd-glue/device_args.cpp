// The two rings of an AF_PACKET socket are what needs completing; everything else passes through.
#include "pmd-glue/device_args.h"

#include <algorithm>
#include <bit>
#include <cstdlib>

namespace pinion {
namespace {

// One slot of an AF_PACKET ring holds the kernel's header, Ethernet with a tag and the packet.
constexpr uint32_t kPacketRingOverhead = 128;
constexpr uint32_t kPacketFrameBytesMin = 2048;
constexpr uint32_t kPacketBlockBytesMin = 65536;
constexpr uint32_t kPacketRingFrames = 1024;

bool is_af_packet(const std::string& device) { return device.starts_with("net_af_packet"); }

uint32_t number(const std::string& text) {
  return static_cast<uint32_t>(std::strtoul(text.c_str(), nullptr, 10));
}

void add_absent(std::string& device, const std::string& key, uint32_t value) {
  if (device_argument(device, key).empty()) device += "," + key + "=" + std::to_string(value);
}

}  // namespace

std::string device_name(const std::string& device) { return device.substr(0, device.find(',')); }

std::string device_argument(const std::string& device, const std::string& key) {
  for (size_t comma = device.find(','); comma != std::string::npos;) {
    const size_t begin = comma + 1;
    comma = device.find(',', begin);
    const std::string pair = device.substr(begin, comma - begin);
    if (pair.starts_with(key + "=")) return pair.substr(key.size() + 1);
  }
  return "";
}

std::string complete_device(const std::string& device, uint16_t mtu_bytes, uint32_t queues) {
  if (!is_af_packet(device)) return device;
  std::string out = device;
  // The kernel starts each block with a frame, the PMD counts frames through: the two agree only
  // if frames fill their block exactly, so both are powers of two.
  add_absent(out, "framesz",
             std::max(kPacketFrameBytesMin, std::bit_ceil(mtu_bytes + kPacketRingOverhead)));
  const uint32_t frame_bytes = number(device_argument(out, "framesz"));
  add_absent(out, "blocksz", std::max(kPacketBlockBytesMin, std::bit_ceil(frame_bytes)));
  const uint32_t block_bytes = number(device_argument(out, "blocksz"));
  const uint32_t block_frames = frame_bytes == 0 ? 1 : std::max(1u, block_bytes / frame_bytes);
  add_absent(out, "framecnt", std::max(kPacketRingFrames, block_frames));
  add_absent(out, "qpairs", queues);
  return out;
}

uint32_t required_buffer_bytes(const std::string& device) {
  return is_af_packet(device) ? number(device_argument(device, "framesz")) : 0;
}

}  // namespace pinion
