// Every error of a spoilt file, by its place and its text: YAML beyond mappings and lists, keys,
// and each section's values alone and against each other. spoilt.h has the good file.
#include "spoilt.h"

namespace pinion::gateway {
namespace {

TEST(GatewayConfigErrors, YamlAndKeys) {
  expect_errors({
      {"instance: &a x", "27:11: anchors (&name) are not accepted; expected the value alone"},
      {"instance: yes",
       "27:11: 'instance' is the bare word 'yes', a boolean or nothing to YAML; expected a name: a "
       "letter or _, then letters, digits, '_', '-' or '.'; at most 31 bytes; in quotes if that "
       "word is meant"},
      {"<<: {a: 1}", "27:1: merge keys (<<) are not accepted; expected the keys themselves"},
      {"instance: gw\n"
       "instance: gw",
       "28:1: duplicate key 'instance'; expected each key once"},
      {"      max_order_shares: 010",
       "17:25: 'max_order_shares' is '010'; expected a number from 1 to 999999, in plain decimal "
       "digits"},
      {"      max_order_shares: 1e3",
       "17:25: 'max_order_shares' is '1e3'; expected a number from 1 to 999999, in plain decimal "
       "digits"},
      {"      max_order_shares: \"100\"",
       "17:25: 'max_order_shares' is the quoted text '100'; expected a number from 1 to 999999, in "
       "plain decimal digits"},
      {"spin: yes", "27:7: 'spin' is 'yes'; expected true or false"},
      {"clock: {source: phc}",
       "27:1: unknown key 'clock' in the file; expected one of: version, instance, cpu, spin, "
       "state_dir, orders_per_day_max, open_orders_max, stack, nics, venues, sessions, risk, "
       "journal, metrics"},
      {"log: {level: info}",
       "27:1: unknown key 'log' in the file; expected one of: version, instance, cpu, spin, "
       "state_dir, orders_per_day_max, open_orders_max, stack, nics, venues, sessions, risk, "
       "journal, metrics"},
      {"limits: {x: 1}",
       "27:1: unknown key 'limits' in the file; expected one of: version, instance, cpu, spin, "
       "state_dir, orders_per_day_max, open_orders_max, stack, nics, venues, sessions, risk, "
       "journal, metrics"},
      {"version: 2", "1:10: 'version' is '2'; expected 1"},
      {"instnace: x", "27:1: unknown key 'instnace' in the file; did you mean 'instance'?"},
      {"state_dir: relative",
       "4:12: 'state_dir' is 'relative'; expected an absolute path of at most 80 bytes, without "
       "spaces"},
      {"state_dir: "
       "/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
       "4:12: 'state_dir' is '/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'; expected an "
       "absolute path of at most 80 bytes, without spaces"},
      {"cpu: 1024", "27:6: 'cpu' is '1024'; expected a number from 0 to 1023"},
      {"orders_per_day_max: 0",
       "27:21: 'orders_per_day_max' is '0'; expected a number from 1 to 16777216"},
      {"open_orders_max: 1048577",
       "27:18: 'open_orders_max' is '1048577'; expected a number from 1 to 1048576"},
      {"metrics: {listen: \"127.0.0.1:9464\", digits: 3}",
       "27:37: unknown key 'digits' in 'metrics'; expected one of: listen"},
      {"metrics: {}", "27:10: 'metrics' has no key 'listen'; expected one"},
      {"metrics: {listen: \"0.0.0.0:1\"}",
       "27:19: 'listen' 0.0.0.0 is in 0.0.0.0/8, 'this network'; expected the address of a host"},
      {"metrics: {listen: 127.0.0.1}",
       "27:19: 'listen' is '127.0.0.1'; expected an IPv4 address and a port, such as "
       "\"10.20.0.5:9878\""},
  });
}

TEST(GatewayConfigErrors, Stack) {
  expect_errors({
      {"stack: {}", "2:8: a stack is reached one way; expected one of: attach, embed, kernel"},
      {"stack: {attach: /run/x, kernel: sockets}",
       "2:8: a stack is reached one way; expected one of: attach, embed, kernel"},
      {"stack: {kernel: udp}", "2:17: 'kernel' is 'udp'; expected one of: sockets"},
      {"stack: {attach: run/x}",
       "2:17: 'attach' is 'run/x'; expected an absolute path of at most 107 bytes, without spaces"},
      {"stack: {embed: \"a b\"}",
       "2:16: 'embed' is the quoted text 'a b'; expected the path of a piniond.yaml, without "
       "spaces"},
      {"stack: kernel", "2:8: 'stack' is 'kernel'; expected a mapping of keys"},
      {"stack: {uring: 1}",
       "2:8: a stack is reached one way; expected one of: attach, embed, kernel\n"
       "2:9: unknown key 'uring' in 'stack'; expected one of: attach, embed, kernel"},
      {"stack: {attach: /run/x}",
       "3:12: 127.0.0.1 is a loopback address; expected the address of a host, or stack: {kernel: "
       "sockets}"},
  });
}

TEST(GatewayConfigErrors, Nics) {
  expect_errors({
      {"nics: {}",
       "3:7: 'nics' is a mapping; expected 1 to 32 entries, names and addresses, such as {orders: "
       "10.20.0.5}"},
      {"nics: [lo]",
       "3:7: 'nics' is a list; expected 1 to 32 entries, names and addresses, such as {orders: "
       "10.20.0.5}"},
      {"nics: {lo: 127.0.0.1, md: 10.0.0.1, lo: 10.0.0.2}",
       "3:37: duplicate key 'lo'; expected each key once"},
      {"nics: {lo: 127.0.0.1, 0md: 10.0.0.1}",
       "3:23: '0md' is no name of a NIC; expected a name: a letter or _, then letters, digits, "
       "'_', '-' or '.'; at most 31 bytes"},
      {"nics: {lo: 127.0.0.1, md: 10.0.0.1/24}",
       "3:27: 'md' is '10.0.0.1/24'; expected an IPv4 address such as 10.20.0.5"},
      {"nics: {lo: 127.0.0.1, md: 239.1.1.1}",
       "3:27: 'md' 239.1.1.1 is a multicast address; expected the address of a host"},
      {"nics: {lo: 127.0.0.1, md: 0.0.0.0}",
       "3:27: 'md' 0.0.0.0 is in 0.0.0.0/8, 'this network'; expected the address of a host"},
      {"nics: {lo: 127.0.0.1}", "8:21: there is no NIC 'md'; expected a name from 'nics'"},
      {"nics: {lo: 127.0.0.1, md: \"2001:db8::1\"}",
       "3:27: 'md' is the quoted text '2001:db8::1'; expected an IPv4 address such as 10.20.0.5"},
      {"nics: {lo: 127.0.0.1, md: 10.0.00.1}",
       "3:27: 'md' is '10.0.00.1'; expected an IPv4 address such as 10.20.0.5"},
  });
}

TEST(GatewayConfigErrors, Venues) {
  expect_errors({
      {"venues: []",
       "5:9: 'venues' has 0 entries; expected exactly one: this version trades at one venue"},
      {"venues: {name: x}", "5:9: 'venues' is a mapping; expected a list of exactly one venue"},
      {"venues: [{name: a}, {name: b}]",
       "5:9: 'venues' has 2 entries; expected exactly one: this version trades at one venue"},
      {"venues: [{name: a}]",
       "5:10: a venue has no key 'market_data'; expected one\n"
       "5:10: a venue has no key 'order_entry'; expected one"},
      {"venues: [5]", "5:10: a venue is '5'; expected a mapping of keys"},
  });
}

TEST(GatewayConfigErrors, MarketData) {
  expect_errors({
      {"      lines: []", "8:14: 'lines' has 0 entries; expected a list of 1 to 2 entries"},
      {"      lines: [{nic: md, group: 239.1.2.3, port: 1}, {nic: md, group: 239.1.2.4, port: 1}, "
       "{nic: md, group: 239.1.2.5, port: 1}]",
       "8:14: 'lines' has 3 entries; expected a list of 1 to 2 entries"},
      {"      lines: [{nic: md, group: 10.0.0.5, port: 0}]",
       "8:32: 'group' is '10.0.0.5'; expected a multicast group such as 233.54.12.111\n"
       "8:48: 'port' is '0'; expected a number from 1 to 65535"},
      {"      lines: [{nic: eth9, group: 239.1.2.3, port: 65536, source: 239.1.2.3}]",
       "8:21: there is no NIC 'eth9'; expected a name from 'nics'\n"
       "8:51: 'port' is '65536'; expected a number from 1 to 65535\n"
       "8:66: 'source' 239.1.2.3 is a multicast address; expected the address of a host"},
      {"      lines: [{nic: md, group: 239.1.2.3, port: 5000}, {nic: md, group: 239.1.2.3, port: "
       "5000}]",
       "8:56: this line is the one on line 8 again; expected another group, port, NIC or source"},
      {"      lines: [{group: 239.1.2.3}]",
       "8:15: a line has no key 'nic'; expected one\n"
       "8:15: a line has no key 'port'; expected one"},
      {"      lines: [5]", "8:15: a line is '5'; expected a mapping of keys"},
      {"      symbols: []", "9:16: 'symbols' has 0 entries; expected a list of 1 to 1024 entries"},
      {"      symbols: [AAPL, TOOLONGER, aapl, ON, \"A B\", AAPL]",
       "9:23: 'symbols' is 'TOOLONGER'; expected a symbol: 1 to 8 visible characters, in capitals\n"
       "9:34: 'symbols' is 'aapl'; expected a symbol: 1 to 8 visible characters, in capitals\n"
       "9:40: 'symbols' is the bare word 'ON', a boolean or nothing to YAML; expected a symbol: 1 "
       "to 8 visible characters, in capitals; in quotes if that word is meant\n"
       "9:44: 'symbols' is the quoted text 'A B'; expected a symbol: 1 to 8 visible characters, in "
       "capitals\n"
       "9:51: symbol 'AAPL' is there already; expected each once"},
  });
}

TEST(GatewayConfigErrors, MarketDataKeys) {
  expect_errors({
      {"      symbols: [AAPL, MSFT]\n"
       "      protocol: itch41",
       "10:17: 'protocol' is 'itch41'; expected one of: itch50_moldudp64"},
      {"      symbols: [AAPL, MSFT]\n"
       "      reorder_window_messages: 1000",
       "10:32: 'reorder_window_messages' is '1000'; expected a power of two"},
      {"      symbols: [AAPL, MSFT]\n"
       "      reorder_window_packets: 1024",
       "10:7: unknown key 'reorder_window_packets' in 'market_data'; did you mean "
       "'reorder_window_messages'?"},
      {"      symbols: [AAPL, MSFT]\n"
       "      gap_wait: 5",
       "10:7: unknown key 'gap_wait' in 'market_data'; did you mean 'gap_wait_us'?"},
      {"      symbols: [AAPL, MSFT]\n"
       "      gap_wait_us: 1000001",
       "10:20: 'gap_wait_us' is '1000001'; expected a number from 0 to 1000000"},
      {"      symbols: [AAPL, MSFT]\n"
       "      retransmit: {servers: []}",
       "10:29: 'servers' has 0 entries; expected a list of 1 to 8 entries"},
      {"      symbols: [AAPL, MSFT]\n"
       "      retransmit: {servers: [\"10.0.0.1:0\", 10.0.0.1, \"239.1.1.1:5\", \"*:7\", "
       "\"10.0.0.1:1-2\"], attempts: 0, timeout: 5}",
       "10:30: 'servers' is the quoted text '10.0.0.1:0'; expected an IPv4 address and a port, "
       "such as \"10.20.0.5:9878\"\n"
       "10:44: 'servers' is '10.0.0.1'; expected an IPv4 address and a port, such as "
       "\"10.20.0.5:9878\"\n"
       "10:54: 'servers' 239.1.1.1 is a multicast address; expected the address of a host\n"
       "10:69: 'servers' is the quoted text '*:7'; expected an IPv4 address and a port, such as "
       "\"10.20.0.5:9878\"\n"
       "10:76: 'servers' is the quoted text '10.0.0.1:1-2'; expected an IPv4 address and a port, "
       "such as \"10.20.0.5:9878\"\n"
       "10:103: 'attempts' is '0'; expected a number from 1 to 1000\n"
       "10:106: unknown key 'timeout' in 'retransmit'; did you mean 'timeout_ms'?"},
      {"      symbols: [AAPL, MSFT]\n"
       "      snapshot: {server: \"10.0.0.9:1\", user_env: 1X, password_env: P}",
       "10:50: 'user_env' is '1X'; expected the name of an environment variable: letters, digits "
       "and '_', no digit first; at most 63 bytes"},
      {"      symbols: [AAPL, MSFT]\n"
       "      snapshot: {protocol: glimpse40, server: \"10.0.0.9:1\", user_env: U, password_env: "
       "U}",
       "10:28: 'protocol' is 'glimpse40'; expected one of: glimpse50\n"
       "10:88: 'password_env' 'U' is also 'user_env'; expected another variable"},
      {"      symbols: [AAPL, MSFT]\n"
       "      snapshot: {}",
       "10:17: 'snapshot' has no key 'server'; expected one\n"
       "10:17: 'snapshot' has no key 'user_env'; expected one\n"
       "10:17: 'snapshot' has no key 'password_env'; expected one"},
      {"      symbols: [AAPL, MSFT]\n"
       "      line_silence_ms: 0",
       "10:24: 'line_silence_ms' is '0'; expected a number from 1 to 600000"},
      {"      symbols: [AAPL, MSFT]\n"
       "      on_stale_book: ignore",
       "10:22: 'on_stale_book' is 'ignore'; expected one of: reject_new, cancel_all"},
  });
}

TEST(GatewayConfigErrors, OrderEntry) {
  expect_errors({
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: ABCD, protocol: ouch42}",
       "10:109: 'protocol' is 'ouch42'; expected one of: ouch50_soupbintcp3"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: ABCD, heartbeat_ms: 2000, peer_timeout_ms: 1000}",
       "10:113: 'heartbeat_ms' 2000 is over 'peer_timeout_ms' 1000; expected at most as much"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: ABCD, peer_timeout_ms: 900}",
       "10:116: 'heartbeat_ms' 1000 is over 'peer_timeout_ms' 900; expected at most as much"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: ABCD, reconnect: {first_ms: 6000}}",
       "10:121: 'first_ms' 6000 is over 'max_ms' 5000; expected at most as much"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: ABCD, reconnect: {first_ms: 0, max: 3}}",
       "10:121: 'first_ms' is '0'; expected a number from 1 to 60000\n"
       "10:124: unknown key 'max' in 'reconnect'; did you mean 'max_ms'?"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: ABCD, throttle: {orders_per_s: 0, burst_orders: 1000001, when_full: reject}}",
       "10:124: 'orders_per_s' is '0'; expected a number from 1 to 1000000\n"
       "10:141: 'burst_orders' is '1000001'; expected a number from 1 to 1000000\n"
       "10:150: unknown key 'when_full' in 'throttle'; expected one of: orders_per_s, "
       "burst_orders"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: ABCDE}",
       "10:93: 'firm' is 'ABCDE'; expected a firm of the venue: 1 to 4 visible characters, in "
       "capitals"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password_env: P, "
       "firm: abcd}",
       "10:93: 'firm' is 'abcd'; expected a firm of the venue: 1 to 4 visible characters, in "
       "capitals"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: eth9, username_env: U, password_env: P, "
       "firm: ABCD}",
       "10:49: there is no NIC 'eth9'; expected a name from 'nics'"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: A-B, password_env: "
       "\"\", firm: ABCD}",
       "10:67: 'username_env' is 'A-B'; expected the name of an environment variable: letters, "
       "digits and '_', no digit first; at most 63 bytes\n"
       "10:86: 'password_env' is the quoted text ''; expected the name of an environment variable: "
       "letters, digits and '_', no digit first; at most 63 bytes"},
      {"    order_entry: {}",
       "10:18: 'order_entry' has no key 'server'; expected one\n"
       "10:18: 'order_entry' has no key 'nic'; expected one\n"
       "10:18: 'order_entry' has no key 'username_env'; expected one\n"
       "10:18: 'order_entry' has no key 'password_env'; expected one\n"
       "10:18: 'order_entry' has no key 'firm'; expected one"},
      {"    order_entry: {server: \"10.0.0.9:8003\", nic: lo, username_env: U, password: hunter2, "
       "firm: ABCD}",
       "10:18: 'order_entry' has no key 'password_env'; expected one\n"
       "10:70: unknown key 'password' in 'order_entry'; did you mean 'password_env'?"},
  });
}

