#include <gtest/gtest.h>
#include <linux/pci_regs.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>

#include "tests/unit/device/doubles.h"
#include "vmm/base/error.h"
#include "vmm/base/units.h"
#include "vmm/device/pci/config_space.h"
#include "vmm/device/pci/host_bridge.h"
#include "vmm/device/pci/msix_table.h"

namespace hive::device {
namespace {

using test::bus_read;
using test::bus_write;
constexpr Range kWindow{0xc000'0000, 0x100'0000};
constexpr Range kUpper{64 * kGiB, 48 * kGiB};

/// A function with BARs whose first register is an id.
class PlainFunction : public PciDevice {
 public:
  PlainFunction(const PciIdentity& identity, std::uint32_t id, std::uint64_t size, BarWidth width)
      : id_(id), prefetchable_(width == BarWidth::k64Prefetchable), space_(identity) {
    space_.add_bar(0, size, width);
  }
  [[nodiscard]] bool bar_prefetchable(unsigned index) const override {
    return index == 0 && prefetchable_;
  }
  [[nodiscard]] std::uint64_t bar_size(unsigned index) const override {
    return space_.bar_size(index);
  }
  void assign_bar(unsigned index, std::uint64_t address) override {
    space_.assign_bar(index, address);
  }
  [[nodiscard]] std::optional<std::uint64_t> bar_address(unsigned index) override {
    return space_.bar_address(index);
  }
  void read_config(std::uint64_t offset, std::span<std::byte> data) override {
    space_.read(offset, data);
  }
  void write_config(std::uint64_t offset, std::span<const std::byte> data) override {
    space_.write(offset, data);
  }
  void read_bar(unsigned /*index*/, std::uint64_t offset, std::span<std::byte> data) override {
    for (std::byte& byte : data) byte = static_cast<std::byte>(id_ + offset++);
  }
  void write_bar(unsigned /*index*/, std::uint64_t offset,
                 std::span<const std::byte> /*data*/) override {
    last_write = offset;
  }
  void bar_moved(unsigned /*index*/, std::optional<memory::GuestAddress> address) override {
    moves.push_back(address);
  }
  void quiesce(const std::function<void()>& done) override { on_quiet = done; }
  void resume() override { ++resumed; }

  std::atomic<std::uint64_t> last_write = 0;
  std::vector<std::optional<memory::GuestAddress>> moves;
  std::function<void()> on_quiet;
  unsigned resumed = 0;

 private:
  std::uint32_t id_;
  bool prefetchable_;
  PciConfigSpace space_;
};

class PciTest : public testing::Test {
 protected:
  PlainFunction& attach(std::uint32_t id, std::uint64_t size, BarWidth width = BarWidth::k32) {
    const PciIdentity identity{.vendor = 0x1af4, .device = 0x1042, .class_code = 0x018000};
    auto function = std::make_unique<PlainFunction>(identity, id, size, width);
    PlainFunction& reference = *function;
    last_ = bridge_.attach(std::move(function));
    return reference;
  }
  template <typename T>
  T config(unsigned device, std::uint64_t offset) {
    return bus_read<T>(bridge_.ecam(), device << 15 | offset);
  }
  template <typename T>
  void set_config(unsigned device, std::uint64_t offset, T value) {
    bus_write<T>(bridge_.ecam(), device << 15 | offset, value);
  }
  std::uint8_t at(std::uint64_t address) {
    return bus_read<std::uint8_t>(bridge_.window(), address - kWindow.start);
  }

