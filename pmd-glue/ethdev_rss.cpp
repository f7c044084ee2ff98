// How a device spreads what it receives over its queues: asked of it when it runs, never assumed.
// A driver that does not answer, or answers what cannot be computed, "cannot say": the cores then
// hand over to each other what went astray.
#include <rte_ethdev.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "pmd-glue/ethdev_port.h"

namespace pinion {
namespace {

constexpr uint64_t kWhole = RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV4_UDP |
                            RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
constexpr size_t kKeyLeast = 40, kKeyMost = 256;  // bytes; addresses and ports of IPv6 need 40

uint8_t tuples_of(uint64_t hashed) {
  unsigned bits = 0;
  if (hashed & RTE_ETH_RSS_NONFRAG_IPV4_TCP) bits |= kRssTcp4;
  if (hashed & RTE_ETH_RSS_NONFRAG_IPV4_UDP) bits |= kRssUdp4;
  if (hashed & RTE_ETH_RSS_NONFRAG_IPV6_TCP) bits |= kRssTcp6;
  if (hashed & RTE_ETH_RSS_NONFRAG_IPV6_UDP) bits |= kRssUdp6;
  return static_cast<uint8_t>(bits);
}

// Queue by the low bits of the hash; empty: it cannot be known.
std::vector<uint16_t> table_of(uint16_t port_id, uint16_t entries, uint32_t queues) {
  if (entries == 0 || !std::has_single_bit(entries)) return {};
  std::vector<rte_eth_rss_reta_entry64> groups(
      (entries + RTE_ETH_RETA_GROUP_SIZE - 1u) / RTE_ETH_RETA_GROUP_SIZE);
  for (rte_eth_rss_reta_entry64& g : groups) g.mask = UINT64_MAX;
  if (rte_eth_dev_rss_reta_query(port_id, groups.data(), entries) != 0) return {};
  std::vector<uint16_t> table(entries);
  for (size_t i = 0; i < entries; ++i)
    table[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
  const bool all_ours = *std::max_element(table.begin(), table.end()) < queues;
  return all_ours ? table : std::vector<uint16_t>{};
}

}  // namespace

// What is asked for: addresses and ports of whole packets, and the addresses of all others.
uint64_t EthdevPort::rss_wanted(uint64_t offered) {
  constexpr uint64_t kAddresses = RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_IPV6 |
                                  RTE_ETH_RSS_FRAG_IPV6;
  return offered & (kWhole | kAddresses);
}

void EthdevPort::ask_rss() {
  rte_eth_dev_info info{};
  if (rte_eth_dev_info_get(port_id_, &info) != 0) return;
  const size_t key_bytes = info.hash_key_size != 0 ? info.hash_key_size : kKeyLeast;
  if (key_bytes < kKeyLeast || key_bytes > kKeyMost) return;
  Rss rss;
  rss.key.resize(key_bytes);
  rte_eth_rss_conf conf{};
  conf.rss_key = rss.key.data();
  conf.rss_key_len = static_cast<uint8_t>(std::min<size_t>(key_bytes, UINT8_MAX));
  if (rte_eth_dev_rss_hash_conf_get(port_id_, &conf) != 0) return;
  rss.table = table_of(port_id_, info.reta_size, capabilities_.queues);
  const bool zero = std::all_of(rss.key.begin(), rss.key.end(), [](uint8_t b) { return b == 0; });
  if (rss.table.empty() || zero) return;
  rss.tuples = tuples_of(conf.rss_hf);
  capabilities_.rss = std::move(rss);
}

}  // namespace pinion
