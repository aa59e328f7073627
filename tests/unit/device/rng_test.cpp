#include "vmm/device/virtio/rng.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/device/guest_driver.h"

namespace hive::device {
namespace {

constexpr std::uint64_t kRing = 0x1'0000;
constexpr std::uint64_t kData = 0x10'0000;

class RngTest : public testing::Test {
 protected:
  void SetUp() override {
    driver_.emplace(machine_, machine_.attach(std::make_unique<VirtioRng>()));
    ASSERT_TRUE(driver_->negotiate(0));
    driver_->enable(0, queue_);
    driver_->ready();
  }
  std::uint32_t ask(const std::vector<test::Buffer>& buffers) {
    queue_.add(0, buffers);
    driver_->kick(0);
    std::optional<test::GuestQueue::Used> used;
    EXPECT_TRUE(machine_.run_until([&] { return (used = queue_.take_used()).has_value(); }));
    return used ? used->length : ~0U;
  }

  test::TestMachine machine_;
  test::GuestQueue queue_{machine_.ram, kRing, 8};
  std::optional<test::GuestDriver> driver_;
};

TEST_F(RngTest, FillsBuffersWithEntropy) {
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(ask({{kData, 8, true}, {kData + 64, 8, true}}), 16U);
    seen.insert(*machine_.ram.load<std::uint64_t>({kData}));
    seen.insert(*machine_.ram.load<std::uint64_t>({kData + 64}));
  }
  EXPECT_EQ(seen.size(), 64U);
}

TEST_F(RngTest, BoundsEachRequest) {
  EXPECT_EQ(ask({{kData, 0x10'0000, true}}), VirtioRng::kMaxBytes);
  EXPECT_EQ(machine_.ram.load<std::uint64_t>({kData + VirtioRng::kMaxBytes}), 0U);
}

TEST_F(RngTest, AnswersRequestsWithoutRoom) { EXPECT_EQ(ask({{kData, 16, false}}), 0U); }

}  // namespace
}  // namespace hive::device