TEST(GatewayConfigErrors, Sessions) {
  expect_errors({
      {"sessions: []", "11:11: 'sessions' has 0 entries; expected a list of 1 to 64 entries"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main, risk: none}",
       "12:117: duplicate key 'risk'; expected each key once"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: ghost}",
       "12:111: there is no risk profile 'ghost'; expected a name from 'profiles' in 'risk'"},
      {"  - {name: one, protocol: fix50, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main}",
       "12:27: 'protocol' is 'fix50'; expected one of: fix42, fix44, fix42_drop_copy, "
       "fix44_drop_copy"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1}",
       "12:5: a session has no key 'risk'; expected one"},
      {"  - {name: one, protocol: fix42, listen: {nic: eth9, port: 0}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main}",
       "12:48: there is no NIC 'eth9'; expected a name from 'nics'\n"
       "12:60: 'port' is '0'; expected a number from 1 to 65535"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo}, sender_comp_id: GW, target_comp_id: "
       "C1, risk: main}",
       "12:42: 'listen' has no key 'port'; expected one"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: "
       "\"G\\x01W\", target_comp_id: \" C1\", risk: main}",
       "12:81: 'sender_comp_id' is the quoted text 'G?W'; expected an identity of FIX: printable "
       "ASCII, no space at its ends; at most 64 bytes\n"
       "12:107: 'target_comp_id' is the quoted text ' C1'; expected an identity of FIX: printable "
       "ASCII, no space at its ends; at most 64 bytes"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: "
       "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, target_comp_id: \"\", "
       "risk: main}",
       "12:81: 'sender_comp_id' is 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'; expected "
       "an identity of FIX: printable ASCII, no space at its ends; at most 64 bytes\n"
       "12:164: 'target_comp_id' is the quoted text ''; expected an identity of FIX: printable "
       "ASCII, no space at its ends; at most 64 bytes"},
  });
}

