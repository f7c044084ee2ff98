// EthdevDevice: what the ports of one device's queues share, with the device's own beginning and
// end. Only pmd-glue's ethdev_*.cpp and ring_pair.cpp know it.
#pragma once
#include <rte_spinlock.h>

#include <cstdint>
#include <memory>

#include "pmd-glue/device_clock.h"

struct rte_device;

namespace pinion {

struct RingPair;

struct EthdevDevice {
  EthdevDevice(uint16_t id, bool was_probed) : port_id(id), probed(was_probed) {}
  EthdevDevice(const EthdevDevice&) = delete;
  EthdevDevice& operator=(const EthdevDevice&) = delete;
  ~EthdevDevice() { close(); }
  // Stops and closes the device, once: by whichever port goes first, so that what the driver then
  // lets go of finds the others in place.
  void close();

  const uint16_t port_id;
  const bool probed;  // by us: it is taken away again
  bool started = false, closed = false;
  rte_spinlock_t interrupts = RTE_SPINLOCK_INITIALIZER;  // of all queues: drivers have one mask
  rte_device* device = nullptr;
  std::unique_ptr<DeviceClock> clock;  // of its receive timestamps, if they are used
  std::shared_ptr<RingPair> rings;  // of a ring pair: outlives both devices
};

}  // namespace pinion
