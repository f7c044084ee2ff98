// The device's own times of what an EthdevPort received: whether it has any that can be placed on
// Pinion's clock, and the readings of its counter. ethdev_port.cpp reads the stamps.
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <ctime>

#include "pmd-glue/device_clock.h"
#include "pmd-glue/ethdev_device.h"
#include "pmd-glue/ethdev_port.h"
#include "pmd-glue/tsc_clock.h"

namespace pinion {
namespace {

constexpr int kReadings = 4;  // of which the tightest counts
constexpr unsigned kTicksWithinUs = 1000;

// Of the stamps of net_pcap, which it has from libpcap, and that from the kernel.
uint64_t realtime_us() {
  timespec t{};
  clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<uint64_t>(t.tv_sec) * 1'000'000 + static_cast<uint64_t>(t.tv_nsec) / 1000;
}

}  // namespace

// Stamps without a counter that can be read say nothing of Pinion's time: see ARCHITECTURE.md 9.
// net_pcap stamps unasked, by a clock that is known.
bool EthdevPort::choose_stamps(RxStamps wanted, const rte_eth_dev_info& info, uint64_t& offloads,
                               std::string& error) {
  stamp_source_ = StampSource::none;
  if (wanted == RxStamps::software) return true;
  const bool known = driver_ == "net_pcap";
  const bool offered = (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_TIMESTAMP) != 0;
  if (!known && !offered && wanted != RxStamps::device) return true;
  if (!known && !offered) return give_up_stamps(wanted, "the device has none", error);
  uint64_t now = 0;
  if (!known && rte_eth_read_clock(port_id_, &now) != 0)
    return give_up_stamps(wanted, "DPDK's " + driver_ + " does not read the device's clock", error);
  if (rte_mbuf_dyn_rx_timestamp_register(&stamp_offset_, &stamp_flag_) != 0)
    return give_up_stamps(wanted, "no room for them in DPDK's frames", error);
  stamp_source_ = known ? StampSource::realtime_us : StampSource::counter;
  if (!known) offloads |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
  return true;
}

// False, and why: there are none, and none but these will do.
bool EthdevPort::give_up_stamps(RxStamps wanted, const std::string& why, std::string& error) {
  stamp_source_ = StampSource::none;
  if (wanted == RxStamps::device) {
    error = "port " + std::to_string(port_id_) + ": no timestamps of received frames: " + why;
    return false;
  }
  unsupported_.push_back("rx timestamps (" + why + ")");
  return true;
}

// After the start, with which some counters begin.
bool EthdevPort::begin_stamps(RxStamps wanted, std::string& error) {
  if (stamp_source_ == StampSource::none) return true;
  uint64_t first = 0, second = 0;
  const bool before = read_counter(first);
  rte_delay_us_sleep(kTicksWithinUs);
  if (!before || !read_counter(second) || first == second)
    return give_up_stamps(wanted, "the device's clock stands still", error);
  whole_->clock = std::make_unique<DeviceClock>();
  stamp_clock_ = whole_->clock.get();
  return true;
}

bool EthdevPort::read_counter(uint64_t& out) const {
  if (stamp_source_ == StampSource::counter) return rte_eth_read_clock(port_id_, &out) == 0;
  out = realtime_us();
  return true;
}

void EthdevPort::calibrate() {
  if (stamp_clock_ == nullptr || clock_ == nullptr || stopped_) return;
  DeviceClock::Reading best;
  for (int i = 0; i < kReadings; ++i) {
    DeviceClock::Reading reading;
    reading.before = clock_->now();
    if (!read_counter(reading.counter)) return;  // the line grows stale
    reading.after = clock_->now();
    if (i == 0 || reading.width() < best.width()) best = reading;
  }
  whole_->clock->note(best);
}

}  // namespace pinion
