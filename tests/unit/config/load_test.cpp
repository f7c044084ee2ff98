// Files that must load, value by value, and pieces of files that must not crash. The examples that
// ship with the project are read from the source tree.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <tuple>

#include "config/config.h"

namespace pinion::config {
namespace {

std::filesystem::path example(const std::string& name) {
  return std::filesystem::path(PINION_SOURCE_DIR) / "config" / "examples" / name;
}

std::string contents(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Lookups known_accounts() {
  return {[](const std::string& name) -> std::optional<uint32_t> {
            if (name == "root") return 0;
            if (name == "trader") return 1001;
            return std::nullopt;
          },
          [](const std::string& name) -> std::optional<uint32_t> {
            if (name == "trading") return 2001;
            if (name == "tools") return 2002;
            return std::nullopt;
          }};
}

Config loaded(const std::string& name) {
  Config config;
  std::vector<ConfigError> errors;
  EXPECT_EQ(load_file(example(name), config, errors, known_accounts()), 0) << format_errors(errors);
  EXPECT_TRUE(errors.empty());
  return config;
}

constexpr std::string_view kSmallest =
    "version: 1\n"
    "cores: [{name: c, cpu: 1}]\n"
    "nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24]}]\n";

TEST(ConfigLoad, VethExampleHostAndCores) {
  const Config config = loaded("veth.yaml");
  EXPECT_EQ(config.instance, "veth-a");
  EXPECT_EQ(config.host.hugepages_mb, 512u);
  EXPECT_TRUE(config.host.lock_memory);
  EXPECT_EQ(config.host.control_socket.path, "/run/pinion/control.sock");
  EXPECT_EQ(config.host.control_socket.mode, 0660u);
  EXPECT_EQ(config.host.control_socket.group, "trading");
  EXPECT_EQ(config.host.control_socket.gid, 2001u);
  EXPECT_EQ(config.host.doctor, Doctor::require);
  ASSERT_EQ(config.cores.size(), 1u);
  EXPECT_EQ(config.cores[0].name, "core0");
  EXPECT_EQ(config.cores[0].cpu, 2u);
  EXPECT_TRUE(config.cores[0].idle.busy);
  EXPECT_EQ(config.log.level, LogLevel::info);
  EXPECT_EQ(config.log.format, LogFormat::json);
}

TEST(ConfigLoad, VethExampleNics) {
  const Config config = loaded("veth.yaml");
  ASSERT_EQ(config.nics.size(), 2u);
  const Nic& md = config.nics[0];
  EXPECT_EQ(md.name, "md_a");
  EXPECT_EQ(md.device.vdev, "net_af_packet0,iface=veth0");
  EXPECT_EQ(md.core_indices, (std::vector<size_t>{0}));
  EXPECT_EQ(md.vlan_id, 0u);
  EXPECT_EQ(md.mtu_bytes, 1500u);
  EXPECT_EQ(md.rx_descriptors, 2048u);
  EXPECT_EQ(md.tx_descriptors, 512u);
  EXPECT_TRUE(md.tso);
  EXPECT_EQ(md.rx_timestamps, Timestamps::hardware_or_software);
  const Nic& orders = config.nics[1];
  EXPECT_EQ(orders.core_indices, (std::vector<size_t>{0}));
  EXPECT_EQ(orders.vlan_id, 141u);
  EXPECT_EQ(orders.rx_descriptors, 1024u);
  ASSERT_EQ(orders.addresses.size(), 2u);
  EXPECT_EQ(orders.addresses[0], (Prefix{ipv4(10, 20, 0, 5), 24}));
  EXPECT_EQ(orders.addresses[1], (Prefix{ipv4(10, 20, 1, 5), 24}));
}

TEST(ConfigLoad, WhoseReceiveTimes) {
  for (const auto& [text, wanted] :
       {std::pair{"{rx: software}", Timestamps::software},
        {"{rx: hardware_or_software}", Timestamps::hardware_or_software},
        {"{rx: hardware}", Timestamps::hardware},
        {"{}", Timestamps::hardware_or_software}}) {
    Config config;
    std::vector<ConfigError> errors;
    ASSERT_EQ(load(std::string("version: 1\ncores: [{name: a, cpu: 2}]\nnics:\n  - {name: x, "
                               "device: {vdev: net_null0}, core: a, addresses: [10.0.0.1/24], "
                               "timestamps: ") +
                       text + "}\n",
                   "f", config, errors),
              0);
    EXPECT_EQ(config.nics[0].rx_timestamps, wanted) << text;
  }
}

TEST(ConfigLoad, APhysicalNic) {
  Config config;
  std::vector<ConfigError> errors;
  ASSERT_EQ(load("version: 1\n"
                 "cores: [{name: a, cpu: 2}]\n"
                 "nics:\n"
                 "  - {name: x, device: {pci: 0000:3b:1f.7, binding: bifurcated}, core: a, "
                 "addresses: [10.0.0.1/24]}\n",
                 "f", config, errors),
            0)
      << format_errors(errors);
  EXPECT_EQ(config.nics[0].device.pci, "0000:3b:1f.7");
  EXPECT_EQ(config.nics[0].device.binding, Binding::bifurcated);
  EXPECT_EQ(config.nics[0].device.vdev, "");
  for (const char* wrong : {"0000:3b:20.0", "0000:3b:00.8", "3b:00.0", "0000:3b:00.0,x", "\"\""}) {
    const std::string text = std::string(
                                 "version: 1\ncores: [{name: a, cpu: 2}]\n"
                                 "nics: [{name: x, device: {pci: ") +
                             wrong + ", binding: vfio-pci}, core: a, addresses: [10.0.0.1/24]}]\n";
    EXPECT_EQ(load(text, "f", config, errors), -EINVAL) << wrong;
  }
}

TEST(ConfigLoad, TheEndsOfEachRangeOfFragments) {
  for (const auto& [max, share, ms] : {std::tuple(0u, 1u, 10u), {256u, 256u, 120'000u}}) {
    Config config;
    std::vector<ConfigError> errors;
    const std::string text =
        "version: 1\ncores: [{name: a, cpu: 2}]\n"
        "nics: [{name: x, device: {vdev: net_null0}, core: a, addresses: [10.0.0.1/24]}]\n"
        "ipv4: {reassembly_max: " +
        std::to_string(max) + ", reassembly_per_source_max: " + std::to_string(share) +
        ", reassembly_timeout_ms: " + std::to_string(ms) + "}\n";
    ASSERT_EQ(load(text, "f", config, errors), 0) << format_errors(errors);
    EXPECT_EQ(config.ipv4.reassembly_max, max);
    EXPECT_EQ(config.ipv4.reassembly_per_source_max, share);
    EXPECT_EQ(config.ipv4.reassembly_timeout_ms, ms);
  }
}

TEST(ConfigLoad, ABackup) {
  Config config;
  std::vector<ConfigError> errors;
  ASSERT_EQ(load("version: 1\n"
                 "cores: [{name: a, cpu: 2}]\n"
                 "nics:\n"
                 "  - {name: x, device: {pci: 0000:3b:00.0, binding: vfio-pci}, backup: {pci: "
                 "0000:5e:00.0, binding: bifurcated}, core: a, addresses: [10.0.0.1/24]}\n"
                 "  - {name: y, device: {vdev: net_null0}, core: a, addresses: [10.0.1.1/24]}\n",
                 "f", config, errors),
            0)
      << format_errors(errors);
  ASSERT_TRUE(config.nics[0].backup);
  EXPECT_EQ(config.nics[0].backup->pci, "0000:5e:00.0");
  EXPECT_EQ(config.nics[0].backup->binding, Binding::bifurcated);
  EXPECT_FALSE(config.nics[1].backup);
  const std::vector<Device> all = all_devices(config);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].pci, "0000:3b:00.0");
  EXPECT_EQ(all[1].pci, "0000:5e:00.0");
  EXPECT_EQ(all[2].vdev, "net_null0");
}

TEST(ConfigLoad, ANicBelongsToTheCoreItNames) {
  Config config;
  std::vector<ConfigError> errors;
  ASSERT_EQ(load("version: 1\n"
                 "cores: [{name: a, cpu: 2}, {name: b, cpu: 3}]\n"
                 "nics:\n"
                 "  - {name: x, device: {vdev: net_null0}, core: b, addresses: [10.0.0.1/24]}\n"
                 "  - {name: y, device: {vdev: net_null1}, core: a, addresses: [10.0.1.1/24]}\n",
                 "f", config, errors),
            0)
      << format_errors(errors);
  EXPECT_EQ(config.cores[1].cpu, 3u);
  EXPECT_EQ(config.nics[0].core_indices, (std::vector<size_t>{1}));
  EXPECT_EQ(config.nics[1].core_indices, (std::vector<size_t>{0}));
}

TEST(ConfigLoad, ANicOfSeveralCoresAndTheSessionsHomes) {
  Config config;
  std::vector<ConfigError> errors;
  ASSERT_EQ(load("version: 1\n"
                 "cores: [{name: a, cpu: 2}, {name: b, cpu: 3}]\n"
                 "nics:\n"
                 "  - {name: x, device: {vdev: net_null0}, cores: [b, a], addresses: "
                 "[10.0.0.1/24]}\n"
                 "  - {name: y, device: {vdev: net_null1}, cores: [b], addresses: [10.0.1.1/24]}\n"
                 "sessions: [{uid: 0}, {uid: 1, core: b}]\n",
                 "f", config, errors),
            0)
      << format_errors(errors);
  EXPECT_EQ(config.nics[0].cores, (std::vector<std::string>{"b", "a"}));
  EXPECT_EQ(config.nics[0].core_indices, (std::vector<size_t>{1, 0}));
  EXPECT_EQ(config.nics[1].core_indices, (std::vector<size_t>{1}));
  EXPECT_EQ(config.sessions[0].core_index, 0u);
  EXPECT_EQ(config.sessions[1].core_index, 1u);
}

// What load says of two policies with these grants, on NICs of so many cores.
std::string about_grants(const std::string& first, const std::string& second, bool shared = true) {
  Config config;
  std::vector<ConfigError> errors;
  (void)load("version: 1\n"
       "cores: [{name: a, cpu: 2}, {name: b, cpu: 3}]\n"
       "nics: [{name: x, device: {vdev: net_null0}, " +
           std::string(shared ? "cores: [a, b]" : "core: a") +
           ", addresses: [10.0.0.1/24, 10.0.0.2/24]}]\n"
           "sessions:\n"
           "  - {uid: 0, bind: [" +
           first + "]}\n  - {uid: 1, bind: [" + second + "]}\n",
       "f", config, errors);
  return format_errors(errors);
}

// A grant that the policy's core cannot keep is said, and is no error: a session may ask for
// another.
TEST(ConfigLoad, AGrantOfAnAddressThatThePolicysCoreHasNotIsAWarning) {
  const auto warned = [](const std::string& session) {
    Config config;
    std::vector<ConfigError> errors;
    EXPECT_EQ(load("version: 1\n"
                   "cores: [{name: a, cpu: 2}, {name: b, cpu: 3}]\n"
                   "nics:\n"
                   "  - {name: x, device: {vdev: net_null0}, core: a, addresses: [10.0.0.1/24]}\n"
                   "  - {name: y, device: {vdev: net_null1}, cores: [a, b], addresses: "
                   "[10.1.0.1/24, \"2001:db8::1/64\"]}\n"
                   "sessions:\n"
                   "  - {uid: 0, " +
                       session + "}\n",
                   "f", config, errors),
              0)
        << format_errors(errors);
    return format_errors(config.warnings);
  };
  EXPECT_EQ(warned("bind: [\"10.0.0.1:7000\"]"), "") << "the first core is its";
  EXPECT_EQ(warned("core: a, bind: [\"10.0.0.1:7000\", \"10.1.0.1:1\"]"), "");
  EXPECT_EQ(warned("core: b, bind: [\"*:7000\", \"239.1.2.3:5\", \"[2001:db8::1]:1\"]"), "");
  EXPECT_EQ(warned("core: b, bind: [\"10.1.0.1:7000\", \"10.0.0.1:7000-7009\"]"),
            "f:7:47: 'bind' 10.0.0.1 is an address of NIC 'x', which core 'b' of this policy does "
            "not poll: only sessions that ask for core 'a' can bind it; expected an address of "
            "core 'b', or core 'a'\n");
}

TEST(ConfigLoad, OfANicOfSeveralCoresNobodyIsGrantedEphemeralPorts) {
  EXPECT_EQ(about_grants("\"*:1-32767\"", "\"*:61000-65535\""), "");
  EXPECT_EQ(about_grants("\"*:7000-7009\"", "\"*:7009\""), "");
  EXPECT_EQ(about_grants("\"*:7000-7009\"", "\"*:60999\"", false), "");
  EXPECT_EQ(about_grants("\"*:32768\"", "\"*:7000\""),
            "f:5:21: 'bind' 32768-32768 meets the ephemeral ports 32768-60999; expected none of "
            "them, since a NIC has several cores and there are several policies\n");
}

TEST(ConfigLoad, VethExampleRoutesAndNeighbours) {
  const Config config = loaded("veth.yaml");
  ASSERT_EQ(config.routes.size(), 2u);
  EXPECT_EQ(config.routes[0].prefix, (Prefix{ipv4(0, 0, 0, 0), 0}));
  EXPECT_EQ(config.routes[0].via, ipv4(10, 20, 0, 1));
  EXPECT_EQ(config.routes[0].nic_index, 1u);
  EXPECT_EQ(config.routes[1].prefix, (Prefix{ipv4(10, 30, 0, 0), 16}));
  EXPECT_EQ(config.routes[1].nic_index, 0u);
  ASSERT_EQ(config.neighbours.size(), 2u);
  EXPECT_EQ(config.neighbours[0].address, ipv4(10, 20, 0, 1));
  EXPECT_EQ(config.neighbours[0].mac, (Mac{{2, 0, 0, 0, 0, 1}}));
  EXPECT_EQ(config.neighbours[0].nic, "");
  EXPECT_EQ(config.neighbours[0].nic_index, 1u);  // found by its prefix
  EXPECT_EQ(config.neighbours[1].nic_index, 0u);
}

TEST(ConfigLoad, VethExampleSessionsAndLimits) {
  const Config config = loaded("veth.yaml");
  EXPECT_EQ(config.udp.receive_backlog_max, 4096u);
  ASSERT_EQ(config.sessions.size(), 2u);
  const Session& trader = config.sessions[0];
  EXPECT_EQ(trader.who, Who::user);
  EXPECT_EQ(trader.name, "trader");
  EXPECT_EQ(trader.id, 1001u);
  EXPECT_EQ(trader.attaches_per_s_max, 1000u);
  EXPECT_EQ(trader.sockets_max, 1024u);
  EXPECT_EQ(trader.memory_mb, 256u);
  EXPECT_EQ(trader.request_queues_max, 2048u);
  ASSERT_EQ(trader.bind.size(), 2u);
  EXPECT_EQ(trader.bind[0], (BindGrant{ipv4(10, 20, 0, 5), {7000, 7999}}));
  EXPECT_EQ(trader.bind[1], (BindGrant{std::nullopt, {9000, 9000}}));
  ASSERT_EQ(trader.groups.size(), 2u);
  EXPECT_EQ(trader.groups[0], (Prefix{ipv4(239, 1, 0, 0), 16}));
  EXPECT_EQ(trader.groups[1], (Prefix{ipv4(232, 1, 2, 3), 32}));
  EXPECT_EQ(trader.joins_max, 16u);
  EXPECT_TRUE(config.sessions[1].groups.empty());
  EXPECT_EQ(config.sessions[1].joins_max, 64u);
  EXPECT_EQ(config.igmp.version, 3);
  EXPECT_EQ(config.igmp.robustness, 2);
  EXPECT_EQ(config.igmp.groups_max, 256u);
  EXPECT_EQ(config.igmp.joins_max, 4096u);
  EXPECT_EQ(config.sessions[1].who, Who::group);
  EXPECT_EQ(config.sessions[1].id, 2002u);
  EXPECT_EQ(config.sessions[1].sessions_max, 2u);
  EXPECT_EQ(config.sessions[1].requests_per_pass, 16u);
  EXPECT_EQ(config.limits.hot_queues_max, 64u);
  EXPECT_EQ(config.limits.defer_max_us, 50u);
  EXPECT_EQ(config.limits.rx_burst, 32u);
  EXPECT_EQ(config.limits.copy_bytes, 512u);
  EXPECT_EQ(config.limits.work_units_max, 4096u);
  EXPECT_EQ(config.limits.core_silent_ms, 1000u);
}

TEST(ConfigLoad, LaptopExample) {
  const Config config = loaded("laptop.yaml");
  EXPECT_EQ(config.host.hugepages_mb, 0u);
  EXPECT_FALSE(config.host.lock_memory);
  EXPECT_EQ(config.host.doctor, Doctor::warn);
  EXPECT_TRUE(config.host.drop_capabilities);
  EXPECT_TRUE(config.host.filter_system_calls);
  ASSERT_EQ(config.cores.size(), 1u);
  EXPECT_FALSE(config.cores[0].idle.busy);
  EXPECT_EQ(config.cores[0].idle.sleep_after_us, 200u);
  EXPECT_EQ(config.cores[0].idle.nap_us, 50u);
  EXPECT_EQ(config.nics.size(), 1u);
}

TEST(ConfigLoad, SmallestFileHasTheDefaults) {
  Config config;
  std::vector<ConfigError> errors;
  ASSERT_EQ(load(kSmallest, "f", config, errors), 0) << format_errors(errors);
  EXPECT_EQ(config.instance, "pinion");
  EXPECT_EQ(config.host.hugepages_mb, 0u);
  EXPECT_EQ(config.nics[0].mtu_bytes, 1500u);
  EXPECT_TRUE(config.cores[0].idle.busy);
  EXPECT_TRUE(config.sessions.empty());
}

TEST(ConfigLoad, AcceptsWhatYamlAllows) {
  const std::string quoted_and_marked =
      "---  # one document may be marked\r\n\"version\": 1\r\n" +
      std::string(kSmallest.substr(kSmallest.find('\n') + 1)) +
      "instance: 'on'\nhost: {doctor: off}\nsessions: [{uid: 1000}]\n...\n";
  Config config;
  std::vector<ConfigError> errors;
  ASSERT_EQ(load(quoted_and_marked, "f", config, errors), 0) << format_errors(errors);
  EXPECT_EQ(config.instance, "on");
  EXPECT_EQ(config.host.doctor, Doctor::off);
  EXPECT_EQ(config.sessions[0].id, 1000u);
}

TEST(ConfigLoad, PointToPointNetworksHaveTwoHosts) {  // RFC 3021 section 2.1
  const std::string text =
      "version: 1\n"
      "cores: [{name: c, cpu: 1}]\n"
      "nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.0/31]}]\n"
      "routes: [{prefix: 0.0.0.0/0, via: 10.0.0.1, nic: n}]\n";
  Config config;
  std::vector<ConfigError> errors;
  EXPECT_EQ(load(text, "f", config, errors), 0) << format_errors(errors);
}

TEST(ConfigLoad, FailureLeavesOutAlone) {
  Config config;
  config.instance = "before";
  std::vector<ConfigError> errors;
  EXPECT_EQ(load("version: 2\n", "f", config, errors), -EINVAL);
  EXPECT_EQ(config.instance, "before");
  ASSERT_EQ(load(kSmallest, "f", config, errors), 0);
  EXPECT_TRUE(errors.empty());
}

TEST(ConfigLoad, EveryTruncationEnds) {
  for (const char* name : {"laptop.yaml", "veth.yaml"}) {
    const std::string text = contents(example(name));
    ASSERT_FALSE(text.empty());
    for (size_t length = 0; length <= text.size(); ++length) {
      Config config;
      std::vector<ConfigError> errors;
      const int result = load(std::string_view(text).substr(0, length), "f", config, errors);
      EXPECT_EQ(result == 0, errors.empty()) << name << " cut at " << length;
      EXPECT_TRUE(result == 0 || result == -EINVAL) << name << " cut at " << length;
    }
  }
}

TEST(ConfigLoad, EveryByteReplacedEnds) {
  const std::string text = contents(example("veth.yaml"));
  for (const char replacement : {'[', '}', '"', ':', '\n', '*', '!', '\0', '\xff'}) {
    for (size_t i = 0; i < text.size(); ++i) {
      std::string changed = text;
      changed[i] = replacement;
      Config config;
      std::vector<ConfigError> errors;
      const int result = load(changed, "f", config, errors);
      EXPECT_EQ(result == 0, errors.empty()) << replacement << " at " << i;
    }
  }
}

// A megabyte of one construct: the depth of recursion and the number of errors stay bounded.
TEST(ConfigLoad, HostileMegabytesEnd) {
  for (const std::string_view piece :
       {"[",    "{",   "- ",     "? ",     "{a: ", "[{",  ": ",  "a: [\n", "\"",  "'",
        "|\n",  "a\n", "a: b\n", "x: 1\n", "&a ",  "*a ", "!a ", "---\n",  "%\n", "[a, ",
        "{a, ", ", ",  "]",      "#\n",    "a ",   "\n",  "\t",  "\x01\n"}) {
    std::string text;
    while (text.size() + piece.size() <= kFileBytesMax) text += piece;
    Config config;
    std::vector<ConfigError> errors;
    EXPECT_EQ(load(text, "f", config, errors), -EINVAL) << piece;
    EXPECT_FALSE(errors.empty()) << piece;
    EXPECT_LE(errors.size(), 1000u) << piece;
  }
}

TEST(ConfigLoad, UnreadableFileSaysWhy) {
  Config config;
  std::vector<ConfigError> errors;
  EXPECT_EQ(load_file("/nowhere/piniond.yaml", config, errors), -ENOENT);
  EXPECT_EQ(format_errors(errors),
            "/nowhere/piniond.yaml:1:1: cannot be read: No such file or directory\n");
  EXPECT_EQ(load_file("/", config, errors), -EISDIR);
  EXPECT_EQ(load_file("/dev/zero", config, errors), -EINVAL);  // stops at the limit
}

TEST(ConfigLoad, SystemLookupsKnowRoot) {
  const Lookups lookups = system_lookups();
  EXPECT_EQ(lookups.user("root"), 0u);
  EXPECT_EQ(lookups.group("root"), 0u);
  EXPECT_FALSE(lookups.user("no-such-user-here"));
}

}  // namespace
}  // namespace pinion::config
