// Two ports that carry each other's frames inside one process, over DPDK's net_ring.
#include "pmd-glue/ring_pair.h"

#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "pmd-glue/ethdev_device.h"

namespace pinion {
namespace {

rte_ring* make_ring(const std::string& name, uint16_t frames) {
  // Exact: as many frames as were asked for, not one less than the next power of two.
  return rte_ring_create(name.c_str(), frames, SOCKET_ID_ANY,
                         RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
}

int make_port(const std::string& name, rte_ring* rx, rte_ring* tx) {
  return rte_eth_from_rings(name.c_str(), &rx, 1, &tx, 1, rte_socket_id());
}

}  // namespace

RingPair::~RingPair() {
  for (rte_ring* ring : rings) {
    void* mbuf = nullptr;
    while (ring != nullptr && rte_ring_dequeue(ring, &mbuf) == 0) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
    }
  }
  pools.clear();
  for (rte_ring* ring : rings) rte_ring_free(ring);
}

EthdevPort::Pair EthdevPort::open_ring_pair(const PortConfig& config, std::string& error) {
  auto shared = std::make_shared<RingPair>();
  Pair pair;
  for (size_t i = 0; i < 2; ++i) {
    shared->rings[i] = make_ring(config.device + "_" + std::to_string(i), config.tx_descriptors);
    if (shared->rings[i] != nullptr) continue;
    error = "ring pair '" + config.device + "': no ring of " +
            std::to_string(config.tx_descriptors) + " frames (" + rte_strerror(rte_errno) + ")";
    return {};
  }
  for (size_t i = 0; i < 2; ++i) {
    const std::string name = config.device + "_" + std::to_string(i);
    const int port_id = make_port(name, shared->rings[i], shared->rings[1 - i]);
    if (port_id < 0) {
      error = "ring pair '" + config.device + "': no port (" + rte_strerror(rte_errno) + ")";
      return {};
    }
    auto& port = i == 0 ? pair.first : pair.second;
    const auto device = std::make_shared<EthdevDevice>(static_cast<uint16_t>(port_id), true);
    EthdevPort::Queues one;
    if (!open_id(device, config, 1, one, error)) return {};
    port = std::move(one.front());
    device->rings = shared;
  }
  return pair;
}

}  // namespace pinion
