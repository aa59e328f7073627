#include "vmm/device/policy/policy_device.h"

#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include <memory>
#include <vector>

#include "tests/unit/device/doubles.h"
#include "vmm/base/units.h"
#include "vmm/device/pci/host_bridge.h"
#include "vmm/memory/layout.h"

namespace hive::device {
namespace {

using test::bus_read;
using test::bus_write;
namespace layout = memory::layout;

constexpr std::uint64_t kFunction = 1 << 15;

class PolicyDeviceTest : public ::testing::Test {
 protected:
  PolicyDeviceTest() {
    PolicyDevice::Setup setup;
    setup.facts.cells = 3;
    setup.clock = [] { return std::uint64_t{5}; };
    setup.on_hint = [this](const hive_wax_hint&) { return ++hints_ != 0; };
    setup.on_beat = [this](std::uint64_t heartbeat, std::uint64_t) { heartbeat_ = heartbeat; };
    view_[kPageSize] = std::byte{0x77};
    bridge_.attach(std::make_unique<PolicyDevice>(std::move(setup), view_, alias_));
  }

  template <typename T>
  T config(std::uint64_t offset) {
    return bus_read<T>(bridge_.ecam(), kFunction + offset);
  }
  std::uint64_t bar(unsigned index) {
    return (config<std::uint32_t>(PCI_BASE_ADDRESS_0 + 4 * index) & ~0xfU) -
           layout::kPciWindow.start;
  }

  std::vector<std::byte> view_ = std::vector<std::byte>(4 * kPageSize);
  test::FakeAlias alias_;
  unsigned hints_ = 0;
  std::uint64_t heartbeat_ = 0;
  PciHostBridge bridge_{layout::kPciWindow};
};

TEST_F(PolicyDeviceTest, IsFoundWithoutADriver) {
  EXPECT_EQ(config<std::uint16_t>(PCI_VENDOR_ID), HIVE_WAX_VENDOR);
  EXPECT_EQ(config<std::uint16_t>(PCI_DEVICE_ID), HIVE_WAX_DEVICE);
  EXPECT_EQ(config<std::uint16_t>(PCI_COMMAND) & PCI_COMMAND_MEMORY, PCI_COMMAND_MEMORY);
  EXPECT_EQ(bus_read<std::uint32_t>(bridge_.window(), bar(0)), HIVE_WAX_MAGIC);
}

TEST_F(PolicyDeviceTest, TakesHintsAndHeartbeats) {
  const std::uint64_t registers = bar(0);
  bus_write<std::uint64_t>(bridge_.window(), registers + offsetof(hive_wax_registers, heartbeat),
                           6);
  EXPECT_EQ(heartbeat_, 6U);
  bus_write<std::uint32_t>(bridge_.window(), registers + offsetof(hive_wax_registers, submit), 1);
  EXPECT_EQ(hints_, 1U);
}

TEST_F(PolicyDeviceTest, ShowsItsViewAsMemoryWhereTheGuestHasIt) {
  ASSERT_TRUE(alias_.place);
  EXPECT_EQ(alias_.place->value, layout::kPciWindow.start + bar(2));
  EXPECT_EQ(bus_read<std::uint8_t>(bridge_.window(), bar(2) + kPageSize), 0x77);
  bus_write<std::uint16_t>(bridge_.ecam(), kFunction + PCI_COMMAND, 0);
  EXPECT_FALSE(alias_.place);
}

TEST_F(PolicyDeviceTest, LeavesItsViewAsItIsWhateverIsWrittenThere) {
  bus_write<std::uint64_t>(bridge_.window(), bar(2) + kPageSize, ~0ULL);
  EXPECT_EQ(bus_read<std::uint64_t>(bridge_.window(), bar(2) + kPageSize), 0x77U);
}

}  // namespace
}  // namespace hive::device
