#include <gtest/gtest.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>

#include <array>
#include <thread>

#include "tests/unit/device/guest_driver.h"

namespace hive::device {
namespace {

using test::GuestDriver;
using test::GuestQueue;
using test::TestMachine;

constexpr std::uint64_t kEventIndex = 1ULL << VIRTIO_RING_F_EVENT_IDX;
constexpr std::uint64_t kRingReset = 1ULL << VIRTIO_F_RING_RESET;
constexpr std::uint64_t kRing0 = 0x1'0000;
constexpr std::uint64_t kRing1 = 0x2'0000;
constexpr std::uint64_t kData = 0x10'0000;

/// What a probe device was told, and what it may be made to do.
struct Probe {
  unsigned processed[2] = {0, 0};
  unsigned resets = 0;
  unsigned queue_resets = 0;
  std::uint64_t features = 0;
  bool hold = false;  ///< Keep chains instead of giving them back.
  unsigned held = 0;
  VirtioTransport* transport = nullptr;
};

/// Gives each chain back at once, or holds on to it as a device with requests in flight does.
class ProbeDevice : public VirtioDevice {
 public:
  explicit ProbeDevice(Probe& probe) : probe_(probe) {}
  [[nodiscard]] VirtioType type() const override { return VirtioType::kRng; }
  [[nodiscard]] std::string_view name() const override { return "probe"; }
  [[nodiscard]] std::uint64_t features() const override { return 2; }
  [[nodiscard]] std::span<const std::uint16_t> queue_sizes() const override { return kSizes; }
  void read_config(std::uint64_t offset, std::span<std::byte> data) const override {
    read_config_struct(config_, offset, data);
  }
  void write_config(std::uint64_t offset, std::span<const std::byte> data) override {
    if (offset == 0 && data.size() == 4) std::memcpy(&config_, data.data(), 4);
  }
  void attach(VirtioTransport& transport) override { probe_.transport = &transport; }
  void activate(std::uint64_t features) override { probe_.features = features; }
  void process(unsigned index) override {
    ++probe_.processed[index];
    std::array<iovec, 8> storage;
    Chain chain{.storage = storage};
    Virtqueue& queue = probe_.transport->queue(index);
    do {
      while (queue.pop(chain)) {
        if (probe_.hold) {
          ++probe_.held;
        } else {
          queue.push(chain.head, 7);
        }
      }
    } while (queue.want_kicks());
  }
  [[nodiscard]] bool idle() const override { return probe_.held == 0; }
  void reset_queue(unsigned /*index*/) override { ++probe_.queue_resets; }
  void reset() override { ++probe_.resets; }

 private:
  static constexpr std::array<std::uint16_t, 2> kSizes{16, 8};
  Probe& probe_;
  std::uint32_t config_ = 0x11223344;
};

class TransportTest : public testing::Test {
 protected:
  void SetUp() override {
    number_ = machine_.attach(std::make_unique<ProbeDevice>(probe_));
    driver_.emplace(machine_, number_);
  }
  void start(std::uint64_t features = kEventIndex, std::uint16_t size = 8) {
    ASSERT_TRUE(driver_->negotiate(features));
    queue0_ = GuestQueue(machine_.ram, kRing0, size);
    queue1_ = GuestQueue(machine_.ram, kRing1, 8);
    driver_->enable(0, queue0_);
    driver_->enable(1, queue1_);
    driver_->ready();
    machine_.settle();
  }
  /// The device's own request has ended.
  void release() {
    probe_.transport->run([this] { probe_.held = 0; });
  }

