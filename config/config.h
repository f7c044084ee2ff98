// The daemon's configuration as plain structs, and load(): YAML text in; values, or every error
// with its line and column, out. Called by the daemon and by hosts that embed the stack, at start.
// Ranges and defaults of all keys are in config/README.md.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/parse.h"

namespace pinion::config {

inline constexpr size_t kFileBytesMax = 1u << 20;
inline constexpr int kDepthMax = 16;  // mappings and lists inside each other
inline constexpr uint64_t kVersion = 1;

struct ControlSocket {
  std::string path = "/run/pinion/control.sock";
  uint32_t mode = 0660;
  std::string group;            // empty: the daemon's own
  std::optional<uint32_t> gid;  // of group, when it was looked up
};

enum class Doctor : uint8_t { require, warn, off };

struct Host {
  uint32_t hugepages_mb = 0;  // 0: ordinary pages
  bool lock_memory = true;
  ControlSocket control_socket;
  Doctor doctor = Doctor::require;
  bool drop_capabilities = true;    // once the ports are open
  bool filter_system_calls = true;  // to those that are needed then
};

struct Idle {
  bool busy = true;             // never sleeps; the two below do not matter
  uint32_t sleep_after_us = 0;  // without work
  uint32_t nap_us = 50;         // one sleep, when a port of this core cannot wake it
};

struct Core {
  std::string name;
  uint32_t cpu = 0;
  Idle idle;
};

// How a physical NIC comes to the daemon: its Linux driver replaced by vfio-pci, or beside it.
enum class Binding : uint8_t { vfio_pci, bifurcated };

// Exactly one of the two is not empty.
struct Device {
  std::string vdev;                     // name and arguments, as DPDK writes them
  std::string pci;                      // as Linux writes it, 0000:3b:00.0
  Binding binding = Binding::vfio_pci;  // of pci
};

// Whose receive times applications see: hardware is refused at the start where there is none.
enum class Timestamps : uint8_t { software, hardware_or_software, hardware };

struct Nic {
  std::string name;
  Device device;
  std::optional<Device> backup;  // works while `device` has no link, and on from there
  // Who polls it: the i-th has its queue i. One, of `core`, or all that there are, of `cores`.
  std::vector<std::string> cores;
  std::vector<size_t> core_indices;  // of these, in Config::cores
  std::vector<Prefix> addresses;
  uint16_t vlan_id = 0;  // 0: untagged
  uint16_t mtu_bytes = 1500;
  bool tso = true;  // it cuts what TCP sends into segments, if it can
  Timestamps rx_timestamps = Timestamps::hardware_or_software;
  uint16_t rx_descriptors = 1024;
  uint16_t tx_descriptors = 512;
};

struct Route {
  Prefix prefix;
  Ip via;
  std::string nic;
  size_t nic_index = 0;  // in Config::nics
};

// Pinned: never changed by what the wire says.
struct Neighbour {
  Ip address;
  Mac mac;
  std::string nic;       // empty in the file: found by the address
  size_t nic_index = 0;  // in Config::nics
};

struct Udp {
  uint32_t receive_backlog_max = 4096;
};

// Multicast, of a core.
struct Igmp {
  uint8_t version = 3;
  uint8_t robustness = 2;
  uint32_t groups_max = 1024;
  uint32_t joins_max = 4096;
};

enum class Congestion : uint8_t { newreno, cubic };

// Defaults of what a socket may set, and limits of a core.
struct Tcp {
  uint32_t connections_max = 4096;
  uint32_t initial_rto_ms = 1000;
  uint32_t min_rto_ms = 5;
  uint32_t max_rto_ms = 60000;
  uint32_t delayed_ack_us = 20;  // 0: none
  bool nagle = false;
  Congestion congestion = Congestion::cubic;
  uint32_t msl_s = 60;
  uint32_t fin_wait_2_s = 60;
  uint32_t receive_buffer_bytes = 262144;
  uint32_t keepalive_s = 0;  // 0: off
  uint32_t keepalive_interval_s = 75;
  uint32_t keepalive_count = 9;
  uint32_t user_timeout_s = 900;
  uint32_t connect_timeout_s = 180;
  uint32_t syn_queue_max = 512;
  bool syn_cookies = true;
  uint32_t listen_backlog_max = 4096;
  uint16_t min_mss_bytes = 64;
};

enum class Who : uint8_t { user, uid, group };

// Who may attach, and how much of a core each may have.
struct Session {
  Who who = Who::user;
  std::string name;            // of the user or group; empty for a uid
  std::optional<uint32_t> id;  // uid or gid: given, or looked up
  uint32_t sessions_max = 8;
  uint32_t attaches_per_s_max = 1000;  // of each user
  uint32_t sockets_max = 1024;
  uint32_t memory_mb = 256;
  uint32_t requests_per_pass = 64;
  uint32_t request_queues_max = 2048;
  std::vector<BindGrant> bind;  // empty: ephemeral ports only
  std::vector<Prefix> groups;   // multicast groups that it may join
  uint32_t joins_max = 64;
  std::string core;       // empty: the first
  size_t core_index = 0;  // in Config::cores
};

struct Limits {
  uint32_t hot_queues_max = 64;
  uint32_t defer_max_us = 50;
  uint32_t rx_burst = 32;
  uint32_t copy_bytes = 512;
  uint32_t work_units_max = 4096;
  uint32_t core_silent_ms = 1000;
};

enum class LogLevel : uint8_t { error, warn, info, debug, trace };
enum class LogFormat : uint8_t { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
};

// Datagrams that come in fragments, of either family: the name is from when there was one.
struct Ipv4Section {
  uint32_t reassembly_max = 16;  // of a core, 65 KiB each; 0: fragments are dropped
  uint32_t reassembly_per_source_max = 4;
  uint32_t reassembly_timeout_ms = 1000;
};

struct ConfigError {
  std::string file;
  uint32_t line = 1, column = 1;  // both from 1; columns count bytes
  std::string message;            // what is wrong, and what was expected
};

struct Config {
  std::string instance = "pinion";
  Host host;
  std::vector<Core> cores;
  std::vector<Nic> nics;
  std::vector<Route> routes;
  std::vector<Neighbour> neighbours;
  Tcp tcp;
  Udp udp;
  Igmp igmp;
  Ipv4Section ipv4;
  std::vector<Session> sessions;
  Limits limits;
  Log log;
  std::vector<ConfigError> warnings;  // what works, but hardly as it was meant
};

// Every device of every NIC, the backups too.
std::vector<Device> all_devices(const Config& config);

// Turns names into ids; nothing when there is no such name. An empty function looks nothing up,
// and then every name is believed and its id stays empty.
struct Lookups {
  std::function<std::optional<uint32_t>(const std::string&)> user, group;
};

// The password and group files of this machine.
Lookups system_lookups();

// 0: out holds the configuration and errors is empty. -EINVAL: errors holds everything that is
// wrong, in the order of the file, and out is untouched. file_name is only for the errors.
[[nodiscard]] int load(std::string_view text, std::string_view file_name, Config& out,
                       std::vector<ConfigError>& errors, const Lookups& lookups = {});

// As load(); the errno of the open or read when the file cannot be read (errors says so, too).
[[nodiscard]] int load_file(const std::string& path, Config& out, std::vector<ConfigError>& errors,
                            const Lookups& lookups = {});

// One line an error, as compilers write them: "file:line:column: message\n".
std::string format_errors(const std::vector<ConfigError>& errors);

}  // namespace pinion::config
