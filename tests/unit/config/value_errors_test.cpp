// Values that are well-formed and wrong: out of range, naming what is not there, or at odds with
// each other. All of it is exact text.
#include "expect_errors.h"

namespace pinion::config {
namespace {

TEST(ConfigErrors, ValuesOutOfRange) {
  expect_errors({
      {"host: 5", "4:7: 'host' is '5'; expected a mapping of keys"},
      {"host: {hugepages_mb: 3}",
       "4:22: 'hugepages_mb' is '3'; expected a multiple of 2, the size of a hugepage"},
      {"host: {hugepages_mb: 1048578}",
       "4:22: 'hugepages_mb' is '1048578'; expected a number from 0 to 1048576"},
      {"host: {hugepages: 2}",
       "4:8: unknown key 'hugepages' in 'host'; did you mean 'hugepages_mb'?"},
      {"host: {drop_capabilities: never}",
       "4:27: 'drop_capabilities' is 'never'; expected true or false"},
      {"host: {filter_system_calls: 1}",
       "4:29: 'filter_system_calls' is '1'; expected true or false"},
      {"host: {doctor: maybe}", "4:16: 'doctor' is 'maybe'; expected one of: require, warn, off"},
      {"host: {control_socket: {mode: 0660}}",
       "4:31: 'mode' is '0660'; expected a quoted octal mode such as \"0660\""},
      {"host: {control_socket: {mode: \"0999\"}}",
       "4:31: 'mode' is the quoted text '0999'; expected a quoted octal mode such as \"0660\""},
      {"host: {control_socket: {path: run/x}}",
       "4:31: 'path' is 'run/x'; expected an absolute path of at most 107 bytes, without spaces"},
      {"host: {control_socket: {group: strangers}}",
       "4:32: there is no group 'strangers' on this machine; expected a known name"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, mtu_bytes: 576, addresses: "
       "[\"2001:db8::5/64\"]}]",
       "3:65: 'mtu_bytes' is '576'; expected at least 1280, which IPv6 needs (RFC 8200 section 5)"},
      {"igmp: {version: 1, robustness: 8, groups_max: 0}",
       "4:17: 'version' is '1'; expected a number from 2 to 3\n"
       "4:32: 'robustness' is '8'; expected a number from 1 to 7\n"
       "4:47: 'groups_max' is '0'; expected a number from 1 to 65536"},
      {"sessions: [{user: root, groups: [10.0.0.1, 239.1.0.0/3, 239.1.2.3/16, 239.1.2.3]}]",
       "4:34: 'groups' is '10.0.0.1'; expected a multicast group such as "
       "239.1.2.3 or \"ff3e::8000:1\", or a prefix of groups such as 239.1.0.0/16 or "
       "\"ff3e::/32\"\n"
       "4:44: 'groups' is '239.1.0.0/3'; expected a multicast group such as "
       "239.1.2.3 or \"ff3e::8000:1\", or a prefix of groups such as 239.1.0.0/16 or "
       "\"ff3e::/32\"\n"
       "4:57: 'groups' is '239.1.2.3/16'; expected a multicast group such as "
       "239.1.2.3 or \"ff3e::8000:1\", or a prefix of groups such as 239.1.0.0/16 or "
       "\"ff3e::/32\""},
      {"udp: {receive_backlog_max: 0}",
       "4:28: 'receive_backlog_max' is '0'; expected a number from 1 to 65536"},
      {"ipv4: {reassembly_max: 257, reassembly_per_source_max: 0, reassembly_timeout_ms: 9}",
       "4:24: 'reassembly_max' is '257'; expected a number from 0 to 256\n"
       "4:56: 'reassembly_per_source_max' is '0'; expected a number from 1 to 256\n"
       "4:82: 'reassembly_timeout_ms' is '9'; expected a number from 10 to 120000"},
      {"ipv4: {reassembly_per_source_max: 257, reassembly_timeout_ms: 120001}",
       "4:35: 'reassembly_per_source_max' is '257'; expected a number from 1 to 256\n"
       "4:63: 'reassembly_timeout_ms' is '120001'; expected a number from 10 to 120000"},
      {"limits: {rx_burst: 257, defer_max_us: 10001}",
       "4:20: 'rx_burst' is '257'; expected a number from 1 to 256\n"
       "4:39: 'defer_max_us' is '10001'; expected a number from 0 to 10000"},
      {"log: {level: loud, format: xml}",
       "4:14: 'level' is 'loud'; expected one of: error, warn, info, debug, trace\n"
       "4:28: 'format' is 'xml'; expected one of: text, json"},
      {"version: 2", "1:10: 'version' is '2'; expected 1"},
      {"version: \"1\"", "1:10: 'version' is the quoted text '1'; expected 1"},
  });
}

TEST(ConfigErrors, Cores) {
  expect_errors({
      {"cores: []", "2:8: 'cores' has 0 entries; expected a list of 1 to 32 entries"},
      {"cores: 5", "2:8: 'cores' is '5'; expected a list of 1 to 32 entries"},
      {"cores: [{name: c, cpu: 1}, {name: d, cpu: 1}]",
       "2:43: cpu 1 already has a core on line 2; expected one core a CPU"},
      {"cores: [{name: c, cpu: 1}, {name: c, cpu: 2}]",
       "2:35: core name 'c' is taken on line 2; expected each name once"},
      {"cores: [{name: 0c, cpu: 1024, idle: slow}]",
       "2:16: 'name' is '0c'; expected a name: a letter or _, then letters, digits, '_', '-' or "
       "'.'; at most 31 bytes\n"
       "2:25: 'cpu' is '1024'; expected a number from 0 to 1023\n"
       "2:37: 'idle' is 'slow'; expected busy, or {sleep_after_us: N}"},
      {"cores: [{name: c, cpu: 1, idle: {sleep_after: 5}}]",
       "2:33: 'idle' has no key 'sleep_after_us'; expected one\n"
       "2:34: unknown key 'sleep_after' in 'idle'; did you mean 'sleep_after_us'?"},
      {"cores: [{name: c, cpu: 1, idle: {sleep_after_us: 0, nap_us: 10001}}]",
       "2:50: 'sleep_after_us' is '0'; expected a number from 1 to 1000000\n"
       "2:61: 'nap_us' is '10001'; expected a number from 1 to 10000"},
      {"cores: [{cpu: 1}]", "2:9: a core has no key 'name'; expected one"},
  });
}

TEST(ConfigErrors, Nics) {
  expect_errors({
      {"nics: []", "3:7: 'nics' has 0 entries; expected a list of 1 to 32 entries"},
      {"nics: [{name: n}]",
       "3:8: a NIC has no key 'device'; expected one\n"
       "3:8: a NIC has no key 'core'; expected one\n"
       "3:8: a NIC has no key 'addresses'; expected one"},
      {"nics: [{name: n, device: {pci: \"0000:3b:00.0\"}, core: c, addresses: [10.0.0.1/24]}]",
       "3:26: 'device' has no key 'binding'; expected one"},
      {"nics: [{name: n, device: {binding: uio}, core: c, addresses: [10.0.0.1/24]}]",
       "3:26: 'device' has no key 'pci'; expected one\n"
       "3:36: 'binding' is 'uio'; expected one of: vfio-pci, bifurcated"},
      {"nics: [{name: n, device: {pci: \"0000:3B:00.0\", binding: vfio-pci, vdev: net_null0}, "
       "core: c, addresses: [10.0.0.1/24]}]",
       "3:32: 'pci' is the quoted text '0000:3B:00.0'; expected a PCI address such as "
       "\"0000:3b:00.0\"\n"
       "3:73: 'vdev' stands beside a physical NIC; expected one of them"},
      {"nics: [{name: n, device: {pci: \"0000:3b:00.0\", binding: vfio-pci}, core: c, "
       "addresses: [10.0.0.1/24]}, {name: m, device: {pci: \"0000:3b:00.0\", binding: "
       "bifurcated}, core: c, addresses: [10.0.0.2/24]}]",
       "3:128: device '0000:3b:00.0' is taken on line 3; expected each device once"},
      {"nics: [{name: n, device: {vdev: \"virtio0\"}, core: c, addresses: [10.0.0.1/24]}]",
       "3:33: 'vdev' is the quoted text 'virtio0'; expected a DPDK virtual device such as "
       "\"net_af_packet0,iface=veth0\""},
      {"nics: [{name: n, device: {}, core: c, addresses: [10.0.0.1/24]}]",
       "3:26: 'device' has no key 'vdev'; expected one"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: core7, addresses: [10.0.0.1/24]}]",
       "3:51: there is no core 'core7'; expected a name from 'cores'"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, adresses: [10.0.0.1/24]}]",
       "3:8: a NIC has no key 'addresses'; expected one\n"
       "3:54: unknown key 'adresses' in a NIC; did you mean 'addresses'?"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.0/24, "
       "10.0.0.255/24]}]",
       "3:66: 'addresses' 10.0.0.0/24 is the address of the network itself; expected the address "
       "of a host in it\n"
       "3:79: 'addresses' 10.0.0.255/24 is the broadcast address of its network; expected the "
       "address of a host in it"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [224.0.0.5/24, "
       "127.0.0.1/8, 240.0.0.1/8]}]",
       "3:66: 'addresses' 224.0.0.5 is a multicast address; expected the address of a host\n"
       "3:80: 'addresses' 127.0.0.1 is a loopback address; expected the address of a host\n"
       "3:93: 'addresses' 240.0.0.1 is in the reserved 240.0.0.0/4; expected the address of a "
       "host"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [255.255.255.255/32, "
       "0.0.0.1/8, 10.0.0.1/0]}]",
       "3:66: 'addresses' 255.255.255.255 is the broadcast address; expected the address of a "
       "host\n"
       "3:86: 'addresses' 0.0.0.1 is in 0.0.0.0/8, 'this network'; expected the address of a "
       "host\n"
       "3:97: 'addresses' 10.0.0.1/0 is a network of length 0; expected the address of a host in "
       "it"},
  });
}