TEST(GatewayConfigErrors, SessionKeys) {
  expect_errors({
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main}\n"
       "  - {name: one, protocol: fix42, listen: {nic: lo, port: 9879}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main}",
       "13:12: session name 'one' is taken on line 12; expected each name once\n"
       "13:101: the same version, sender and target have a session on line 12; expected each once"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main}\n"
       "  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C2, risk: main}",
       "13:12: session name 'one' is taken on line 12; expected each name once"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main, heartbeat_s: 0, reset_on_logon: off, store_mb: 0}",
       "12:130: 'heartbeat_s' is '0'; expected a number from 1 to 3600\n"
       "12:149: 'reset_on_logon' is 'off'; expected true or false\n"
       "12:164: 'store_mb' is '0'; expected a number from 1 to 65536"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main, cancel_on_disconnect: {enabled: 1, grace: 5}}",
       "12:149: 'enabled' is '1'; expected true or false\n"
       "12:152: unknown key 'grace' in 'cancel_on_disconnect'; did you mean 'grace_ms'?"},
      {"  - {name: one, protocol: fix42_drop_copy, listen: {nic: lo, port: 9878}, sender_comp_id: "
       "GW, target_comp_id: C1, risk: main, cancel_on_disconnect: {enabled: true}}",
       "12:115: 'risk' stands beside a drop copy, which sends no orders; expected no such key\n"
       "12:127: 'cancel_on_disconnect' stands beside a drop copy, which sends no orders; expected "
       "no such key"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main, schedule: {zone: Mars/Olympus, start: 07:00:00, end: "
       "\"24:00:00\"}}",
       "12:134: there is no time zone 'Mars/Olympus' in /usr/share/zoneinfo; expected a name that "
       "the package tzdata has, such as America/New_York\n"
       "12:155: 'start' is '07:00:00'; expected a quoted time of the day such as \"07:00:00\"\n"
       "12:170: 'end' is the quoted text '24:00:00'; expected a quoted time of the day such as "
       "\"07:00:00\""},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main, schedule: {zone: America, start: \"7:00:00\", end: "
       "\"00:60:00\"}}",
       "12:134: there is no time zone 'America' in /usr/share/zoneinfo; expected a name that the "
       "package tzdata has, such as America/New_York\n"
       "12:150: 'start' is the quoted text '7:00:00'; expected a quoted time of the day such as "
       "\"07:00:00\"\n"
       "12:166: 'end' is the quoted text '00:60:00'; expected a quoted time of the day such as "
       "\"07:00:00\""},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main, schedule: {zone: ../../etc/passwd}}",
       "12:127: 'schedule' has no key 'start'; expected one\n"
       "12:127: 'schedule' has no key 'end'; expected one\n"
       "12:134: 'zone' is '../../etc/passwd'; expected a time zone such as America/New_York"},
      {"  - {name: one, protocol: fix42, listen: {nic: lo, port: 9878}, sender_comp_id: GW, "
       "target_comp_id: C1, risk: main}\n"
       "metrics: {listen: \"127.0.0.1:9878\"}",
       "13:19: 'listen' is where a session on line 12 listens; expected another port"},
      {"sessions: 5", "11:11: 'sessions' is '5'; expected a list of 1 to 64 entries"},
  });
}

