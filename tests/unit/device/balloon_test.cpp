#include "vmm/device/virtio/balloon.h"

#include <gtest/gtest.h>
#include <linux/virtio_balloon.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tests/unit/device/guest_driver.h"

namespace hive::device {
namespace {

constexpr std::uint64_t kInflateRing = 0x1'0000;
constexpr std::uint64_t kDeflateRing = 0x2'0000;
constexpr std::uint64_t kFrames = 0x3'0000;
constexpr std::uint32_t kFirst = 0x100;  ///< The first of the pages that are played with.

class BalloonTest : public testing::Test {
 protected:
  void SetUp() override {
    auto balloon = std::make_unique<VirtioBalloon>(machine_.ram, held_, target_);
    balloon_ = balloon.get();
    driver_.emplace(machine_, machine_.attach(std::move(balloon)));
    ASSERT_TRUE(driver_->negotiate(0));
    driver_->enable(0, inflate_);
    driver_->enable(1, deflate_);
    driver_->ready();
  }
  /// One request with FRAMES on queue INDEX, to its end.
  void ask(unsigned index, const std::vector<std::uint32_t>& frames) {
    ASSERT_TRUE(machine_.ram.write({kFrames}, std::as_bytes(std::span(frames))));
    test::GuestQueue& queue = index == 0 ? inflate_ : deflate_;
    queue.add(
        0, {{kFrames, static_cast<std::uint32_t>(frames.size() * sizeof(std::uint32_t)), false}});
    driver_->kick(index);
    EXPECT_TRUE(machine_.run_until([&] { return queue.take_used().has_value(); }));
  }
  void write(std::uint32_t frame) {
    ASSERT_TRUE(machine_.ram.store({frame * kPageSize}, ~std::uint64_t{0}));
  }
  [[nodiscard]] std::uint64_t read(std::uint32_t frame) const {
    return machine_.ram.load<std::uint64_t>({frame * kPageSize}).value();
  }
  /// Whether the host has memory for FRAME.
  [[nodiscard]] bool takes_memory(std::uint32_t frame) const {
    const auto bytes = machine_.ram.window({frame * kPageSize}, kPageSize);
    unsigned char state = 0;
    EXPECT_EQ(::mincore(bytes->data(), bytes->size(), &state), 0);
    return (state & 1) != 0;
  }

