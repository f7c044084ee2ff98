// pcapng (draft-ietf-opsawg-pcapng), as far as a capture needs it: each appends one block to `out`,
// in this processor's byte order.
#pragma once
#include <string>
#include <string_view>

#include "port/capture_tap.h"

namespace pinion::daemon {

void put_section(std::string& out, std::string_view application);
// Numbered from 0 in their order. Ethernet, times in nanoseconds, packets whole.
void put_interface(std::string& out, std::string_view name);
// With its direction, and how many were lost before it. A tag that the port took off is back.
void put_packet(std::string& out, uint32_t interface, uint64_t realtime_ns,
                const CaptureTap::Packet& packet);

}  // namespace pinion::daemon