TEST(GatewayConfigErrors, RiskLimits) {
  expect_errors({
      {"      max_order_shares: 1000000",
       "17:25: 'max_order_shares' is '1000000'; expected a number from 1 to 999999"},
      {"      max_order_shares: 0",
       "17:25: 'max_order_shares' is '0'; expected a number from 1 to 999999"},
      {"      max_order_shares:",
       "17:7: 'max_order_shares' is empty; expected a number from 1 to 999999, in plain decimal "
       "digits"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      max_order: 5",
       "25:7: unknown key 'max_order' in a risk profile; did you mean 'max_order_shares'?"},
      {"      max_order_notional_usd: 10000000000001",
       "18:31: 'max_order_notional_usd' is '10000000000001'; expected a number from 1 to "
       "10000000000000"},
      {"      max_order_notional_usd: 10000000000000", ""},
      {"      max_order_notional_usd: 1000.5",
       "18:31: 'max_order_notional_usd' is '1000.5'; expected a number from 1 to 10000000000000, "
       "in plain decimal digits"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      max_order_notional: 5",
       "25:7: unknown key 'max_order_notional' in a risk profile; did you mean "
       "'max_order_notional_usd'?"},
      {"      price_collar_bps: 0",
       "19:25: 'price_collar_bps' is '0'; expected a number from 1 to 10000"},
      {"      price_collar_bps: 10001",
       "19:25: 'price_collar_bps' is '10001'; expected a number from 1 to 10000"},
      {"      max_open_orders: 0",
       "20:24: 'max_open_orders' is '0'; expected a number from 1 to 1048576"},
      {"      max_open_orders: 5000",
       "20:24: 'max_open_orders' 5000 is over 'open_orders_max' 4096; expected at most as much"},
      {"      max_gross_open_notional_usd: 0",
       "21:36: 'max_gross_open_notional_usd' is '0'; expected a number from 1 to 10000000000000"},
      {"      max_daily_traded_notional_usd: -1",
       "22:38: 'max_daily_traded_notional_usd' is '-1'; expected a number from 1 to "
       "10000000000000, in plain decimal digits"},
      {"      max_position_shares_per_symbol: 1000000000001",
       "23:39: 'max_position_shares_per_symbol' is '1000000000001'; expected a number from 1 to "
       "1000000000000"},
  });
}

