#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/pci_regs.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "tests/unit/device/doubles.h"
#include "vmm/base/units.h"
#include "vmm/device/global/global_memory_device.h"
#include "vmm/device/pci/host_bridge.h"
#include "vmm/memory/layout.h"

namespace hive::device {
namespace {

using test::bus_read;
using test::bus_write;
namespace layout = memory::layout;

constexpr std::uint64_t kRam = 256 * kMiB;
constexpr std::uint64_t kGlobal = 6 * kMiB;
constexpr layout::UpperRanges kUpper = layout::upper_ranges(kRam, kGlobal);
constexpr std::uint64_t kFunction = 1 << 15;
constexpr std::uint64_t kDoorbell = 12;

/// Cell 0 of three; cell 2 has no interrupts.
class GlobalDeviceTest : public ::testing::Test {
 protected:
  GlobalDeviceTest() {
    GlobalMemoryDevice::Setup setup;
    setup.facts = {
        0, 1, kUpper.global, {{0, 2 * kMiB}, {2 * kMiB, 2 * kMiB}, {4 * kMiB, 2 * kMiB}}};
    setup.doorbells.resize(3);
    for (auto* bells : {&setup.doorbells[0], &setup.doorbells[1]}) {
      for (unsigned i = 0; i < HIVE_GLOBAL_VECTORS; ++i) {
        bells->emplace_back(::eventfd(0, EFD_NONBLOCK));
        events_.push_back(bells->back().get());
      }
    }
    setup.on_request = [this](const hive_global_request& request) { requests_.push_back(request); };
    auto device =
        std::make_unique<GlobalMemoryDevice>(std::move(setup), msi_, pin_, doorbells_, alias_);
    device_ = device.get();
    bridge_.attach(std::move(device));
  }

