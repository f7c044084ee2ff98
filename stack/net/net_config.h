// What Net is told once, at construction. Filled by a host from the configuration file, which has
// checked it; every limit is a number of things reserved then.
#pragma once
#include <string>
#include <vector>

#include "base/types.h"
#include "tcp/tcp_config.h"

namespace pinion {

class HandOver;
class Port;
class PortOwners;

struct InterfaceAddress {
  Ip address;
  uint8_t prefix_length = 24;
};

struct InterfaceConfig {
  std::string name;
  Port* port = nullptr;  // several interfaces may share one, by vlan_id
  std::vector<InterfaceAddress> addresses{};
  uint16_t vlan_id = 0;    // 0: untagged
  uint16_t mtu_bytes = 0;  // 0: the port's
  // The core that polls queue q of the NIC, each core of the Mesh once; or empty: its one queue is
  // this core's. The core of the first queue speaks for all: it announces addresses and looks
  // whether they are taken (DAD).
  std::vector<uint32_t> queue_cores{};
};

struct RouteConfig {
  Ip prefix;
  uint8_t prefix_length = 0;
  Ip via;  // 0: on-link
  uint32_t interface = 0;
};

// A pinned neighbour: nothing on the wire changes it.
struct NeighbourConfig {
  Ip address;
  Mac mac;
  uint32_t interface = 0;
};

// The cores that have queues of the same NICs: they hand over to each other what came to the wrong
// one. Everything else that a Net has is its own. On every core the interfaces of these NICs come
// first, in the same order; the secrets and the ephemeral range are the same.
struct Mesh {
  static constexpr uint32_t kCoresMax = 32;
  uint32_t core = 0, cores = 1;  // this one, of so many
  // By core, null for this one. This core pushes to `to` and takes out of `from`; the ring from a
  // to b is a's to[b] and b's from[a], and outlives both. Empty where cores is 1.
  std::vector<HandOver*> to{}, from{};
  PortOwners* owners = nullptr;  // one for all cores, which it outlives
};

struct NetConfig {
  std::vector<InterfaceConfig> interfaces;
  Mesh mesh{};
  std::vector<RouteConfig> routes;
  std::vector<NeighbourConfig> neighbours;

  uint32_t rx_burst = 32;  // frames a port and pass
  uint32_t tx_burst = 64;
  uint32_t tx_queue_max = 512;  // frames that wait for a port

  uint32_t neighbours_max = 1024;
  uint32_t neighbour_queue_max = 8;     // frames that wait for one neighbour
  uint32_t neighbour_parked_max = 512;  // frames that wait for any neighbour
  uint32_t owners_max = 1;              // sessions that have equal shares of these
  uint32_t arp_retries = 3;             // requests before a neighbour counts as failed
  Nanos arp_interval = kSecond;         // between two requests (RFC 1122 2.3.2.1: at most 1/s)
  Nanos neighbour_timeout = 60 * kSecond;
  uint32_t arp_replies_per_s = 1000;  // and answers of neighbour discovery
  // Questions before an address of IPv6 is used (RFC 4862 5.1, DupAddrDetectTransmits); 0: none.
  uint8_t dad_transmits = 1;
  uint32_t icmp_errors_per_s = 100;
  uint32_t icmp_echoes_per_s = 10'000;

  uint32_t reassembly_max = 16;            // datagrams in fragments, of 65 KiB each; 0: none
  uint32_t reassembly_per_source_max = 4;  // of these
  Nanos reassembly_timeout = kSecond;

  uint8_t igmp_version = 3;  // the newest that is spoken; older queriers are followed
  uint8_t igmp_robustness = 2;
  uint32_t igmp_groups_max = 1024;  // of all interfaces
  uint32_t igmp_joins_max = 4096;   // of all sockets
  uint32_t igmp_queries_per_s = 20;

  uint32_t udp_sockets_max = 65536;
  uint16_t ephemeral_first = 32768, ephemeral_last = 60999;
  TcpConfig tcp;
  uint64_t secret[2] = {0, 0};  // the root of all secrets (base/secret.h)
};

}  // namespace pinion