TEST(GatewayConfigErrors, RiskCounters) {
  expect_errors({
      {"      rate: {orders_per_s: 0, burst_orders: 0}",
       "24:28: 'orders_per_s' is '0'; expected a number from 1 to 1000000\n"
       "24:45: 'burst_orders' is '0'; expected a number from 1 to 60000"},
      {"      rate: {}",
       "24:13: 'rate' has no key 'orders_per_s'; expected one\n"
       "24:13: 'rate' has no key 'burst_orders'; expected one"},
      {"      rate: {orders_per_s: 10}", "24:13: 'rate' has no key 'burst_orders'; expected one"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      duplicate: {window_ms: 500}",
       "25:18: 'duplicate' has no key 'max_identical_orders'; expected one"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      duplicate: {window_ms: 0, max_identical_orders: 0}",
       "25:30: 'window_ms' is '0'; expected a number from 1 to 60000\n"
       "25:55: 'max_identical_orders' is '0'; expected a number from 1 to 60000"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      duplicate: {window_ms: 60000, max_identical_orders: 3}",
       ""},
      {"      rate: {orders_per_s: 1000000, burst_orders: 5}\n"
       "      duplicate: {window_ms: 66, max_identical_orders: 3}",
       "25:30: 'window_ms' and 'rate' let 66006 orders be remembered; expected at most 65536"},
      {"      rate: {orders_per_s: 1000000, burst_orders: 5}\n"
       "      duplicate: {window_ms: 65, max_identical_orders: 3}",
       ""},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      self_trade: cancel_oldest",
       "25:19: 'self_trade' is 'cancel_oldest'; expected one of: off, reject_new"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      short_sale: {allowed: maybe, locate: true}",
       "25:29: 'allowed' is 'maybe'; expected true or false\n"
       "25:36: unknown key 'locate' in 'short_sale'; expected one of: allowed, require_locate"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      restricted_symbols: [GME, GME, TOOLONGER]",
       "25:33: symbol 'GME' is there already; expected each once\n"
       "25:38: 'restricted_symbols' is 'TOOLONGER'; expected a symbol: 1 to 8 visible characters, "
       "in capitals"},
      {"      rate: {orders_per_s: 10, burst_orders: 5}\n"
       "      reject_burst_trips_kill: {rejects: 0}",
       "25:32: 'reject_burst_trips_kill' has no key 'window_ms'; expected one\n"
       "25:42: 'rejects' is '0'; expected a number from 1 to 10000"},
  });
}