// Three cores, and what a NIC says of them.
std::string of_three_cores(const std::string& cores) {
  return "cores: [{name: c, cpu: 1}, {name: d, cpu: 2}, {name: e, cpu: 3}]\n"
         "nics: [{name: n, device: {vdev: net_null0}, addresses: [10.0.0.1/24], " +
         cores + "}]";
}

TEST(ConfigErrors, CoresOfANic) {
  for (const auto& [cores, error] : {
           std::pair{"core: c, cores: [c]",
                     "3:87: 'cores' stands beside 'core'; expected one of them"},
           {"cores: []", "3:78: 'cores' has 0 entries; expected a list of 1 to 32 entries"},
           {"cores: c", "3:78: 'cores' is 'c'; expected a list of 1 to 32 entries"},
           {"cores: [c, 5d]",
            "3:82: 'cores' is '5d'; expected a name: a letter or _, then letters, digits, '_', '-' "
            "or '.'; at most 31 bytes"},
           {"cores: [c, [d]]", "3:82: 'cores' is a list; expected a name: a letter or _, then "
                               "letters, digits, '_', '-' or '.'; at most 31 bytes"},
           {"cores: [c, x, d]", "3:82: there is no core 'x'; expected a name from 'cores'"},
           {"cores: [c, d, c]", "3:85: core 'c' is named on line 3; expected each name once"},
           {"cores: [d, e]", "3:79: 'cores' has 2 of 3 cores; expected one, or all"},
           {"cores: [c, d, e], backup: {vdev: net_null1}",
            "3:79: a NIC with a 'backup' is polled by one core; expected 'core'"},
       })
    EXPECT_EQ(shown(errors_of("version: 1\n" + of_three_cores(cores) + "\n")), error) << cores;
}

