// Which kind of interrupt EAL is told to take, by configuration spaces made for the purpose.
#include "pmd-glue/pci_interrupts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace pinion::test {
namespace {

namespace fs = std::filesystem;

constexpr char kMsi = 0x05, kPower = 0x01, kMsix = 0x11;

class PciInterrupts : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/pinion-pci-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }
  // The space of one device: these capabilities, and the pin of INTA.
  std::string device(const std::string& address, const std::string& vendor_and_device,
                     const std::string& capabilities, bool pin = true) {
    std::string space(256, '\0');
    space.replace(0, 4, vendor_and_device);
    space[0x3d] = pin ? 1 : 0;
    size_t link = 0x34, at = 0x80;
    for (const char kind : capabilities) {
      space[0x06] = 0x10;
      space[link] = static_cast<char>(at);
      space[at] = kind;
      link = at + 1, at += 0x10;
    }
    write(address, space);
    return address;
  }
  void write(const std::string& address, const std::string& space) {
    const fs::path folder = root_ / "bus/pci/devices" / address;
    fs::create_directories(folder);
    std::ofstream(folder / "config", std::ios::binary) << space;
  }
  std::string kind(const std::vector<std::string>& pci) {
    return vfio_interrupts(pci, root_.string());
  }

  fs::path root_;
};

const std::string kVmxnet3("\xad\x15\xb0\x07", 4), kE1000("\x86\x80\x0e\x10", 4),
    kE1000e("\x86\x80\xd3\x10", 4);

TEST_F(PciInterrupts, WhatAllHave) {
  const std::string both = device("0000:01:00.0", kVmxnet3, {kPower, kMsi, kMsix});
  const std::string msi = device("0000:02:00.0", kVmxnet3, {kMsi, kPower});
  const std::string pin = device("0000:03:00.0", kE1000, "");
  const std::string msix = device("0000:04:00.0", kVmxnet3, {kMsix}, false);
  EXPECT_EQ(kind({}), "");
  EXPECT_EQ(kind({both, msix}), "") << "MSI-X is what EAL takes by itself";
  EXPECT_EQ(kind({msi}), "msi");
  EXPECT_EQ(kind({both, msi}), "msi");
  EXPECT_EQ(kind({pin}), "legacy");
  EXPECT_EQ(kind({pin, both}), "legacy");
  EXPECT_EQ(kind({pin, msix}), "") << "nothing in common";
}

TEST_F(PciInterrupts, MsixThatTheDriverCannotUse) {
  EXPECT_EQ(kind({device("0000:01:00.0", kE1000e, {kPower, kMsi, kMsix})}), "msi");
}

// No such device, or not our right to read more than the header; a list that goes round.
TEST_F(PciInterrupts, WhatCannotBeRead) {
  EXPECT_EQ(kind({"0000:09:00.0"}), "");
  device("0000:01:00.0", kVmxnet3, {kMsix});
  std::string space(64, '\0');
  space[0x06] = 0x10, space[0x34] = '\x80', space[0x3d] = 1;
  write("0000:01:00.0", space);  // all that a process without CAP_SYS_ADMIN is shown
  EXPECT_EQ(kind({"0000:01:00.0"}), "");
  space.resize(256, '\0');
  space[0x80] = kPower, space[0x81] = '\x80';
  write("0000:01:00.0", space);
  EXPECT_EQ(kind({"0000:01:00.0"}), "legacy");
}

}  // namespace
}  // namespace pinion::test