TEST(GatewayConfigErrors, RiskSection) {
  expect_errors({
      {"  file_revision: 0",
       "14:18: 'file_revision' is '0'; expected a number from 1 to 4294967295"},
      {"  kill_switch: {}", "25:16: 'kill_switch' has no key 'file'; expected one"},
      {"  kill_switch: {file: kill, state: armed}",
       "25:23: 'file' is 'kill'; expected an absolute path of at most 107 bytes, without spaces\n"
       "25:29: unknown key 'state' in 'kill_switch'; expected one of: file, cancel_open_orders"},
      {"  kill_switch: {file: /k/x, cancel_open_orders: yes}",
       "25:49: 'cancel_open_orders' is 'yes'; expected true or false"},
      {"  profiles: {0main: {}}",
       "15:14: '0main' is no name of a profile; expected a name: a letter or _, then letters, "
       "digits, '_', '-' or '.'; at most 31 bytes"},
      {"open_orders_max: 5",
       "20:24: 'max_open_orders' 10 is over 'open_orders_max' 5; expected at most as much"},
      {"orders_per_day_max: 100\n"
       "open_orders_max: 200",
       "28:18: 'open_orders_max' 200 is over 'orders_per_day_max' 100; expected at most as much"},
      {"  profiles: {main: 5}", "15:20: a risk profile is '5'; expected a mapping of keys"},
      {"  profiles: {}",
       "15:13: 'profiles' is a mapping; expected 1 to 64 entries, names and their limits"},
  });
}

