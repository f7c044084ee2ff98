// See clocked_nic.h.
#include "clocked_nic.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

namespace pinion::test {
namespace {

ClockedNic* the_nic = nullptr;

// Stays with the port's number, whoever has it later.
uint16_t put_stamps(uint16_t port_id, uint16_t, rte_mbuf** mbufs, uint16_t n, uint16_t, void*) {
  if (the_nic == nullptr || !the_nic->is_stamped(port_id)) return n;
  const int offset = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, nullptr);
  const int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, nullptr);
  if (offset < 0 || bit < 0) std::abort();
  for (uint16_t i = 0; i < n; ++i) {
    *RTE_MBUF_DYNFIELD(mbufs[i], offset, rte_mbuf_timestamp_t*) = the_nic->stamp();
    mbufs[i]->ol_flags |= uint64_t{1} << bit;
  }
  return n;
}

}  // namespace

ClockedNic::ClockedNic(Counter of) : counter(std::move(of)) {
  if (std::exchange(the_nic, this) != nullptr) std::abort();
}
ClockedNic::~ClockedNic() { the_nic = nullptr; }

void ClockedNic::stamps(uint16_t port_id, Counter of) {
  stamp = std::move(of), stamped_ = port_id;
  if (rte_eth_add_rx_callback(port_id, 0, put_stamps, nullptr) == nullptr) std::abort();
}

extern "C" {

int __real_rte_eth_dev_info_get(uint16_t port_id, rte_eth_dev_info* info);
int __real_rte_eth_dev_configure(uint16_t port_id, uint16_t rx, uint16_t tx,
                                 const rte_eth_conf* conf);
int __real_rte_eth_read_clock(uint16_t port_id, uint64_t* clock);

int __wrap_rte_eth_dev_info_get(uint16_t port_id, rte_eth_dev_info* info);
int __wrap_rte_eth_dev_configure(uint16_t port_id, uint16_t rx, uint16_t tx,
                                 const rte_eth_conf* conf);
int __wrap_rte_eth_read_clock(uint16_t port_id, uint64_t* clock);

int __wrap_rte_eth_dev_info_get(uint16_t port_id, rte_eth_dev_info* info) {
  const int status = __real_rte_eth_dev_info_get(port_id, info);
  if (the_nic != nullptr) info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_TIMESTAMP;
  return status;
}

// The device itself has never heard of it.
int __wrap_rte_eth_dev_configure(uint16_t port_id, uint16_t rx, uint16_t tx,
                                 const rte_eth_conf* conf) {
  rte_eth_conf known = *conf;
  known.rxmode.offloads &= ~RTE_ETH_RX_OFFLOAD_TIMESTAMP;
  if (the_nic != nullptr) {
    ++the_nic->configured;
    if (known.rxmode.offloads != conf->rxmode.offloads) {
      ++the_nic->asked;
      if (the_nic->starts_refused != 0) return --the_nic->starts_refused, -EINVAL;
    }
  }
  return __real_rte_eth_dev_configure(port_id, rx, tx, &known);
}

int __wrap_rte_eth_read_clock(uint16_t port_id, uint64_t* clock) {
  if (the_nic == nullptr) return __real_rte_eth_read_clock(port_id, clock);
  if (!the_nic->readable) return -ENOTSUP;
  *clock = the_nic->counter();
  return 0;
}

}  // extern "C"

}  // namespace pinion::test