  PciHostBridge bridge_{kWindow, kUpper};
  unsigned last_ = 0;
};

TEST_F(PciTest, HasAHostBridgeAndNothingElse) {
  EXPECT_EQ(config<std::uint32_t>(0, 0), 0x00081b36U);
  EXPECT_EQ(config<std::uint32_t>(0, 8) >> 8, 0x060000U);
  EXPECT_EQ(config<std::uint8_t>(0, PCI_HEADER_TYPE), 0);
  EXPECT_EQ(config<std::uint8_t>(0, PCI_INTERRUPT_PIN), 0);
  for (unsigned device = 1; device < 32; ++device) {
    EXPECT_EQ(config<std::uint32_t>(device, 0), ~0U);
  }
  EXPECT_EQ(bus_read<std::uint32_t>(bridge_.ecam(), 1 << 12), ~0U);  // Function 1.
}

TEST_F(PciTest, AssignsBarsThatDoNotOverlap) {
  attach(1, 0x8000);
  attach(2, 0x1000);
  attach(3, 0x8000, BarWidth::k64);
  std::set<std::uint64_t> bases;
  for (unsigned device = 1; device <= 3; ++device) {
    const std::uint64_t base = config<std::uint32_t>(device, PCI_BASE_ADDRESS_0) & ~0xfU;
    EXPECT_TRUE(is_aligned(base, device == 2 ? 0x1000 : 0x8000));
    EXPECT_TRUE(kWindow.contains(base));
    bases.insert(base);
  }
  EXPECT_EQ(bases.size(), 3U);
}

TEST_F(PciTest, DecodesOnlyWhenMemoryIsEnabled) {
  PlainFunction& function = attach(7, 0x1000);
  const std::uint64_t base = config<std::uint32_t>(1, PCI_BASE_ADDRESS_0);
  EXPECT_EQ(at(base), 0xff);
  set_config<std::uint16_t>(1, PCI_COMMAND, PCI_COMMAND_MEMORY);
  EXPECT_EQ(at(base), 7);
  EXPECT_EQ(at(base + 0xfff), static_cast<std::uint8_t>(7 + 0xfff));
  EXPECT_EQ(at(base + 0x1000), 0xff);
  set_config<std::uint16_t>(1, PCI_COMMAND, 0);
  EXPECT_EQ(at(base), 0xff);
  ASSERT_EQ(function.moves.size(), 2U);
  EXPECT_EQ(function.moves[0], memory::GuestAddress{base});
  EXPECT_EQ(function.moves[1], std::nullopt);
}

TEST_F(PciTest, TellsItsSizeAndMoves) {
  attach(9, 0x4000);
  const auto base = config<std::uint32_t>(1, PCI_BASE_ADDRESS_0);
  set_config<std::uint16_t>(1, PCI_COMMAND, PCI_COMMAND_MEMORY);
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_0, ~0U);
  EXPECT_EQ(config<std::uint32_t>(1, PCI_BASE_ADDRESS_0), ~0x3fffU);
  EXPECT_EQ(at(base), 0xff);
  const std::uint32_t moved = base + 0x80'0000;
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_0, moved);
  EXPECT_EQ(at(moved), 9);
  EXPECT_EQ(at(base), 0xff);
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_0, 0x1000);  // In RAM: not decoded.
  EXPECT_EQ(at(moved), 0xff);
}

TEST_F(PciTest, SizesSixtyFourBitBars) {
  attach(5, 0x10000, BarWidth::k64);
  EXPECT_EQ(config<std::uint32_t>(1, PCI_BASE_ADDRESS_0) & 0xf,
            std::uint32_t{PCI_BASE_ADDRESS_MEM_TYPE_64});
  const auto low = config<std::uint32_t>(1, PCI_BASE_ADDRESS_0);
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_0, ~0U);
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_1, ~0U);
  EXPECT_EQ(config<std::uint32_t>(1, PCI_BASE_ADDRESS_0), 0xffff0004U);
  EXPECT_EQ(config<std::uint32_t>(1, PCI_BASE_ADDRESS_1), ~0U);
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_0, low);
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_1, 0);
  set_config<std::uint16_t>(1, PCI_COMMAND, PCI_COMMAND_MEMORY);
  EXPECT_EQ(at(low & ~0xfU), 5);
  set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_1, 1);  // Above 4 GiB: outside the window.
  EXPECT_EQ(at(low & ~0xfU), 0xff);
}

TEST_F(PciTest, IgnoresAccessesAcrossABarsEnd) {
  PlainFunction& function = attach(1, 0x1000);
  const std::uint64_t base = config<std::uint32_t>(1, PCI_BASE_ADDRESS_0);
  set_config<std::uint16_t>(1, PCI_COMMAND, PCI_COMMAND_MEMORY);
  const std::uint64_t end = base + 0xffe - kWindow.start;
  EXPECT_EQ(bus_read<std::uint32_t>(bridge_.window(), end), ~0U);
  bus_write<std::uint32_t>(bridge_.window(), end, 1);
  EXPECT_EQ(function.last_write, 0U);
  bus_write<std::uint16_t>(bridge_.window(), end, 1);
  EXPECT_EQ(function.last_write, 0xffeU);
}

TEST_F(PciTest, ReadsAllOnesAboveTheConventionalHeader) {
  attach(1, 0x1000);
  EXPECT_EQ(config<std::uint32_t>(1, 0x100), ~0U);
  EXPECT_EQ(config<std::uint32_t>(0, 0x100), ~0U);
  EXPECT_EQ(config<std::uint32_t>(1, 0xffe), ~0U);  // Leaves the function.
  set_config<std::uint32_t>(1, 0x100, 0);
}