  template <typename T>
  T config(std::uint64_t offset) {
    return bus_read<T>(bridge_.ecam(), kFunction + offset);
  }
  template <typename T>
  void set_config(std::uint64_t offset, T value) {
    bus_write<T>(bridge_.ecam(), kFunction + offset, value);
  }
  std::uint64_t bar(unsigned index) {
    return (config<std::uint32_t>(PCI_BASE_ADDRESS_0 + 4 * index) & ~0xfU) -
           layout::kPciWindow.start;
  }
  template <typename T>
  T get(unsigned index, std::uint64_t offset) {
    return bus_read<T>(bridge_.window(), bar(index) + offset);
  }
  template <typename T>
  void set(unsigned index, std::uint64_t offset, T value) {
    bus_write<T>(bridge_.window(), bar(index) + offset, value);
  }
  /// What was signalled to CELL's VECTOR, and takes it.
  std::uint64_t taken(unsigned cell, unsigned vector) {
    std::uint64_t count = 0;
    (void)!::read(events_[cell * HIVE_GLOBAL_VECTORS + vector], &count, sizeof count);
    return count;
  }
  void program(unsigned vector, std::uint32_t data, bool masked) {
    set<std::uint32_t>(1, vector * 16, 0xfee0'0000);
    set<std::uint32_t>(1, vector * 16 + 8, data);
    set<std::uint32_t>(1, vector * 16 + 12, masked ? 1 : 0);
  }
  void enable_msix() {
    const std::size_t capability = config<std::uint8_t>(PCI_CAPABILITY_LIST);
    set_config<std::uint16_t>(capability + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE);
  }

  test::FakeMsi msi_;
  test::FakeLevelLine pin_;
  test::FakeDoorbells doorbells_;
  test::FakeAlias alias_;
  std::vector<int> events_;
  std::vector<hive_global_request> requests_;
  GlobalMemoryDevice* device_ = nullptr;
  PciHostBridge bridge_{layout::kPciWindow, kUpper.bars};
};

TEST_F(GlobalDeviceTest, LooksLikeIvshmem) {
  EXPECT_EQ(config<std::uint32_t>(PCI_VENDOR_ID), 0x1110'1af4U);
  EXPECT_EQ(config<std::uint32_t>(PCI_CLASS_REVISION), 0x0500'0001U);
  EXPECT_EQ(config<std::uint32_t>(PCI_SUBSYSTEM_VENDOR_ID), 0x1100'1af4U);
  EXPECT_EQ(config<std::uint8_t>(PCI_INTERRUPT_PIN), 1);
  EXPECT_EQ(config<std::uint8_t>(PCI_INTERRUPT_LINE), layout::kPciGsi);
  const std::size_t capability = config<std::uint8_t>(PCI_CAPABILITY_LIST);
  EXPECT_EQ(config<std::uint8_t>(capability), PCI_CAP_ID_MSIX);
  EXPECT_EQ(config<std::uint16_t>(capability + PCI_MSIX_FLAGS), HIVE_GLOBAL_VECTORS - 1);
  EXPECT_EQ(config<std::uint32_t>(capability + PCI_MSIX_TABLE), 1U);
  EXPECT_EQ(config<std::uint32_t>(capability + PCI_MSIX_PBA) & 7U, 1U);
}

TEST_F(GlobalDeviceTest, HandsItsDoorbellsToItsPinOnlyWhileThatIsEnabledAndMsixIsNot) {
  constexpr std::uint16_t kMemory = PCI_COMMAND_MEMORY;
  constexpr std::uint16_t kOff = PCI_COMMAND_MEMORY | PCI_COMMAND_INTX_DISABLE;
  EXPECT_EQ(pin_.sources, std::vector<int>(events_.begin(), events_.begin() + 4));
  EXPECT_FALSE(pin_.enabled) << "as firmware leaves it";
  EXPECT_EQ(config<std::uint16_t>(PCI_COMMAND), kOff);
  EXPECT_EQ(config<std::uint16_t>(PCI_STATUS), PCI_STATUS_CAP_LIST);
  // What a kernel's test for the interrupt-disable bit does.
  set_config<std::uint16_t>(PCI_COMMAND, kMemory);
  EXPECT_EQ(config<std::uint16_t>(PCI_COMMAND), kMemory);
  EXPECT_TRUE(pin_.enabled);
  // What a handler sees, at once with the command, and what it does.
  EXPECT_EQ(config<std::uint32_t>(PCI_COMMAND),
            std::uint32_t{PCI_STATUS_CAP_LIST | PCI_STATUS_INTERRUPT} << 16 | kMemory);
  set_config<std::uint8_t>(PCI_COMMAND + 1, PCI_COMMAND_INTX_DISABLE >> 8);
  EXPECT_FALSE(pin_.enabled);
  EXPECT_EQ(config<std::uint16_t>(PCI_STATUS), PCI_STATUS_CAP_LIST);
  set_config<std::uint8_t>(PCI_COMMAND + 1, 0);
  EXPECT_TRUE(pin_.enabled);
  program(0, 0x40, false);
  enable_msix();
  EXPECT_FALSE(pin_.enabled);
  EXPECT_EQ(config<std::uint16_t>(PCI_STATUS), PCI_STATUS_CAP_LIST);
  EXPECT_EQ(msi_.records[0]->listens_to, events_[0]);
  const std::size_t capability = config<std::uint8_t>(PCI_CAPABILITY_LIST);
  set_config<std::uint16_t>(capability + PCI_MSIX_FLAGS, 0);
  EXPECT_TRUE(pin_.enabled);
  EXPECT_EQ(msi_.records[0]->listens_to, -1);
  EXPECT_EQ(pin_.changes, 5U);
}

TEST_F(GlobalDeviceTest, LivesOnWhereTheMachineHasNoWireForItsPin) {
  pin_.refuse = true;
  set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY);
  EXPECT_FALSE(pin_.enabled);
  pin_.refuse = false;
  set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY);
  EXPECT_TRUE(pin_.enabled) << "the next write tries once more";
}

TEST_F(GlobalDeviceTest, HasItsMemoryInA64BitPrefetchableBarAtOnce) {
  EXPECT_EQ(config<std::uint32_t>(PCI_BASE_ADDRESS_2) & 0xf, 0xcU);
  const std::uint64_t low = config<std::uint32_t>(PCI_BASE_ADDRESS_2) & ~0xfU;
  const std::uint64_t place = low | std::uint64_t{config<std::uint32_t>(PCI_BASE_ADDRESS_3)} << 32;
  EXPECT_TRUE(kUpper.bars.contains(place));
  EXPECT_EQ(alias_.place, memory::GuestAddress{place});
  EXPECT_EQ(get<std::uint32_t>(0, 0x100), HIVE_GLOBAL_MAGIC) << "decoding is off";

  set_config<std::uint32_t>(PCI_BASE_ADDRESS_2, ~0U);
  set_config<std::uint32_t>(PCI_BASE_ADDRESS_3, ~0U);
  EXPECT_EQ(config<std::uint32_t>(PCI_BASE_ADDRESS_2), 0xff80'000cU);  // 8 MiB.
  EXPECT_EQ(config<std::uint32_t>(PCI_BASE_ADDRESS_3), ~0U);
  EXPECT_FALSE(alias_.place);
}

TEST_F(GlobalDeviceTest, HasItsMemoryWhereTheGuestPutsIt) {
  const std::uint64_t next = kUpper.bars.start + layout::global_bar_size(kGlobal);
  set_config<std::uint32_t>(PCI_BASE_ADDRESS_2, static_cast<std::uint32_t>(next));
  EXPECT_EQ(alias_.place, memory::GuestAddress{next});
  set_config<std::uint16_t>(PCI_COMMAND, 0);
  EXPECT_FALSE(alias_.place);
  set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY);
  EXPECT_EQ(alias_.place, memory::GuestAddress{next});
  set_config<std::uint32_t>(PCI_BASE_ADDRESS_3, 0x7fff);  // Outside any window.
  EXPECT_FALSE(alias_.place);
}

TEST_F(GlobalDeviceTest, ReadsAsAllOnesPastGlobalMemorysEnd) {
  BusDevice& upper = bridge_.upper_window();
  bus_write<std::uint32_t>(upper, kGlobal, 0);
  EXPECT_EQ(bus_read<std::uint32_t>(upper, kGlobal), ~0U);
  EXPECT_EQ(bus_read<std::uint64_t>(upper, kUpper.bars.size - 8), ~0ULL);
}

TEST_F(GlobalDeviceTest, RingsOtherCellsAndItself) {
  set<std::uint32_t>(0, kDoorbell, 1 << 16 | 3);
  set<std::uint32_t>(0, kDoorbell, 0 << 16 | 1);
  EXPECT_EQ(taken(1, 3), 1U);
  EXPECT_EQ(taken(0, 1), 1U);
  EXPECT_EQ(taken(1, 0), 0U);
  // From the second time on the machine does it.
  const std::uint64_t at = layout::kPciWindow.start + bar(0) + kDoorbell;
  EXPECT_EQ(doorbells_.values.size(), 2U);
  EXPECT_TRUE(doorbells_.values.contains({at, 1 << 16 | 3}));
  set_config<std::uint16_t>(PCI_COMMAND, 0);
  EXPECT_TRUE(doorbells_.values.empty());
  EXPECT_EQ(doorbells_.bad_detaches, 0U);
}

TEST_F(GlobalDeviceTest, IgnoresDoorbellsThatNobodyHas) {
  for (const std::uint32_t value :
       {1U << 16 | 4, 2U << 16, 3U << 16, 0xffffU << 16, ~0U, 0xffffU}) {
    set<std::uint32_t>(0, kDoorbell, value);
  }
  for (unsigned vector = 0; vector < HIVE_GLOBAL_VECTORS; ++vector) {
    EXPECT_EQ(taken(0, vector) + taken(1, vector), 0U);
  }
  EXPECT_TRUE(doorbells_.values.empty());
}

TEST_F(GlobalDeviceTest, DoesNotWaitAtADoorbellThatIsFull) {
  const int full = events_[HIVE_GLOBAL_VECTORS];
  ASSERT_EQ(::fcntl(full, F_SETFL, 0), 0);  // As another of its holders may.
  ASSERT_EQ(::eventfd_write(full, ~0ULL - 1), 0);
  set<std::uint32_t>(0, kDoorbell, 1 << 16);
  EXPECT_EQ(taken(1, 0), ~0ULL - 1);
}

TEST_F(GlobalDeviceTest, ListensToItsOwnDoorbellsWhileUnmasked) {
  enable_msix();
  EXPECT_TRUE(msi_.records.empty());
  program(2, 55, false);
  ASSERT_EQ(msi_.records.size(), 1U);
  EXPECT_EQ(msi_.records[0]->data, 55U);
  EXPECT_EQ(msi_.records[0]->listens_to, events_[2]);
  program(2, 55, true);
  EXPECT_EQ(msi_.records[0]->listens_to, -1);
  EXPECT_EQ(get<std::uint8_t>(1, 2048), 0);
  ::eventfd_write(events_[2], 1);
  EXPECT_EQ(get<std::uint8_t>(1, 2048), 4) << "not pending";
  program(2, 55, false);
  EXPECT_EQ(msi_.records[0]->listens_to, events_[2]);
  EXPECT_EQ(get<std::uint8_t>(1, 2048), 0);
}

TEST_F(GlobalDeviceTest, TakesAccessesOfSeveralThreadsAtATime) {
  enable_msix();
  std::atomic<bool> stop = false;
  const auto over_and_over = [&stop](const std::function<void(unsigned)>& work) {
    return std::thread([&stop, work] {
      for (unsigned turn = 0; !stop; ++turn) work(turn);
    });
  };
  std::vector<std::thread> threads;
  const std::uint64_t registers = bar(0);
  threads.push_back(over_and_over([&](unsigned turn) {
    auto& window = bridge_.window();
    bus_write<std::uint32_t>(window, registers + kDoorbell, 1 << 16 | turn % 5);
    bus_write<std::uint32_t>(window, registers + offsetof(hive_global_registers, submit), 1);
    (void)bus_read<std::uint64_t>(window, registers + offsetof(hive_global_registers, reply));
  }));
  threads.push_back(over_and_over([&](unsigned) { device_->answer({}); }));
  threads.push_back(over_and_over([&](unsigned turn) {
    bus_write<std::uint32_t>(bridge_.window(), registers + 0x1000 + 12, turn % 2);
    (void)bus_read<std::uint64_t>(bridge_.window(), registers + 0x1000 + 2048);
  }));
  for (unsigned turn = 0; turn < 2000; ++turn) {
    set_config<std::uint16_t>(PCI_COMMAND, turn % 2 == 0 ? 0 : PCI_COMMAND_MEMORY);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(doorbells_.bad_detaches, 0U);
  EXPECT_TRUE(alias_.place);
}

TEST_F(GlobalDeviceTest, HandsRequestsOnAndRepliesBack) {
  set<std::uint64_t>(0, offsetof(hive_global_registers, request), 42);
  set<std::uint32_t>(0, offsetof(hive_global_registers, submit), 1);
  ASSERT_EQ(requests_.size(), 1U);
  EXPECT_EQ(requests_[0].tag, 42U);
  hive_global_reply reply{};
  reply.tag = 42;
  device_->answer(reply);
  EXPECT_EQ(get<std::uint32_t>(0, offsetof(hive_global_registers, state)), HIVE_GLOBAL_ANSWERED);
  EXPECT_EQ(get<std::uint64_t>(0, offsetof(hive_global_registers, reply)), 42U);
}

}  // namespace
}  // namespace hive::device