TEST(ConfigErrors, Backups) {
  expect_errors({
      {"nics: [{name: n, device: {vdev: net_null0}, backup: {}, core: c, addresses: "
       "[10.0.0.1/24]}]",
       "3:53: 'backup' has no key 'vdev'; expected one"},
      {"nics: [{name: n, device: {vdev: net_null0}, backup: m, core: c, addresses: "
       "[10.0.0.1/24]}]",
       "3:53: 'backup' is 'm'; expected a mapping of keys"},
      {"nics: [{name: n, device: {vdev: net_null0}, backup: {vdev: \"net_null0,size=64\"}, core: "
       "c, addresses: [10.0.0.1/24]}]",
       "3:60: device 'net_null0' is taken on line 3; expected each device once"},
      {"nics: [{name: n, device: {vdev: net_null0}, backup: {vdev: net_null1}, core: c, "
       "addresses: [10.0.0.1/24]}, {name: m, device: {vdev: net_null1}, core: c, addresses: "
       "[10.0.1.1/24]}]",
       "3:133: device 'net_null1' is taken on line 3; expected each device once"},
      {"nics: [{name: n, device: {vdev: net_null0}, backup: {pci: \"0000:3b:00.0\"}, core: c, "
       "addresses: [10.0.0.1/24]}]",
       "3:53: 'backup' has no key 'binding'; expected one"},
  });
}

