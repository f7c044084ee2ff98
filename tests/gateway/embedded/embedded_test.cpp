// The gateway with the stack in its own thread. Two network namespaces, joined by a veth:
//
//   exchange-sim and fix-client, kernel0 10.77.0.1 --- veth --- pinion0, pinion-gateway 10.77.0.2
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "e2e/process.h"

namespace pinion::e2e {
namespace {

constexpr const char* kStack = R"(version: 1
instance: inside
host: {hugepages_mb: 0, lock_memory: false}
cores: [{name: core0, cpu: 0, idle: busy}]
nics: [{name: nic, device: {vdev: "net_af_packet0,iface=pinion0"}, core: core0,
        addresses: [10.77.0.2/24]}]
sessions: [{user: root}]
)";

constexpr const char* kGateway = R"(version: 1
instance: inside
stack: {embed: piniond.yaml}
nics: {nic: 10.77.0.2}
spin: false
state_dir: DIR/state
venues:
  - name: sim
    market_data:
      protocol: itch50_moldudp64
      lines:
        - {nic: nic, group: 239.192.1.1, port: 26477}
        - {nic: nic, group: 239.192.1.2, port: 26477}
      retransmit: {servers: ["10.77.0.1:18300"], timeout_ms: 50, attempts: 3}
      snapshot: {protocol: glimpse50, server: "10.77.0.1:19300", user_env: OUCH_USER,
                 password_env: OUCH_PASSWORD}
      symbols: [AAPL, MSFT, META]
    order_entry:
      protocol: ouch50_soupbintcp3
      server: "10.77.0.1:8003"
      nic: nic
      username_env: OUCH_USER
      password_env: OUCH_PASSWORD
      firm: SIM1
sessions:
  - name: client1
    protocol: fix42
    listen: {nic: nic, port: 9878}
    sender_comp_id: GATEWAY
    target_comp_id: CLIENT1
    heartbeat_s: 30
    cancel_on_disconnect: {enabled: false}
    risk: default
risk:
  file_revision: 1
  profiles:
    default:
      max_order_shares: 10000
      max_order_notional_usd: 500000
      price_collar_bps: 500
      max_open_orders: 2000
      max_gross_open_notional_usd: 200000000
      max_daily_traded_notional_usd: 1000000000
      max_position_shares_per_symbol: 500000
      rate: {orders_per_s: 100000, burst_orders: 1000}
      duplicate: {window_ms: 500, max_identical_orders: 3}
      self_trade: reject_new
      short_sale: {allowed: true, require_locate: true}
  kill_switch: {file: DIR/state/kill, cancel_open_orders: true}
journal: {dir: DIR/state/journal}
)";

std::string with_directory(std::string text, const std::string& dir) {
  for (size_t at; (at = text.find("DIR/")) != std::string::npos;) text.replace(at, 3, dir);
  return text;
}

int own_namespace() { return open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC); }

struct EmbeddedGateway : testing::Test {
  // Ends up in the kernel's namespace. Empty, or why there is no such network.
  std::string make_network() {
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0) return "needs root, for namespaces";
    pinion_ns = own_namespace();
    if (unshare(CLONE_NEWNET) != 0) return "needs a second network namespace";
    const int kernel_ns = own_namespace();
    const std::string other = "/proc/" + std::to_string(getpid()) + "/fd/";
    std::string why = does("ip link add kernel0 type veth peer name pinion0 netns " + other +
                               std::to_string(pinion_ns),
                           kernel_ns);
    // On a veth Linux leaves checksums to the last one who looks; here they are on the wire.
    for (const auto& [command, ns] :
         {std::pair("ethtool -K kernel0 tx off tso off gso off gro off", kernel_ns),
          {"ethtool -K pinion0 tx off tso off gso off gro off", pinion_ns},
          {"ip addr add 10.77.0.1/24 dev kernel0", kernel_ns},
          {"ip link set lo up", kernel_ns},
          {"ip link set kernel0 addrgenmode none up", kernel_ns},
          {"ip link set pinion0 addrgenmode none up", pinion_ns}})
      if (why.empty()) why = does(command, ns);
    close(kernel_ns);
    return why;
  }
  static std::string does(const std::string& command, int ns) {
    Program program({"sh", "-c", "exec " + command}, ns);
    return program.end(0) == 0 ? "" : command + ": " + program.output();
  }

  void SetUp() override {
    char name[] = "/tmp/pinion-embedded-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    dir = name;
    std::ofstream(dir + "/piniond.yaml") << kStack;
    std::ofstream(dir + "/gateway.yaml") << with_directory(kGateway, dir);
    setenv("OUCH_USER", "USER01", 1);
    setenv("OUCH_PASSWORD", "PASSWORD", 1);
    if (const std::string why = make_network(); !why.empty()) GTEST_SKIP() << why;
  }
  void TearDown() override {
    if (pinion_ns >= 0) close(pinion_ns);
    std::filesystem::remove_all(dir);
  }
  std::string status() const {
    return run({PINION_GATEWAYCTL, "--state-dir", dir + "/state", "status"}).output;
  }

  std::string dir;
  int pinion_ns = -1;
};