TEST_F(PciTest, HasRoomForThirtyOneDevices) {
  for (unsigned device = 1; device <= PciHostBridge::kMaxDevices; ++device) {
    attach(device, 0x1000);
    EXPECT_EQ(last_, device);
  }
  EXPECT_THROW(attach(32, 0x1000), Error);
}

TEST_F(PciTest, RefusesABarThatDoesNotFit) { EXPECT_THROW(attach(1, 0x200'0000), Error); }

TEST_F(PciTest, PutsPrefetchableBarsAbove4Gib) {
  attach(1, 0x1000, BarWidth::k64Prefetchable);
  PlainFunction& function = attach(2, 16 * kGiB, BarWidth::k64Prefetchable);
  EXPECT_EQ(config<std::uint32_t>(2, PCI_BASE_ADDRESS_0), 0xcU);
  EXPECT_EQ(config<std::uint32_t>(2, PCI_BASE_ADDRESS_1), 20U);  // 80 GiB.
  set_config<std::uint16_t>(2, PCI_COMMAND, PCI_COMMAND_MEMORY);
  ASSERT_EQ(function.moves.size(), 1U);
  EXPECT_EQ(function.moves[0], memory::GuestAddress{80 * kGiB});
  EXPECT_EQ(bus_read<std::uint8_t>(bridge_.upper_window(), 16 * kGiB), 2);
  EXPECT_EQ(bus_read<std::uint8_t>(bridge_.upper_window(), 32 * kGiB - 1), 1);
  EXPECT_EQ(bus_read<std::uint8_t>(bridge_.upper_window(), 32 * kGiB), 0xff);

  // A BAR of more than 4 GiB has its size in its upper half alone.
  set_config<std::uint32_t>(2, PCI_BASE_ADDRESS_0, ~0U);
  set_config<std::uint32_t>(2, PCI_BASE_ADDRESS_1, ~0U);
  EXPECT_EQ(config<std::uint32_t>(2, PCI_BASE_ADDRESS_0), 0xcU);
  EXPECT_EQ(config<std::uint32_t>(2, PCI_BASE_ADDRESS_1), 0xffff'fffcU);
  set_config<std::uint32_t>(2, PCI_BASE_ADDRESS_1, 24);
  EXPECT_EQ(function.moves.back(), memory::GuestAddress{96 * kGiB});
  set_config<std::uint32_t>(2, PCI_BASE_ADDRESS_1, 28);  // Its end is outside.
  EXPECT_EQ(function.moves.back(), std::nullopt);
  EXPECT_THROW(attach(3, 32 * kGiB, BarWidth::k64Prefetchable), Error);
}

TEST_F(PciTest, IsQuietWhenAllDevicesAre) {
  PlainFunction& first = attach(1, 0x1000);
  PlainFunction& second = attach(2, 0x1000);
  unsigned quiet = 0;
  bridge_.quiesce([&] { ++quiet; });
  EXPECT_EQ(quiet, 0U);
  second.on_quiet();
  EXPECT_EQ(quiet, 0U);
  first.on_quiet();
  EXPECT_EQ(quiet, 1U);
  bridge_.resume();
  EXPECT_EQ(first.resumed + second.resumed, 2U);
}

TEST_F(PciTest, MovesBarsUnderOtherVcpusAccesses) {
  attach(3, 0x1000);
  const auto base = config<std::uint32_t>(1, PCI_BASE_ADDRESS_0);
  set_config<std::uint16_t>(1, PCI_COMMAND, PCI_COMMAND_MEMORY);
  std::atomic<bool> stop = false;
  std::atomic<unsigned> wrong = 0;
  std::thread reader([&] {
    while (!stop) {
      const std::uint8_t value = at(base);
      if (value != 3 && value != 0xff) ++wrong;
    }
  });
  for (int i = 0; i < 2000; ++i) {
    set_config<std::uint32_t>(1, PCI_BASE_ADDRESS_0, i % 2 == 0 ? base + 0x1000 : base);
  }
  stop = true;
  reader.join();
  EXPECT_EQ(wrong, 0U);
}

TEST(PciConfigSpace, LinksItsCapabilities) {
  PciConfigSpace space({.vendor = 1, .device = 2});
  const std::array<std::byte, 3> body{std::byte{1}, std::byte{2}, std::byte{3}};
  const std::array<std::byte, 3> writable{std::byte{0}, std::byte{0xf0}, std::byte{0}};
  const std::size_t first = space.add_capability(0x11, body);
  const std::size_t second = space.add_capability(0x09, body, writable);
  EXPECT_EQ(first, 0x40U);
  EXPECT_TRUE(is_aligned(second, 4));
  EXPECT_NE(space.get16(PCI_STATUS) & PCI_STATUS_CAP_LIST, 0);
  EXPECT_EQ(space.get16(PCI_CAPABILITY_LIST), first);
  EXPECT_EQ(space.get16(first), second << 8 | 0x11);
  EXPECT_EQ(space.get16(second), 0x09);
  const std::array<std::byte, 5> ones{std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                      std::byte{0xff}, std::byte{0xff}};
  space.write(second, ones);
  EXPECT_EQ(space.get32(second), 0xf201'0009U);
}

class MsixTest : public testing::Test {
 protected:
  void program(unsigned entry, std::uint32_t data, bool masked) {
    const std::array<std::uint32_t, 4> words{0xfee00000, 0, data, masked ? 1U : 0U};
    table_.write_table(entry * 16, std::as_bytes(std::span(words)));
  }
  std::uint8_t pending() {
    std::array<std::byte, 1> byte{};
    table_.read_pending(0, byte);
    return std::to_integer<std::uint8_t>(byte[0]);
  }

  test::FakeMsi msi_;
  MsixTable table_{msi_, 3};
};

TEST_F(MsixTest, AllocatesWhenFirstUnmasked) {
  program(0, 5, true);
  table_.set_control(true, false);
  EXPECT_TRUE(msi_.records.empty());
  program(0, 5, false);
  ASSERT_EQ(msi_.records.size(), 1U);
  EXPECT_EQ(msi_.records[0]->data, 5U);
  table_.raise(0);
  EXPECT_EQ(msi_.records[0]->raised, 1U);
  EXPECT_EQ(pending(), 0);
}

TEST_F(MsixTest, ProgramsTheMachineOnlyWhenTheMessageChanges) {
  table_.set_control(true, false);
  program(1, 5, false);
  const unsigned before = msi_.records[0]->programmed;
  program(1, 5, true);
  program(1, 5, false);
  EXPECT_EQ(msi_.records[0]->programmed, before);
  program(1, 6, false);
  EXPECT_EQ(msi_.records[0]->data, 6U);
}

TEST_F(MsixTest, HoldsWhatIsMaskedPending) {
  table_.set_control(true, false);
  program(0, 5, true);
  table_.raise(0);
  EXPECT_EQ(pending(), 1);
  program(0, 5, false);
  EXPECT_EQ(msi_.records[0]->raised, 1U);
  EXPECT_EQ(pending(), 0);
  table_.set_control(true, true);
  table_.raise(0);
  table_.raise(0);
  EXPECT_EQ(pending(), 1);
  table_.set_control(true, false);
  EXPECT_EQ(msi_.records[0]->raised, 2U);
}

TEST_F(MsixTest, IgnoresWhatDoesNotExistOrIsDisabled) {
  program(0, 5, false);
  table_.raise(0);
  table_.set_control(true, false);
  table_.raise(3);
  table_.raise(0xffff);
  EXPECT_EQ(msi_.records[0]->raised, 0U);
  EXPECT_EQ(pending(), 0);
}

TEST_F(MsixTest, TakesAccessesOfAnyWidth) {
  const std::array<std::byte, 3> bytes{std::byte{0x11}, std::byte{0x22}, std::byte{0x33}};
  table_.write_table(16 + 7, bytes);  // Across address high and data of entry 1.
  std::array<std::byte, 48> all{};
  table_.read_table(0, all);
  EXPECT_EQ(all[16 + 7], std::byte{0x11});
  EXPECT_EQ(all[16 + 8], std::byte{0x22});
  EXPECT_EQ(all[16 + 9], std::byte{0x33});
  EXPECT_EQ(all[12], std::byte{1});  // Masked after reset.
  std::array<std::byte, 8> beyond{};
  table_.write_table(44, beyond);
  table_.write_table(~0ULL, beyond);
  table_.read_table(46, beyond);
  EXPECT_EQ(beyond[2], std::byte{0});
}

TEST_F(MsixTest, KeepsInterruptsPendingWhenTheMachineHasNoVector) {
  msi_.limit = 1;
  table_.set_control(true, false);
  program(0, 5, false);
  program(1, 6, false);
  table_.raise(1);
  EXPECT_EQ(pending(), 2);
  msi_.limit = 2;
  program(1, 6, false);
  EXPECT_EQ(pending(), 0);
  EXPECT_EQ(msi_.raised_with(6), 1U);
}

}  // namespace
}  // namespace hive::device