TEST(ConfigErrors, NicAddressesAndNumbers) {
  expect_errors({
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1, 10.0.0.1/33, "
       "\"2001:db8::5/129\"]}]",
       "3:66: 'addresses' is '10.0.0.1'; expected an address with the length of its network, such "
       "as 10.20.0.5/24 or \"2001:db8::5/64\"\n"
       "3:76: 'addresses' is '10.0.0.1/33'; expected an address with the length of its network, "
       "such as 10.20.0.5/24 or \"2001:db8::5/64\"\n"
       "3:89: 'addresses' is the quoted text '2001:db8::5/129'; expected an address with the "
       "length of its network, such as 10.20.0.5/24 or \"2001:db8::5/64\""},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [\"2001:db8::/64\", "
       "\"ff02::1/64\", \"::1/64\", \"::/64\"]}]",
       "3:66: 'addresses' 2001:db8::/64 is the anycast address of its network's routers; expected "
       "the address of a host in it\n"
       "3:83: 'addresses' ff02::1 is a multicast address; expected the address of a host\n"
       "3:97: 'addresses' ::1 is the loopback address, or in the reserved ::/96; expected the "
       "address of a host\n"
       "3:107: 'addresses' :: is '::', the unspecified address; expected the address of a host"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24, "
       "10.0.0.1/16]}]",
       "3:79: address 10.0.0.1 is taken on line 3; expected each address once"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24], mtu: "
       "1500}]",
       "3:80: unknown key 'mtu' in a NIC; did you mean 'mtu_bytes'?"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24], vlan_id: "
       "4095, mtu_bytes: 575}]",
       "3:89: 'vlan_id' is '4095'; expected a number from 1 to 4094\n"
       "3:106: 'mtu_bytes' is '575'; expected a number from 576 to 9000"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24], "
       "rx_descriptors: 100, tx_descriptors: 63}]",
       "3:96: 'rx_descriptors' is '100'; expected a multiple of 32\n"
       "3:117: 'tx_descriptors' is '63'; expected a number from 64 to 8192"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24], tso: on}]",
       "3:85: 'tso' is 'on'; expected true or false"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24], "
       "timestamps: {rx: nic, tx: hardware}}]",
       "3:97: 'rx' is 'nic'; expected one of: software, hardware_or_software, hardware\n"
       "3:102: unknown key 'tx' in 'timestamps'; did you mean 'rx'?"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24], "
       "timestamps: hardware}]",
       "3:92: 'timestamps' is 'hardware'; expected a mapping of keys"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24]}, {name: "
       "n, device: {vdev: \"net_null0,size=64\"}, core: c, addresses: [10.0.0.1/24]}]",
       "3:88: NIC name 'n' is taken on line 3; expected each name once\n"
       "3:106: device 'net_null0' is taken on line 3; expected each device once\n"
       "3:149: address 10.0.0.1 is taken on line 3; expected each address once"},
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24]}, {name: "
       "m, device: {vdev: net_null1}, core: c, addresses: [10.0.0.2/24]}]\n"
       "neighbours: [{address: 10.0.0.3, mac: \"02:00:00:00:00:01\"}]",
       "4:24: 10.0.0.3 may be behind NIC 'n' or 'm'; expected a key 'nic'"},
  });
}

