// What is read from /sys and /proc about NICs, on trees made for the purpose; tests/vm binds a real
// one.
#include "pmd-glue/nic_sysfs.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace pinion::test {
namespace {

namespace fs = std::filesystem;

class NicSysfs : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pinion-sysfs-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
    device("0000:3b:00.0", "0x020000", "ixgbe");
    device("0000:00:02.0", "0x030000", "i915");
    link(root_ / "bus/pci/devices/0000:3b:00.0/iommu_group", "../../../kernel/iommu_groups/7");
    fs::create_directories(root_ / "bus/pci/devices/0000:3b:00.0/net/eth7");
    fs::create_directories(root_ / "class/net/eth7/upper_bond0");
    fs::create_directories(root_ / "class/net/bond0/upper_bond0.7");
    fs::create_directories(root_ / "proc/net");
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const fs::path& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }
  std::string read(const fs::path& path) {
    std::ifstream in(root_ / path);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void link(const fs::path& from, const std::string& to) {
    fs::create_directories(from.parent_path());
    fs::create_symlink(to, from);
  }
  void device(const std::string& pci, const std::string& kind, const std::string& driver) {
    const std::string at = "bus/pci/devices/" + pci;
    write(at + "/class", kind);
    write(at + "/vendor", "0x8086\n");
    write(at + "/device", "0x10fb\n");
    write(at + "/numa_node", "1\n");
    write("bus/pci/drivers/" + driver + "/unbind", "");
    link(root_ / at / "driver", "../../drivers/" + driver);
  }
  std::string sys() const { return root_.string(); }
  std::string proc() const { return sys() + "/proc"; }

  fs::path root_;
};

TEST_F(NicSysfs, ListsEthernetControllersWithWhatStandsOnThem) {
  const std::vector<NicInfo> nics = list_nics(sys());
  ASSERT_EQ(nics.size(), 1u);
  EXPECT_EQ(nics[0].pci, "0000:3b:00.0");
  EXPECT_EQ(nics[0].model, "8086:10fb");
  EXPECT_EQ(nics[0].driver, "ixgbe");
  EXPECT_EQ(nics[0].numa_node, 1);
  EXPECT_EQ(nics[0].iommu_group, 7);
  EXPECT_EQ(nics[0].interfaces, (std::vector<std::string>{"eth7", "bond0", "bond0.7"}));
  NicInfo none;
  for (const char* wrong : {"", "0000:99:00.0", "../devices/0000:3b:00.0"})
    EXPECT_FALSE(find_nic(wrong, none, sys())) << wrong;
}

TEST_F(NicSysfs, SaysWhatABindingLacks) {
  EXPECT_NE(check_binding("0000:3b:00.0", true, sys()).find("pinionctl nic bind 0000:3b:00.0"),
            std::string::npos);
  EXPECT_NE(check_binding("0000:3b:00.0", false, sys()).find("mlx5_core"), std::string::npos);
  EXPECT_NE(check_binding("0000:99:00.0", true, sys()).find("no PCI device"), std::string::npos);
  device("0000:41:00.0", "0x020000", "vfio-pci");
  EXPECT_NE(check_binding("0000:41:00.0", true, sys()).find("intel_iommu=on"), std::string::npos);
  link(root_ / "bus/pci/devices/0000:41:00.0/iommu_group", "../../../kernel/iommu_groups/8");
  EXPECT_EQ(check_binding("0000:41:00.0", true, sys()), "");
  device("0000:42:00.0", "0x020000", "mlx5_core");
  EXPECT_EQ(check_binding("0000:42:00.0", false, sys()), "");
}

// No kernel answers here, so the driver stays, and bind_nic notices.
TEST_F(NicSysfs, BindingWritesWhatLinuxAsksForAndBelievesOnlyTheResult) {
  write("bus/pci/drivers_probe", "");
  write("bus/pci/devices/0000:3b:00.0/driver_override", "");
  EXPECT_EQ(bind_nic("0000:3b:00.0", "ixgbe", sys()), "") << "it is there already";
  EXPECT_EQ(read("bus/pci/drivers_probe"), "");
  EXPECT_NE(bind_nic("0000:3b:00.0", "vfio-pci", sys()).find("is on ixgbe"), std::string::npos);
  EXPECT_EQ(read("bus/pci/devices/0000:3b:00.0/driver_override"), "vfio-pci");
  EXPECT_EQ(read("bus/pci/drivers/ixgbe/unbind"), "0000:3b:00.0");
  EXPECT_EQ(read("bus/pci/drivers_probe"), "0000:3b:00.0");
  fs::remove_all(root_ / "bus/pci/devices/0000:3b:00.0/driver_override");
  fs::create_directories(root_ / "bus/pci/devices/0000:3b:00.0/driver_override");
  EXPECT_NE(bind_nic("0000:3b:00.0", "vfio-pci", sys()).find("driver_override"), std::string::npos);
}

TEST_F(NicSysfs, KnowsWhatTheMachineIsReachedBy) {
  const NicInfo nic = list_nics(sys()).at(0);
  EXPECT_EQ(carries(nic, proc()), "");
  const std::string header =
      "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
  write("proc/net/route", header +
                              "eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n"
                              "bond0 0000000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n");
  EXPECT_EQ(carries(nic, proc()), "");
  write("proc/net/route", header + "bond0.7 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n");
  EXPECT_EQ(carries(nic, proc()), "the default route is by bond0.7");
  write("proc/net/route", header + "bond0.7 00000000");  // cut off: no route
  EXPECT_EQ(carries(nic, proc()), "");
  write("proc/net/ipv6_route", std::string(32, '0') + " 00 " + std::string(32, '0') + " 00 " +
                                   std::string(32, '0') + " 400 1 0 3 eth7\n");
  EXPECT_EQ(carries(nic, proc()), "the default route is by eth7");
}

TEST_F(NicSysfs, KnowsWhereConnectionsAreOpen) {
  NicInfo loopback;
  loopback.interfaces = {"lo"};
  const std::string header = "  sl  local_address rem_address   st\n";
  write("proc/net/tcp", header + "   0: 0100007F:0016 00000000:0000 0A\n");  // listens only
  EXPECT_EQ(carries(loopback, proc()), "");
  write("proc/net/tcp6", header +
                             "   0: 0000000000000000FFFF00000100007F:0016 "
                             "0000000000000000FFFF00000200007F:A000 01\n");
  EXPECT_EQ(carries(loopback, proc()), "TCP connections are open at 127.0.0.1 of lo (ssh?)");
  write("proc/net/tcp6", header + "   0: 0000:0016 x 01\n   0: :");
  EXPECT_EQ(carries(loopback, proc()), "");
}

}  // namespace
}  // namespace pinion::test