// Some hundreds of orders, each with its answer, and nothing that the venue would not have.
TEST_F(EmbeddedGateway, TradesOverAVeth) {
  Program venue({PINION_EXCHANGE_SIM, "--bind", "10.77.0.1", "--traders-per-s", "200"});
  ASSERT_TRUE(venue.says("ready ")) << venue.output();
  Program gateway({PINION_GATEWAY, "--config", dir + "/gateway.yaml"}, pinion_ns);
  ASSERT_TRUE(gateway.says("inside ready")) << gateway.output();
  ASSERT_NE(gateway.output().find("nic nic: "), std::string::npos) << gateway.output();
  Program client({PINION_FIX_CLIENT, "--connect", "10.77.0.2:9878", "--bind", "10.77.0.1",
                  "--snapshot", "10.77.0.1:19300", "--retransmit", "10.77.0.1:18300", "--count",
                  "600", "--rate", "500"});
  EXPECT_EQ(client.end(0), 0) << client.output() << status();
  EXPECT_EQ(client.output().find("orders=0 "), std::string::npos) << client.output();
  EXPECT_EQ(client.output().find("accepted=0 "), std::string::npos) << client.output();
  EXPECT_EQ(gateway.end(SIGTERM), 0) << gateway.output();
  EXPECT_EQ(venue.end(SIGTERM), 0) << venue.output();
  // Rejected may be a replacement, and ignored a cancel, that crossed the order's last fill.
  EXPECT_NE(venue.output().find(" 0 repeats, "), std::string::npos) << venue.output();
  EXPECT_NE(venue.output().find(" 0 malformed"), std::string::npos) << venue.output();
}

// What is wrong is said with the file's name.
TEST_F(EmbeddedGateway, SaysWhatIsWrongWithTheStacksFile) {
  std::ofstream(dir + "/piniond.yaml") << "version: 1\nnics: 7\n";
  Program gateway({PINION_GATEWAY, "--config", dir + "/gateway.yaml"}, pinion_ns);
  EXPECT_EQ(gateway.end(0), 1);
  EXPECT_NE(gateway.output().find("piniond.yaml:2:"), std::string::npos) << gateway.output();
}

// One thread polls it, and has one core.
TEST_F(EmbeddedGateway, IsOneCore) {
  std::string stack = kStack;
  const std::string core = "{name: core0, cpu: 0, idle: busy}";
  stack.insert(stack.find(core) + core.size(), ", {name: core1, cpu: 1}");
  std::ofstream(dir + "/piniond.yaml") << stack;
  Program gateway({PINION_GATEWAY, "--config", dir + "/gateway.yaml"}, pinion_ns);
  EXPECT_EQ(gateway.end(0), 1);
  EXPECT_NE(gateway.output().find("piniond.yaml: a stack inside an application is one core"),
            std::string::npos)
      << gateway.output();
}

}  // namespace
}  // namespace pinion::e2e
