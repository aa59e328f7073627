#include "vmm/device/virtio/common_config.h"

#include <gtest/gtest.h>

#include <array>

#include "vmm/base/units.h"

namespace hive::device {
namespace {

constexpr std::uint64_t kOffered = 1ULL << 32 | 1ULL << 40 | 1ULL << 9;

class CommonConfigTest : public testing::Test {
 protected:
  template <typename T>
  T in(std::uint64_t offset) {
    T value{};
    config_.read(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  }
  template <typename T>
  CommonConfigEffect out(std::uint64_t offset, T value) {
    return config_.write(offset, std::as_bytes(std::span(&value, 1)));
  }
  void accept(std::uint64_t features) {
    out<std::uint32_t>(8, 0);
    out<std::uint32_t>(0xc, static_cast<std::uint32_t>(features));
    out<std::uint32_t>(8, 1);
    out<std::uint32_t>(0xc, static_cast<std::uint32_t>(features >> 32));
  }
  void agree(std::uint64_t features) {
    accept(features);
    out<std::uint8_t>(0x14, 0x0b);
  }

  std::array<std::uint16_t, 2> sizes_{128, 64};
  CommonConfig config_{kOffered, sizes_, 3};
};

TEST_F(CommonConfigTest, OffersFeaturesByHalves) {
  EXPECT_EQ(in<std::uint32_t>(4), 1U << 9);
  out<std::uint32_t>(0, 1);
  EXPECT_EQ(in<std::uint32_t>(4), 1U << 0 | 1U << 8);
  out<std::uint32_t>(0, 2);
  EXPECT_EQ(in<std::uint32_t>(4), 0U);
}

TEST_F(CommonConfigTest, RefusesFeaturesWithoutVersion1) {
  agree(1ULL << 9);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0x03);
  agree(1ULL << 9 | 1ULL << 32);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0x0b);
}

TEST_F(CommonConfigTest, RefusesFeaturesThatAreNotOffered) {
  agree(1ULL << 32 | 1ULL << 5);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0x03);
}

TEST_F(CommonConfigTest, FixesFeaturesOnceAgreed) {
  agree(1ULL << 32);
  accept(1ULL << 32 | 1ULL << 9);
  EXPECT_EQ(config_.features(), 1ULL << 32);
}

TEST_F(CommonConfigTest, IsReadyOnlyAfterFeatures) {
  EXPECT_EQ(out<std::uint8_t>(0x14, 0x07).kind, CommonConfigEffect::kNone);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0x03);
  agree(1ULL << 32);
  EXPECT_EQ(out<std::uint8_t>(0x14, 0x0f).kind, CommonConfigEffect::kDriverReady);
  EXPECT_EQ(out<std::uint8_t>(0x14, 0x0f).kind, CommonConfigEffect::kNone);  // Once.
}

TEST_F(CommonConfigTest, LetsTheDriverOnlyAddStatusBits) {
  agree(1ULL << 32);
  out<std::uint8_t>(0x14, 0x41);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0x0b);  // Neither cleared, nor NEEDS_RESET set.
  config_.set_needs_reset();
  out<std::uint8_t>(0x14, 0x80);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0xcb);
}

TEST_F(CommonConfigTest, ResetsWhenTheTransportHas) {
  agree(1ULL << 32);
  EXPECT_EQ(out<std::uint8_t>(0x14, 0).kind, CommonConfigEffect::kReset);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0x0b);
  config_.reset();
  EXPECT_EQ(in<std::uint8_t>(0x14), 0);
  EXPECT_EQ(config_.features(), 0U);
}