  TestMachine machine_;
  Probe probe_;
  unsigned number_ = 0;
  std::optional<GuestDriver> driver_;
  GuestQueue queue0_{machine_.ram, kRing0, 8};
  GuestQueue queue1_{machine_.ram, kRing1, 8};
};

TEST_F(TransportTest, IsAModernVirtioFunction) {
  EXPECT_EQ(driver_->config<std::uint32_t>(0), 0x10441af4U);
  EXPECT_EQ(driver_->config<std::uint8_t>(PCI_REVISION_ID), 1);
  EXPECT_GE(driver_->config<std::uint16_t>(PCI_SUBSYSTEM_ID), 0x40);
  EXPECT_EQ(driver_->config<std::uint8_t>(PCI_INTERRUPT_PIN), 0);
  EXPECT_NE(driver_->msix_capability, 0U);
  EXPECT_NE(driver_->window_capability, 0U);
  const std::uint64_t rings = kEventIndex | kRingReset | 1ULL << VIRTIO_RING_F_INDIRECT_DESC;
  EXPECT_EQ(driver_->offered(), rings | 1ULL << VIRTIO_F_VERSION_1 | 2);
}

TEST_F(TransportTest, RefusesALegacyDriver) {
  driver_->set_status(3);
  driver_->accept(2);
  driver_->set_status(0x0b);
  EXPECT_EQ(driver_->status(), 3);
}

TEST_F(TransportTest, ServesAChain) {
  start();
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  ASSERT_TRUE(machine_.run_until([&] { return queue0_.used_index() == 1; }));
  EXPECT_EQ(queue0_.take_used()->length, 7U);
  EXPECT_EQ(driver_->interrupts(0), 1U);
  EXPECT_EQ(driver_->interrupts(1), 0U);
  EXPECT_EQ(probe_.features, kEventIndex | 1ULL << VIRTIO_F_VERSION_1);
}

TEST_F(TransportTest, ServesADoorbellThatCameOverTheBus) {
  machine_.doorbells.refuse = true;
  start();
  EXPECT_TRUE(machine_.doorbells.attached.empty());
  queue1_.add(0, {{kData, 16, true}});
  driver_->kick(1);
  ASSERT_TRUE(machine_.run_until([&] { return queue1_.used_index() == 1; }));
  EXPECT_EQ(driver_->interrupts(1), 1U);
}

TEST_F(TransportTest, GivesBackWithoutHasteWhereADeviceSaysSo) {
  start(kEventIndex, 16);
  probe_.transport->defer_interrupts(0);
  for (unsigned sent = 1; sent <= 8; ++sent) {
    queue0_.add(static_cast<std::uint16_t>(sent), {{kData, 16, true}});
    driver_->kick(0);
    machine_.settle();
    EXPECT_EQ(queue0_.used_index(), sent);  // Visible at once.
    EXPECT_EQ(driver_->interrupts(0), sent / 2);
    queue0_.set_used_event(static_cast<std::uint16_t>(sent / 2 * 2));
  }
}

TEST_F(TransportTest, GivesBackInHasteWhatIsDue) {
  start(kEventIndex, 16);
  probe_.transport->defer_interrupts(0);
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  machine_.settle();
  EXPECT_EQ(driver_->interrupts(0), 0U);
  for (unsigned times = 0; times < 2; ++times) {
    probe_.transport->run([&] { probe_.transport->hasten(0); });
    EXPECT_EQ(driver_->interrupts(0), 1U);
  }
}

TEST_F(TransportTest, LooksAtNoQueueBeforeDriverOk) {
  ASSERT_TRUE(driver_->negotiate(kEventIndex));
  driver_->enable(0, queue0_);
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  machine_.settle();
  EXPECT_EQ(probe_.processed[0], 0U);
  driver_->ready();
  ASSERT_TRUE(machine_.run_until([&] { return queue0_.used_index() == 1; }));
}

TEST_F(TransportTest, AsksForResetOnABrokenQueueAndLivesOn) {
  start();
  queue0_.set_available_index(100);
  driver_->kick(0);
  ASSERT_TRUE(machine_.run_until([&] { return !machine_.broken.empty(); }));
  EXPECT_EQ(machine_.broken[0], "probe: queue 0: available index runs ahead of the ring");
  EXPECT_EQ(driver_->status(), 0x4f);
  EXPECT_EQ(driver_->config_interrupts(), 1U);

  queue1_.add(0, {{kData, 16, true}});  // The whole device is quiet.
  driver_->kick(1);
  machine_.settle();
  EXPECT_EQ(queue1_.used_index(), 0);
  EXPECT_EQ(machine_.broken.size(), 1U);

  driver_->reset();
  EXPECT_EQ(driver_->status(), 0);
  start();
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  EXPECT_TRUE(machine_.run_until([&] { return queue0_.used_index() == 1; }));
}

TEST_F(TransportTest, TellsOfABoundedNumberOfBreaks) {
  for (unsigned turn = 1; turn <= 100; ++turn) {
    ASSERT_TRUE(driver_->negotiate(0));
    driver_->set_common<std::uint16_t>(0x16, 0);
    driver_->set_common<std::uint64_t>(0x20, 0xc000'0000);
    driver_->set_common<std::uint16_t>(0x1c, 1);
    ASSERT_EQ(driver_->status() & 0x40, 0x40) << turn;
    driver_->reset();
  }
  machine_.settle();
  EXPECT_EQ(machine_.broken.size(), 16U);
}

TEST_F(TransportTest, BreaksWhenAQueueIsSetUpOutsideMemory) {
  ASSERT_TRUE(driver_->negotiate(0));
  driver_->set_common<std::uint16_t>(0x16, 0);
  driver_->set_common<std::uint64_t>(0x20, 0xc000'0000);
  driver_->set_common<std::uint16_t>(0x1c, 1);
  EXPECT_EQ(driver_->common<std::uint16_t>(0x1c), 0);
  EXPECT_EQ(driver_->status() & 0x40, 0x40);
  driver_->reset();
  EXPECT_EQ(driver_->status(), 0);
}

TEST_F(TransportTest, ResetsOnlyOnceRequestsInFlightAreDone) {
  start();
  probe_.hold = true;
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  machine_.settle();
  ASSERT_EQ(probe_.held, 1U);
  driver_->set_status(0);
  EXPECT_NE(driver_->status(), 0);
  driver_->set_status(1);  // Too early: not taken.
  EXPECT_EQ(probe_.resets, 0U);
  release();
  EXPECT_EQ(driver_->status(), 0);
  EXPECT_EQ(probe_.resets, 1U);
}

TEST_F(TransportTest, ResetsOneQueue) {
  start(kEventIndex | kRingReset);
  driver_->set_common<std::uint16_t>(0x16, 0);
  probe_.hold = true;
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  machine_.settle();
  driver_->set_common<std::uint16_t>(0x3a, 1);
  EXPECT_EQ(driver_->common<std::uint16_t>(0x3a), 1);
  release();
  EXPECT_EQ(driver_->common<std::uint16_t>(0x3a), 0);
  EXPECT_EQ(driver_->common<std::uint16_t>(0x1c), 0);
  EXPECT_EQ(probe_.queue_resets, 1U);
  EXPECT_EQ(probe_.resets, 0U);

  probe_.hold = false;
  queue0_ = GuestQueue(machine_.ram, kRing0, 4);
  queue0_.add(0, {{kData, 16, true}});
  driver_->enable(0, queue0_);  // It holds a chain already.
  EXPECT_TRUE(machine_.run_until([&] { return queue0_.used_index() == 1; }));
}

TEST_F(TransportTest, IsQuietWhilePaused) {
  start();
  probe_.hold = true;
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  machine_.settle();
  bool quiet = false;
  machine_.bridge.quiesce([&] { quiet = true; });
  machine_.settle();
  EXPECT_FALSE(quiet);
  release();
  machine_.settle();
  EXPECT_TRUE(quiet);

  probe_.hold = false;
  queue1_.add(0, {{kData, 16, true}});
  driver_->kick(1);
  machine_.settle();
  EXPECT_EQ(queue1_.used_index(), 0);
  machine_.bridge.resume();
  EXPECT_TRUE(machine_.run_until([&] { return queue1_.used_index() == 1; }));
}

TEST_F(TransportTest, MovesItsDoorbellsWithItsBar) {
  start();
  ASSERT_EQ(machine_.doorbells.attached.size(), 2U);
  const std::uint64_t before = driver_->doorbell(0);
  driver_->set_config<std::uint16_t>(PCI_COMMAND, 0);
  EXPECT_TRUE(machine_.doorbells.attached.empty());
  driver_->set_config<std::uint32_t>(PCI_BASE_ADDRESS_0,
                                     static_cast<std::uint32_t>(driver_->bar() + 0x10'0000));
  driver_->probe();
  EXPECT_EQ(driver_->doorbell(0), before + 0x10'0000);
  EXPECT_EQ(machine_.doorbells.attached.size(), 2U);
  EXPECT_TRUE(machine_.doorbells.attached.contains(before + 0x10'0000));
  EXPECT_EQ(machine_.doorbells.bad_detaches, 0U);
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  EXPECT_TRUE(machine_.run_until([&] { return queue0_.used_index() == 1; }));
}

TEST_F(TransportTest, ReadsAndWritesTheDevicesConfiguration) {
  EXPECT_EQ(driver_->device<std::uint32_t>(0), 0x11223344U);
  EXPECT_EQ(driver_->device<std::uint16_t>(2), 0x1122);
  EXPECT_EQ(driver_->device<std::uint32_t>(4), 0U);
  const auto generation = driver_->common<std::uint8_t>(0x15);
  start();
  probe_.transport->run([&] { probe_.transport->config_changed(); });
  EXPECT_EQ(driver_->common<std::uint8_t>(0x15), generation + 1);
  EXPECT_EQ(driver_->config_interrupts(), 1U);
}

TEST_F(TransportTest, GivesTheBarThroughConfigurationSpace) {
  const std::uint64_t cap = driver_->window_capability;
  driver_->set_config<std::uint8_t>(cap + VIRTIO_PCI_CAP_BAR, 0);
  driver_->set_config<std::uint32_t>(cap + VIRTIO_PCI_CAP_OFFSET, 0x14);  // Device status.
  driver_->set_config<std::uint32_t>(cap + VIRTIO_PCI_CAP_LENGTH, 1);
  driver_->set_config<std::uint8_t>(cap + 16, 3);
  EXPECT_EQ(driver_->status(), 3);
  EXPECT_EQ(driver_->config<std::uint8_t>(cap + 16), 3);
  driver_->set_config<std::uint32_t>(cap + VIRTIO_PCI_CAP_OFFSET, 0x2000);
  driver_->set_config<std::uint32_t>(cap + VIRTIO_PCI_CAP_LENGTH, 4);
  EXPECT_EQ(driver_->config<std::uint32_t>(cap + 16), 0x11223344U);
  for (const std::uint32_t bad : {0x8000U, 0x7ffeU, ~0U - 3, 2U}) {
    driver_->set_config<std::uint32_t>(cap + VIRTIO_PCI_CAP_OFFSET, bad);
    driver_->set_config<std::uint32_t>(cap + 16, 0x01010101);
    (void)driver_->config<std::uint32_t>(cap + 16);
  }
  EXPECT_EQ(driver_->status(), 3);
}

TEST_F(TransportTest, LetsADriverWithoutMsixPoll) {
  driver_->set_status(3);
  driver_->accept(1ULL << VIRTIO_F_VERSION_1);
  driver_->set_status(0x0b);
  driver_->enable(0, queue0_);
  driver_->ready();
  queue0_.add(0, {{kData, 16, true}});
  driver_->kick(0);
  ASSERT_TRUE(machine_.run_until([&] { return queue0_.used_index() == 1; }));
  const std::uint64_t isr = driver_->bar_offset() + 0x1000;
  EXPECT_EQ(test::bus_read<std::uint8_t>(machine_.bridge.window(), isr), 1);
  EXPECT_EQ(test::bus_read<std::uint8_t>(machine_.bridge.window(), isr), 0);
}

// vCPU threads ring, mask and reset while the loop serves: for the thread sanitizer above all.
TEST_F(TransportTest, SurvivesVcpusThatDoEverythingAtOnce) {
  machine_.doorbells.refuse = true;
  start();
  std::atomic<bool> stop = false;
  std::thread vcpu([&] {
    while (!stop) {
      driver_->kick(0);
      driver_->kick(1);
      (void)driver_->status();
    }
  });
  std::thread other([&] {
    for (int i = 0; i < 300; ++i) {
      driver_->set_config<std::uint16_t>(driver_->msix_capability + 2,
                                         i % 2 == 0 ? 0x8002 : 0xc002);
      driver_->set_config<std::uint16_t>(PCI_COMMAND, i % 3 == 0 ? 0 : PCI_COMMAND_MEMORY);
      if (i % 10 == 0) driver_->set_status(0);
    }
    stop = true;
  });
  while (!stop) {
    machine_.loop.restart();
    machine_.loop.run_for(std::chrono::milliseconds(1));
  }
  vcpu.join();
  other.join();
  machine_.settle();
  driver_->set_config<std::uint16_t>(PCI_COMMAND, PCI_COMMAND_MEMORY);
  driver_->reset();
  EXPECT_EQ(driver_->status(), 0);
}

}  // namespace
}  // namespace hive::device