TEST(ConfigErrors, Routes) {
  expect_errors({
      {"routes: [{prefix: 10.9.0.0/16, via: 10.0.1.1, nic: n}]",
       "4:37: 10.0.1.1 is no station of a network of NIC 'n'; expected an address within "
       "10.0.0.0/24"},
      {"routes: [{prefix: 10.9.0.1/16, via: 10.0.0.2, nic: n}]",
       "4:19: 'prefix' 10.9.0.1/16 has bits behind its length; expected 10.9.0.0/16"},
      {"routes: [{prefix: 10.9.0.0/16, via: 10.0.0.2, nic: m}]",
       "4:52: there is no NIC 'm'; expected a name from 'nics'"},
      {"routes: [{prefix: 10.9.0.0/16, via: 10.0.0.1, nic: n}]",
       "4:37: 10.0.0.1 is our own address on line 3; expected that of another station"},
      {"routes: [{prefix: 10.9.0.0/16, via: 10.0.0.255, nic: n}]",
       "4:37: 10.0.0.255 is no station of a network of NIC 'n'; expected an address within "
       "10.0.0.0/24"},
      {"routes: [{prefix: 10.9.0.0/16, via: 10.0.0.02, nic: n}]",
       "4:37: 'via' is '10.0.0.02'; expected an address such as 10.20.0.5 or \"2001:db8::5\""},
      {"routes: [{prefix: 10.9.0.0, via: 224.0.0.1}]",
       "4:10: a route has no key 'nic'; expected one\n"
       "4:19: 'prefix' is '10.9.0.0'; expected a prefix such as 10.30.0.0/16 or "
       "\"2001:db8::/32\"\n"
       "4:34: 'via' 224.0.0.1 is a multicast address; expected the address of a host"},
      {"routes: [{prefix: 0.0.0.0/0, via: 10.0.0.2, nic: n}, {prefix: 0.0.0.0/0, via: 10.0.0.3, "
       "nic: n}]",
       "4:63: prefix 0.0.0.0/0 has a route on line 4; expected one route a prefix"},
      {"routes: [{prefix: \"2001:db8::/32\", via: \"fe80::1\", nic: n}]",
       "4:41: fe80::1 is no station of a network of NIC 'n'; expected an address within "
       "10.0.0.0/24"},
      {"routes: [{prefix: \"2001:db8::/32\", via: 10.0.0.2, nic: n}]",
       "4:41: 'via' 10.0.0.2 is of another family than 2001:db8::/32; expected a gateway of the "
       "same"},
  });
}

TEST(ConfigErrors, Neighbours) {
  expect_errors({
      {"neighbours: [{address: 10.0.0.2, mac: \"01:00:5e:00:00:01\"}]",
       "4:39: 'mac' 01:00:5e:00:00:01 is a multicast address; expected the address of one station"},
      {"neighbours: [{address: 10.0.0.2, mac: \"ff:ff:ff:ff:ff:ff\"}]",
       "4:39: 'mac' ff:ff:ff:ff:ff:ff is a multicast address; expected the address of one station"},
      {"neighbours: [{address: 10.0.0.2, mac: \"00:00:00:00:00:00\"}]",
       "4:39: 'mac' 00:00:00:00:00:00 is all zeros; expected the address of one station"},
      {"neighbours: [{address: 10.0.0.2, mac: 0200.0000.0001}]",
       "4:39: 'mac' is '0200.0000.0001'; expected a MAC address such as \"02:00:00:00:00:01\""},
      {"neighbours: [{address: 10.0.1.2, mac: \"02:00:00:00:00:01\"}]",
       "4:24: 10.0.1.2 is no station of a network of any NIC; expected one within their "
       "'addresses'"},
      {"neighbours: [{address: 10.0.1.2, mac: \"02:00:00:00:00:01\", nic: n}]",
       "4:24: 10.0.1.2 is no station of a network of NIC 'n'; expected an address within "
       "10.0.0.0/24"},
      {"neighbours: [{address: 10.0.0.1, mac: \"02:00:00:00:00:01\"}]",
       "4:24: 10.0.0.1 is our own address on line 3; expected that of another station"},
      {"neighbours: [{address: 10.0.0.2, mac: \"02:00:00:00:00:01\", nic: x}]",
       "4:65: there is no NIC 'x'; expected a name from 'nics'"},
      {"neighbours: [{address: 10.0.0.2, mac: \"02:00:00:00:00:01\"}, {address: 10.0.0.2, mac: "
       "\"02:00:00:00:00:02\"}]",
       "4:71: neighbour 10.0.0.2 is given on line 4; expected each neighbour once"},
  });
}

