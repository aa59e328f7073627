// A bare queue and its driver's end in guest memory.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/unit/device/guest_driver.h"
#include "vmm/device/virtio/virtqueue.h"

namespace hive::device::test {

inline constexpr std::uint64_t kRing = 0x1'0000;
inline constexpr std::uint64_t kTable = 0x2'0000;
inline constexpr std::uint64_t kData = 0x10'0000;
inline constexpr std::uint64_t kRamSize = 4 * kMiB;
inline constexpr std::uint16_t kSize = 8;

class VirtqueueTest : public testing::Test {
 protected:
  void enable(Virtqueue::Rules rules = {.indirect = true, .event_index = true}) {
    ASSERT_TRUE(queue_.enable(setup(), rules));
  }
  [[nodiscard]] VirtqueueSetup setup() const {
    return {guest_.size(), guest_.descriptors(), guest_.available(), guest_.used()};
  }
  [[nodiscard]] std::uint64_t address_of(const iovec& buffer) const {
    return static_cast<std::uint64_t>(static_cast<std::byte*>(buffer.iov_base) -
                                      ram_.regions()[0].host);
  }
  void expect_broken(const std::string& fault) {
    EXPECT_FALSE(queue_.pop(chain_));
    EXPECT_EQ(queue_.fault(), fault);
    // It stays quiet, whatever comes.
    guest_.add(0, {{kData, 16, false}});
    EXPECT_FALSE(queue_.pop(chain_));
    queue_.push(0, 0);
    EXPECT_FALSE(queue_.publish());
    EXPECT_FALSE(queue_.want_kicks());
    EXPECT_EQ(guest_.used_index(), 0);
  }

  memory::GuestMemory ram_{kRamSize, memory::layout::kHole, memory::Backing::kSmallPages};
  GuestQueue guest_{ram_, kRing, kSize};
  Virtqueue queue_{ram_, 16};
  std::array<iovec, 16> storage_{};
  Chain chain_{.storage = storage_};
};

}  // namespace hive::device::test
