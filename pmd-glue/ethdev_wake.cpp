// How an EthdevPort wakes the core that sleeps: by the receive interrupt of its queue, asked for
// before each sleep. Whether it comes is judged by who sleeps (host/port_wake.h).
#include <rte_ethdev.h>

#include <algorithm>
#include <cerrno>

#include "pmd-glue/ethdev_device.h"
#include "pmd-glue/ethdev_port.h"

namespace pinion {

namespace {
constexpr size_t kEarlyFrames = 32;
}

// At the start: most drivers that have none say so.
bool EthdevPort::try_rx_interrupt() {
  early_.reserve(kEarlyFrames);
  const int status = rte_eth_dev_rx_intr_enable(port_id_, queue_);
  if (status == 0) {
    rte_eth_dev_rx_intr_disable(port_id_, queue_);
    if (rte_eth_dev_rx_intr_ctl_q_get_fd(port_id_, queue_) >= 0) return true;
  }
  first_->note_unsupported("rx interrupt", status == 0 ? -ENODEV : status);
  return false;
}

// Under the device's lock: drivers change one mask for all queues, and each queue has another core.
int EthdevPort::arm() {
  if (!rx_interrupt_ || !may_enter()) return -1;
  rte_spinlock_lock(&whole_->interrupts);
  const int status = rte_eth_dev_rx_intr_enable(port_id_, queue_);
  rte_spinlock_unlock(&whole_->interrupts);
  return status == 0 ? rte_eth_dev_rx_intr_ctl_q_get_fd(port_id_, queue_) : -1;
}

void EthdevPort::disarm() {
  if (!may_enter()) return;
  rte_spinlock_lock(&whole_->interrupts);
  rte_eth_dev_rx_intr_disable(port_id_, queue_);
  rte_spinlock_unlock(&whole_->interrupts);
}

// Not every driver counts what is in its ring, but each gives it.
bool EthdevPort::waiting() {
  if (!early_.empty()) return true;
  early_.resize(kEarlyFrames);
  early_.resize(take(early_));
  return !early_.empty();
}

size_t EthdevPort::take_early(std::span<Frame*> out) {
  const size_t n = std::min(out.size(), early_.size());
  std::copy_n(early_.begin(), n, out.begin());
  early_.erase(early_.begin(), early_.begin() + static_cast<ptrdiff_t>(n));
  return n;
}

}  // namespace pinion