TEST(ConfigErrors, Sessions) {
  expect_errors({
      {"sessions: [{sockets_max: 1}]",
       "4:12: a session names whom it is for; expected one of: user, uid, group"},
      {"sessions: [{user: root, uid: 0}]",
       "4:12: a session names whom it is for; expected one of: user, uid, group"},
      {"sessions: [{user: nobody-here}]",
       "4:19: there is no user 'nobody-here' on this machine; expected a known name"},
      {"sessions: [{uid: root}]",
       "4:18: 'uid' is 'root'; expected a number from 0 to 4294967294, in plain decimal digits"},
      {"sessions: [{uid: 0}, {user: root}]",
       "4:29: the same user or group has a session entry on line 4; expected one entry each"},
      {"sessions: [{group: root}, {group: root}]",
       "4:35: the same user or group has a session entry on line 4; expected one entry each"},
      {"sessions: [{user: root, bind: [\"10.0.0.9:80\"]}]",
       "4:32: 'bind' 10.0.0.9 is not an address of ours; expected one from the NICs' "
       "'addresses', a group, or *"},
      {"sessions: [{user: root, bind: [\"10.0.0.1:0-5\", \"*\", \"[::1]:80\"]}]",
       "4:32: 'bind' is the quoted text '10.0.0.1:0-5'; expected an address or * and a port or "
       "range, such as \"10.20.0.5:7000-7999\" or \"[2001:db8::5]:7000\"\n"
       "4:48: 'bind' is the quoted text '*'; expected an address or * and a port or range, such as "
       "\"10.20.0.5:7000-7999\" or \"[2001:db8::5]:7000\"\n"
       "4:53: 'bind' ::1 is not an address of ours; expected one from the NICs' 'addresses', a "
       "group, or *"},
      {"sessions: [{user: root, bind: \"*:80\"}]",
       "4:31: 'bind' is the quoted text '*:80'; expected a list of 0 to 64 entries"},
      {"sessions: [a]", "4:12: a session is 'a'; expected a mapping of keys"},
      {"sessions: [{user: root, core: d}]",
       "4:31: there is no core 'd'; expected a name from 'cores'"},
  });
}
TEST(ConfigErrors, AllAreCollectedInTheOrderOfTheFile) {
  const std::string file =
      "version: 1\n"
      "instance: 5\n"
      "host:\n"
      "  hugepages_mb: 1e3\n"
      "  lock_memory: no\n"
      "cores:\n"
      "  - {name: core0, cpu: 2}\n"
      "  - {name: core1, cpu: 2}\n"
      "nics:\n"
      "  - name: orders\n"
      "    device: {vdev: net_null0}\n"
      "    core: core2\n"
      "    addresses:\n"
      "      - 10.0.0.1/24\n"
      "routes:\n"
      "  - {prefix: 0.0.0.0/0, via: 10.0.1.1, nic: orders}\n"
      "capture: {}\n";
  EXPECT_EQ(shown(errors_of(file)),
            "2:11: 'instance' is '5'; expected a name: a letter or _, then letters, digits, '_', "
            "'-' or '.'; at most 31 bytes\n"
            "4:17: 'hugepages_mb' is '1e3'; expected a number from 0 to 1048576, in plain decimal "
            "digits\n"
            "5:16: 'lock_memory' is 'no'; expected true or false\n"
            "8:24: cpu 2 already has a core on line 7; expected one core a CPU\n"
            "12:11: there is no core 'core2'; expected a name from 'cores'\n"
            "16:30: 10.0.1.1 is no station of a network of NIC 'orders'; expected an address "
            "within 10.0.0.0/24\n"
            "17:1: 'capture' is not supported yet by this version; expected no such key");
}

// One mistake, one message: what depends on a refused value is not judged.
TEST(ConfigErrors, ARefusedValueHasNoConsequences) {
  expect_errors({
      {"nics: [{name: n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.300/24]}]\n"
       "neighbours: [{address: 10.0.0.2, mac: \"02:00:00:00:00:01\"}]\n"
       "sessions: [{user: root, bind: [\"10.0.0.3:80\"]}]",
       "3:66: 'addresses' is '10.0.0.300/24'; expected an address with the length of its network, "
       "such as 10.20.0.5/24 or \"2001:db8::5/64\""},
      {"nics: [{name: 5n, device: {vdev: net_null0}, core: c, addresses: [10.0.0.1/24]}]\n"
       "routes: [{prefix: 0.0.0.0/0, via: 10.0.0.2, nic: n}]",
       "3:15: 'name' is '5n'; expected a name: a letter or _, then letters, digits, '_', '-' or "
       "'.'; at most 31 bytes"},
  });
}

TEST(ConfigErrors, AreNotMoreThanAPersonReads) {
  std::string file = "version: 1\n";
  for (int i = 0; i < 5000; ++i) file += "key_" + std::to_string(i) + ": 1\n";
  EXPECT_EQ(errors_of(file).size(), 1000u);
}

TEST(ConfigErrors, FormatLooksLikeACompiler) {
  EXPECT_EQ(format_errors({{"a.yaml", 3, 7, "one"}, {"a.yaml", 10, 1, "two"}}),
            "a.yaml:3:7: one\na.yaml:10:1: two\n");
  EXPECT_EQ(format_errors({}), "");
}

}  // namespace
}  // namespace pinion::config