TEST(GatewayConfigErrors, Journal) {
  expect_errors({
      {"journal: {}", "26:10: 'journal' has no key 'dir'; expected one"},
      {"journal: {dir: j}",
       "26:16: 'dir' is 'j'; expected an absolute path of at most 107 bytes, without spaces"},
      {"journal: {dir: /j/x, segment_mb: 0, ring_mb: 3}",
       "26:34: 'segment_mb' is '0'; expected a number from 1 to 65536\n"
       "26:46: 'ring_mb' is '3'; expected a power of two"},
      {"journal: {dir: /j/x, sync: always, every_ms: 5}",
       "26:46: 'every_ms' stands beside another 'sync'; expected sync: every_ms"},
      {"journal: {dir: /j/x, sync: often, every_ms: 0}",
       "26:28: 'sync' is 'often'; expected one of: never, every_ms, always\n"
       "26:45: 'every_ms' is '0'; expected a number from 1 to 1000"},
      {"journal: {dir: /j/x, on_full: drop}",
       "26:31: 'on_full' is 'drop'; expected one of: stop_trading, count"},
  });
}

// One address behind two names, and loopback, are the kernel's alone.
TEST(GatewayConfigErrors, NicsThatOnlyTheKernelHas) {
  const std::string head =
      "nics: {a: 10.0.0.1, b: 10.0.0.1, c: 127.0.0.1}\nversion: 1\nstate_dir: /var/lib/gw\n"
      "journal: {dir: /var/lib/gw/journal}\n";
  const std::string absent =
      "1:1: the file has no key 'venues'; expected one\n"
      "1:1: the file has no key 'sessions'; expected one\n"
      "1:1: the file has no key 'risk'; expected one";
  EXPECT_EQ(errors_of(head + "stack: {kernel: sockets}\n"), absent);
  const std::string nics =
      absent +
      "\n1:24: address 10.0.0.1 is taken on line 1; expected each address once, or stack: "
      "{kernel: sockets}\n"
      "1:37: 127.0.0.1 is a loopback address; expected the address of a host, or stack: "
      "{kernel: sockets}";
  EXPECT_EQ(errors_of(head), nics);
  EXPECT_EQ(errors_of(head + "stack: {embed: p.yaml}\n"), nics);
}

