// The gateway's configuration (README.md beside this file: every key). load.h reads it from a file.
// What is compared when only the risk limits may change (load_risk()) has ==.
// Secrets never stand in the file: it names the environment variables that hold them.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "base/types.h"
#include "gateway/fix/dictionary.h"
#include "gateway/journal/journal.h"
#include "gateway/net/network.h"
#include "gateway/risk/limits.h"

namespace pinion::gateway {

enum class Transport : uint8_t { attach, embed, kernel };

struct StackConfig {
  Transport transport = Transport::attach;
  std::string path = "/run/pinion/control.sock";  // embed: a piniond.yaml; kernel: empty
  bool operator==(const StackConfig&) const = default;
};

// A NIC by its name in the daemon's configuration, and its address.
struct NicAddress {
  std::string name, address;
  bool operator==(const NicAddress&) const = default;
};

struct LineConfig {
  std::string nic, address;   // the NIC's name, and its address (from `nics`)
  std::string group, source;  // source empty: any
  uint16_t port = 0;
  bool operator==(const LineConfig&) const = default;
};

enum class OnStaleBook : uint8_t { reject_new, cancel_all };

struct SnapshotConfig {
  Endpoint server;  // empty: none
  std::string user_env, password_env;
  bool operator==(const SnapshotConfig&) const = default;
};

struct MarketDataConfig {
  std::vector<LineConfig> lines;  // one or two: A, B
  uint32_t reorder_window_messages = 32'768;
  Nanos gap_wait = 200 * kMicro;
  std::vector<Endpoint> retransmit_servers;
  Nanos retransmit_timeout = 50 * kMilli;
  uint32_t retransmit_attempts = 3;
  SnapshotConfig snapshot;
  Nanos line_silence = 3 * kSecond;
  std::vector<std::string> symbols;
  OnStaleBook on_stale_book = OnStaleBook::reject_new;
  bool operator==(const MarketDataConfig&) const = default;
};

struct OrderEntryConfig {
  Endpoint server;
  std::string nic, address;
  std::string username_env, password_env, firm;
  Nanos heartbeat = kSecond, peer_timeout = 15 * kSecond;
  Nanos reconnect_first = 100 * kMilli, reconnect_max = 5 * kSecond;
  int64_t orders_per_s = 5'000, burst_orders = 200;  // of all sessions; beyond it: rejected
  bool operator==(const OrderEntryConfig&) const = default;
};

struct VenueConfig {
  std::string name;
  MarketDataConfig market_data;
  OrderEntryConfig order_entry;
  bool operator==(const VenueConfig&) const = default;
};

struct ScheduleTimes {
  bool set = false;
  std::string zone;                // a name of tzdata
  int64_t start_s = 0, end_s = 0;  // of the local day
  bool operator==(const ScheduleTimes&) const = default;
};

struct ClientConfig {
  std::string name;
  fix::Version version = fix::Version::fix42;
  bool drop_copy = false;
  std::string nic, address;
  uint16_t port = 0;
  std::string sender_comp_id, target_comp_id;
  uint32_t heartbeat_s = 30;
  ScheduleTimes schedule;
  bool reset_on_logon = false;
  bool cancel_on_disconnect = true;
  Nanos cancel_grace = 0;
  size_t store_bytes = size_t{256} << 20;  // of messages that can be sent again, of a day
  std::string risk;                        // the profile's name; a drop copy has none
  bool operator==(const ClientConfig&) const = default;
};

struct RiskProfile {
  std::string name;
  risk::Limits limits;
  std::vector<std::string> restricted_symbols;
};

struct RiskFileConfig {
  uint64_t revision = 0;
  std::vector<RiskProfile> profiles;
  std::string kill_file;
  bool kill_cancels_open_orders = true;
};

struct MetricsConfig {
  Endpoint listen;  // port 0: none
  bool operator==(const MetricsConfig&) const = default;
};

struct Config {
  std::string instance = "gateway";
  StackConfig stack;
  std::vector<NicAddress> nics;
  int cpu = -1;           // -1: wherever
  bool spin = true;       // false: the polling thread naps when nothing happens
  std::string state_dir;  // the FIX sessions' stores, the control socket
  uint32_t orders_per_day_max = 1u << 20;
  uint32_t open_orders_max = 4096;
  VenueConfig venue;
  std::vector<ClientConfig> clients;
  RiskFileConfig risk;
  journal::JournalConfig journal;
  MetricsConfig metrics;
};

}  // namespace pinion::gateway