TEST_F(CommonConfigTest, ShowsTheSelectedQueue) {
  EXPECT_EQ(in<std::uint16_t>(0x12), 2);
  EXPECT_EQ(in<std::uint16_t>(0x18), 128);
  out<std::uint16_t>(0x16, 1);
  EXPECT_EQ(in<std::uint16_t>(0x18), 64);
  EXPECT_EQ(in<std::uint16_t>(0x1e), 1);
  out<std::uint16_t>(0x18, 32);
  out<std::uint64_t>(0x20, 0x1234'5678'9abc'def0);
  out<std::uint32_t>(0x2c, 7);
  EXPECT_EQ(in<std::uint64_t>(0x20), 0x1234'5678'9abc'def0U);
  EXPECT_EQ(in<std::uint64_t>(0x28), 7ULL << 32);
  EXPECT_EQ(config_.setup(1).size, 32);
  out<std::uint16_t>(0x16, 2);
  EXPECT_EQ(in<std::uint16_t>(0x18), 0);  // No such queue.
  out<std::uint16_t>(0x18, 8);
}

TEST_F(CommonConfigTest, EnablesQueuesOnlyAfterFeatures) {
  EXPECT_EQ(out<std::uint16_t>(0x1c, 1).kind, CommonConfigEffect::kNone);
  agree(1ULL << 32);
  EXPECT_EQ(out<std::uint16_t>(0x1c, 1).kind, CommonConfigEffect::kEnableQueue);
  config_.set_enabled(0);
  EXPECT_EQ(in<std::uint16_t>(0x1c), 1);
  EXPECT_EQ(out<std::uint16_t>(0x1c, 1).kind, CommonConfigEffect::kNone);
  out<std::uint16_t>(0x18, 2);
  out<std::uint32_t>(0x20, 2);
  EXPECT_EQ(config_.setup(0).size, 128);  // In use: not to be changed.
  EXPECT_EQ(config_.setup(0).descriptors, 0U);
}

TEST_F(CommonConfigTest, ResetsAQueueOnlyWithTheFeature) {
  agree(1ULL << 32);
  config_.set_enabled(0);
  EXPECT_EQ(out<std::uint16_t>(0x3a, 1).kind, CommonConfigEffect::kNone);
  config_.reset();
  agree(1ULL << 32 | 1ULL << 40);
  EXPECT_EQ(out<std::uint16_t>(0x3a, 1).kind, CommonConfigEffect::kNone);  // Not enabled.
  config_.set_enabled(0);
  EXPECT_EQ(out<std::uint16_t>(0x3a, 1).kind, CommonConfigEffect::kResetQueue);
  EXPECT_EQ(in<std::uint16_t>(0x3a), 1);
  config_.queue_was_reset(0);
  EXPECT_EQ(in<std::uint16_t>(0x3a), 0);
  EXPECT_EQ(in<std::uint16_t>(0x1c), 0);
}

TEST_F(CommonConfigTest, RefusesVectorsThatDoNotExist) {
  out<std::uint16_t>(0x10, 2);
  EXPECT_EQ(in<std::uint16_t>(0x10), 2);
  out<std::uint16_t>(0x10, 3);
  EXPECT_EQ(in<std::uint16_t>(0x10), CommonConfig::kNoVector);
  out<std::uint16_t>(0x1a, 1);
  EXPECT_EQ(config_.queue_vector(0), 1);
  out<std::uint16_t>(0x1a, 9);
  EXPECT_EQ(config_.queue_vector(0), CommonConfig::kNoVector);
}

TEST_F(CommonConfigTest, IgnoresStoresOfTheWrongWidth) {
  out<std::uint32_t>(0x14, 0x0101'0101);
  out<std::uint16_t>(0x14, 0x0101);
  EXPECT_EQ(in<std::uint8_t>(0x14), 0);
  out<std::uint8_t>(0x18, 1);
  EXPECT_EQ(in<std::uint16_t>(0x18), 128);
  out<std::uint64_t>(0x10, ~0ULL);
  EXPECT_EQ(in<std::uint16_t>(0x10), CommonConfig::kNoVector);
  std::array<std::byte, 16> wide{};
  config_.write(0x20, wide);
}

TEST_F(CommonConfigTest, ReadsZeroBeyondItsEnd) {
  EXPECT_EQ(in<std::uint64_t>(0x40), 0U);
  EXPECT_EQ(in<std::uint32_t>(~0ULL - 1), 0U);
}

}  // namespace
}  // namespace hive::device