TEST(GatewayConfigErrors, NoFile) {
  EXPECT_EQ(errors_of(""), "1:1: the file is empty; expected 'version: 1' and the sections");
  EXPECT_EQ(errors_of("version: 1\n"),
            "1:1: the file has no key 'state_dir'; expected one\n"
            "1:1: the file has no key 'nics'; expected one\n"
            "1:1: the file has no key 'venues'; expected one\n"
            "1:1: the file has no key 'sessions'; expected one\n"
            "1:1: the file has no key 'risk'; expected one\n"
            "1:1: the file has no key 'journal'; expected one");
  EXPECT_EQ(errors_of("a\xff"), "1:2: byte 255; expected UTF-8 text");
}

// Names that nobody can look up are not missed as well.
TEST(GatewayConfigErrors, OneMistakeOneMessage) {
  expect_errors({
      {"nics: {lo: 127.0.0.1, md: 10.0.0}",
       "3:27: 'md' is '10.0.0'; expected an IPv4 address such as 10.20.0.5"},
      {"  profiles: {0main: {}, other: 7}",
       "15:14: '0main' is no name of a profile; expected a name: a letter or _, then letters, "
       "digits, '_', '-' or '.'; at most 31 bytes\n"
       "15:32: a risk profile is '7'; expected a mapping of keys"},
  });
}

}  // namespace
}  // namespace pinion::gateway