  std::atomic<std::uint64_t> held_{0};
  std::atomic<std::uint64_t> target_{0};
  test::TestMachine machine_;
  test::GuestQueue inflate_{machine_.ram, kInflateRing, 8};
  test::GuestQueue deflate_{machine_.ram, kDeflateRing, 8};
  std::optional<test::GuestDriver> driver_;
  VirtioBalloon* balloon_ = nullptr;
};

TEST_F(BalloonTest, GivesPagesToTheHostAndTakesThemBack) {
  for (std::uint32_t frame = kFirst; frame < kFirst + 6; ++frame) write(frame);
  // Upwards, downwards, and one alone.
  ask(0, {kFirst, kFirst + 1, kFirst + 5, kFirst + 4, kFirst + 3});
  EXPECT_EQ(held_, 5U);
  EXPECT_FALSE(takes_memory(kFirst + 1));
  EXPECT_TRUE(takes_memory(kFirst + 2));
  for (const std::uint32_t frame : {0U, 1U, 3U, 4U, 5U}) EXPECT_EQ(read(kFirst + frame), 0U);
  EXPECT_EQ(read(kFirst + 2), ~std::uint64_t{0}) << "its neighbour";
  ask(1, {kFirst, kFirst + 4});
  EXPECT_EQ(held_, 3U);
  write(kFirst);
  EXPECT_EQ(read(kFirst), ~std::uint64_t{0});
}

TEST_F(BalloonTest, CountsEachPageOnce) {
  ask(0, {kFirst, kFirst, kFirst + 1});
  ask(0, {kFirst});
  EXPECT_EQ(held_, 2U);
  ask(1, {kFirst, kFirst, kFirst + 7});
  EXPECT_EQ(held_, 1U);
}

TEST_F(BalloonTest, DoesNotCountWhatTheHostDoesNotTake) {
  const auto locked = machine_.ram.window({(kFirst + 3) * kPageSize}, kPageSize);
  ASSERT_EQ(::syscall(SYS_mlock, locked->data(), locked->size()), 0);
  write(kFirst + 3);
  ask(0, {kFirst, kFirst + 3, kFirst + 5});
  EXPECT_EQ(held_, 2U);
  EXPECT_EQ(read(kFirst + 3), ~std::uint64_t{0});
  ask(1, {kFirst + 3});
  EXPECT_EQ(held_, 2U);
  ASSERT_EQ(::syscall(SYS_munlock, locked->data(), locked->size()), 0);
}

TEST_F(BalloonTest, PassesOverWhatIsNoRam) {
  const auto end = static_cast<std::uint32_t>(machine_.ram.size() / kPageSize);
  write(kFirst);
  ask(0, {end, ~0U, end - 1, 0x000f'fff0});
  EXPECT_EQ(held_, 1U);
  EXPECT_EQ(read(kFirst), ~std::uint64_t{0});
  ask(0, {});
  EXPECT_EQ(held_, 1U);
}

TEST_F(BalloonTest, TakesSoManyPagesOfARequest) {
  std::vector<std::uint32_t> frames(VirtioBalloon::kMaxPerRequest - 1, kFirst);
  frames.push_back(kFirst + 1);
  frames.push_back(kFirst + 2);
  ask(0, frames);
  EXPECT_EQ(held_, 2U) << "the last one is more than a request may have";
}

TEST_F(BalloonTest, LeavesOthersTheirTurnWithinARequest) {
  constexpr std::size_t kMany = VirtioBalloon::kMostSteps + 50;
  std::vector<std::uint32_t> frames;
  for (std::uint32_t count = 0; count < kMany; ++count) frames.push_back(kFirst + 2 * count);
  ASSERT_TRUE(machine_.ram.write({kFrames}, std::as_bytes(std::span(frames))));
  inflate_.add(0, {{kFrames, static_cast<std::uint32_t>(kMany * sizeof frames[0]), false}});
  driver_->kick(0);
  ASSERT_TRUE(machine_.run_until([&] { return held_ != 0; }));
  EXPECT_EQ(held_, VirtioBalloon::kMostSteps);
  EXPECT_FALSE(inflate_.take_used().has_value()) << "not done yet";
  EXPECT_TRUE(machine_.run_until([&] { return inflate_.take_used().has_value(); }));
  EXPECT_EQ(held_, kMany);
}

TEST_F(BalloonTest, DropsWhatItHasBegunWithAReset) {
  std::vector<std::uint32_t> frames(VirtioBalloon::kMaxPerRequest / 2);
  for (std::uint32_t at = 0; at < frames.size(); ++at) frames[at] = kFirst + (at * 3) % 768;
  ASSERT_TRUE(machine_.ram.write({kFrames}, std::as_bytes(std::span(frames))));
  inflate_.add(0, {{kFrames, static_cast<std::uint32_t>(frames.size() * sizeof frames[0]), false}});
  driver_->kick(0);
  ASSERT_TRUE(machine_.run_until([&] { return held_ != 0; }));
  ASSERT_LT(held_, frames.size());
  driver_->reset();
  machine_.settle();
  EXPECT_EQ(held_, 0U);
}

TEST_F(BalloonTest, TellsTheDriverOfItsTarget) {
  const auto field = [&](std::uint64_t offset) {
    std::uint32_t value = 0;
    balloon_->read_config(offset, std::as_writable_bytes(std::span(&value, 1)));
    return value;
  };
  EXPECT_EQ(field(offsetof(virtio_balloon_config, num_pages)), 0U);
  EXPECT_EQ(driver_->config_interrupts(), 0U);
  balloon_->set_target(77);
  EXPECT_EQ(driver_->config_interrupts(), 1U);
  balloon_->set_target(77);
  EXPECT_EQ(driver_->config_interrupts(), 1U) << "nothing is new";
  EXPECT_EQ(field(offsetof(virtio_balloon_config, num_pages)), 77U);
  ask(0, {kFirst});
  EXPECT_EQ(field(offsetof(virtio_balloon_config, actual)), 1U);
}

TEST_F(BalloonTest, IsEmptyAfterAReset) {
  ask(0, {kFirst});
  driver_->reset();
  EXPECT_EQ(held_, 0U);
}

}  // namespace
}  // namespace hive::device
