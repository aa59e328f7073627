// Both ends of a queue on threads of their own, each of which sleeps unless it is signalled.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <semaphore>
#include <thread>

#include "tests/unit/device/virtqueue_fixture.h"

namespace hive::device {
namespace {

using Semaphore = std::counting_semaphore<>;
constexpr unsigned kChains = 4'000;
constexpr auto kPatience = std::chrono::seconds(60);
constexpr std::uint16_t kSize = test::kSize;
constexpr std::uint64_t kAvailableSize = std::uint64_t{kSize} * 2;  // Of the entries, in bytes.
constexpr std::uint64_t kUsedSize = std::uint64_t{kSize} * 8;

template <typename T>
std::atomic_ref<T> word(const memory::GuestMemory& ram, std::uint64_t address) {
  return std::atomic_ref<T>(*reinterpret_cast<T*>(ram.window({address}, sizeof(T))->data()));
}

/// A driver as virtio 1.2, 2.7.13 and 2.7.14 have it: one buffer a chain, whose content counts.
class Driver {
 public:
  Driver(const memory::GuestMemory& ram, const test::GuestQueue& ring, bool event_index)
      : ram_(ram), ring_(ring), event_index_(event_index) {}

  /// Makes the next chain available. Whether the device wants a signal for it.
  bool add() {
    const std::uint16_t head = added_ % kSize;
    word<std::uint64_t>(ram_, test::kData + std::uint64_t{head} * 8)
        .store(added_, std::memory_order_relaxed);
    word<std::uint16_t>(ram_, ring_.available() + 4 + std::uint64_t{head} * 2)
        .store(head, std::memory_order_relaxed);
    ++added_;
    word<std::uint16_t>(ram_, ring_.available() + 2).store(static_cast<std::uint16_t>(added_));
    if (!event_index_) return (word<std::uint16_t>(ram_, ring_.used()).load() & 1) == 0;
    const std::uint16_t event = word<std::uint16_t>(ram_, ring_.used() + 4 + kUsedSize).load();
    return event == static_cast<std::uint16_t>(added_ - 1);
  }
  [[nodiscard]] bool full() const { return added_ - taken_ == kSize; }
  [[nodiscard]] bool done() const { return taken_ == kChains; }
  [[nodiscard]] bool all_added() const { return added_ == kChains; }

  /// Takes what the device has given back. False when that was nothing.
  bool take() {
    const unsigned before = taken_;
    const auto index = word<std::uint16_t>(ram_, ring_.used() + 2).load();
    while (static_cast<std::uint16_t>(taken_) != index) {
      const std::uint64_t entry = ring_.used() + 4 + std::uint64_t{taken_ % kSize} * 8;
      EXPECT_EQ(word<std::uint32_t>(ram_, entry).load(std::memory_order_relaxed), taken_ % kSize);
      EXPECT_EQ(word<std::uint32_t>(ram_, entry + 4).load(std::memory_order_relaxed), 8U);
      ++taken_;
    }
    return taken_ != before;
  }
  /// Asks for an interrupt for the next chain. False when it has come already.
  bool want_interrupt() {
    if (event_index_) {
      word<std::uint16_t>(ram_, ring_.available() + 4 + kAvailableSize)
          .store(static_cast<std::uint16_t>(taken_));
    } else {
      word<std::uint16_t>(ram_, ring_.available()).store(0);
    }
    return word<std::uint16_t>(ram_, ring_.used() + 2).load() == static_cast<std::uint16_t>(taken_);
  }

 private:
  const memory::GuestMemory& ram_;
  const test::GuestQueue& ring_;
  bool event_index_;
  unsigned added_ = 0;
  unsigned taken_ = 0;
};

class VirtqueueThreads : public test::VirtqueueTest, public testing::WithParamInterface<bool> {
 protected:
  /// The device's end: takes chains and gives them back until all have come.
  void serve() {
    unsigned served = 0;
    while (served < kChains) {
      queue_.suppress_kicks();
      while (queue_.pop(chain_)) {
        const auto* content = static_cast<std::uint64_t*>(storage_[0].iov_base);
        EXPECT_EQ(
            std::atomic_ref(*const_cast<std::uint64_t*>(content)).load(std::memory_order_relaxed),
            served);
        queue_.push(chain_.head, 8);
        ++served;
        if (queue_.publish()) interrupt_.release();
      }
      EXPECT_EQ(queue_.fault(), "");
      if (served == kChains || queue_.want_kicks()) continue;
      if (!kick_.try_acquire_for(kPatience)) {
        ADD_FAILURE() << "no kick for chain " << served;
        return;
      }
    }
  }

  Semaphore kick_{0};
  Semaphore interrupt_{0};
};

TEST_P(VirtqueueThreads, LoseNoSignal) {
  for (std::uint16_t head = 0; head < kSize; ++head) {
    guest_.set_descriptor(head, test::kData + std::uint64_t{head} * 8, 8, VRING_DESC_F_WRITE, 0);
  }
  enable({.indirect = true, .event_index = GetParam()});
  std::thread device([this] { serve(); });
  Driver driver(ram_, guest_, GetParam());
  while (!driver.done()) {
    while (!driver.full() && !driver.all_added()) {
      if (driver.add()) kick_.release();
    }
    if (driver.take() || !driver.want_interrupt()) continue;
    if (!interrupt_.try_acquire_for(kPatience)) {
      ADD_FAILURE() << "no interrupt";
      break;
    }
  }
  device.join();
}

INSTANTIATE_TEST_SUITE_P(Suppression, VirtqueueThreads, testing::Bool(), [](const auto& event) {
  return event.param ? "ByEventIndex" : "ByFlags";
});

}  // namespace
}  // namespace hive::device
