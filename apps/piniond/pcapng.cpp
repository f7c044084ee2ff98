// See pcapng.h.
#include "piniond/pcapng.h"

#include <algorithm>
#include <cstring>

namespace pinion::daemon {
namespace {

enum BlockType : uint32_t { kSection = 0x0a0d0d0a, kInterface = 1, kPacket = 6 };
enum Option : uint16_t {
  kEnd = 0,
  kSectionApplication = 4,
  kInterfaceName = 2,
  kInterfaceTimes = 9,
  kPacketFlags = 2,
  kPacketLost = 4,
};
constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint16_t kMajor = 1, kMinor = 0;
constexpr uint64_t kLengthUnknown = ~uint64_t{0};
constexpr uint16_t kEthernet = 1;
constexpr uint8_t kNanoseconds = 9;  // a negative power of ten
constexpr uint32_t kInbound = 1, kOutbound = 2;
constexpr size_t kAddresses = 12, kTag = 4;  // of Ethernet
constexpr size_t kUnit = 4;                  // everything ends on one

// One block, from here to its end of life. Its length stands at both ends.
class Block {
 public:
  Block(std::string& out, BlockType type) : out_(out), begin_(out.size()) {
    put(static_cast<uint32_t>(type));
    put(uint32_t{0});
  }
  ~Block() {
    const auto length = static_cast<uint32_t>(out_.size() - begin_ + sizeof(uint32_t));
    std::memcpy(out_.data() + begin_ + sizeof(uint32_t), &length, sizeof length);
    put(length);
  }
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;

  template <class T>
  void put(T value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(Bytes bytes) { out_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size()); }
  void pad() { out_.append((kUnit - (out_.size() - begin_) % kUnit) % kUnit, '\0'); }
  template <class T>
  void option(Option code, T value) {
    option(code, std::as_bytes(std::span{&value, 1}));
  }
  void option(Option code, Bytes value) {
    put(static_cast<uint16_t>(code));
    put(static_cast<uint16_t>(value.size()));
    put(value);
    pad();
  }
  void end_options() { option(kEnd, Bytes{}); }

 private:
  std::string& out_;
  const size_t begin_;
};

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

}  // namespace

void put_section(std::string& out, std::string_view application) {
  Block block(out, kSection);
  block.put(kByteOrder);
  block.put(kMajor);
  block.put(kMinor);
  block.put(kLengthUnknown);
  block.option(kSectionApplication, bytes_of(application));
  block.end_options();
}

void put_interface(std::string& out, std::string_view name) {
  Block block(out, kInterface);
  block.put(kEthernet);
  block.put(uint16_t{0});
  block.put(uint32_t{0});  // no limit
  block.option(kInterfaceName, bytes_of(name));
  block.option(kInterfaceTimes, kNanoseconds);
  block.end_options();
}

void put_packet(std::string& out, uint32_t interface, uint64_t realtime_ns,
                const CaptureTap::Packet& packet) {
  const bool tagged = packet.tagged && packet.bytes.size() >= kAddresses;
  const auto length = static_cast<uint32_t>(packet.bytes.size() + (tagged ? kTag : 0));
  Block block(out, kPacket);
  block.put(interface);
  block.put(static_cast<uint32_t>(realtime_ns >> 32));
  block.put(static_cast<uint32_t>(realtime_ns));
  block.put(length);
  block.put(length);
  const size_t front = tagged ? kAddresses : 0;
  block.put(packet.bytes.first(front));
  if (tagged) {
    const auto high = static_cast<uint8_t>(packet.vlan_tci >> 8);
    for (const uint8_t byte :
         {uint8_t{0x81}, uint8_t{0x00}, high, static_cast<uint8_t>(packet.vlan_tci)})
      block.put(byte);
  }
  block.put(packet.bytes.subspan(front));
  block.pad();
  block.option(kPacketFlags, packet.sent ? kOutbound : kInbound);
  if (packet.lost != 0) block.option(kPacketLost, packet.lost);
  block.end_options();
}

}  // namespace pinion::daemon
