// Interrupts that a fault loses.
#include <gtest/gtest.h>

#include "tests/unit/device/block_fixture.h"

namespace hive::device {
namespace {

using std::chrono::milliseconds;

class InterruptLoss : public BlockTest {
 protected:
  void lose(unsigned percent, milliseconds duration = std::chrono::hours(1)) {
    machine_->functions.at(0)->lose_interrupts({percent, 1, duration});
  }
  /// After it the driver wants an interrupt for the next one.
  void read() { EXPECT_EQ(request(VIRTIO_BLK_T_IN, 0, {{kData, 512, true}}), VIRTIO_BLK_S_OK); }
  [[nodiscard]] unsigned interrupts() const { return driver_->interrupts(0); }
};

TEST_F(InterruptLoss, IsOfInterruptsAlone) {
  read();
  ASSERT_EQ(interrupts(), 1U);
  lose(100);
  for (int i = 0; i < 10; ++i) {
    read();
  }
  EXPECT_EQ(interrupts(), 1U);
}

TEST_F(InterruptLoss, EndsWithTheNextBufferThoughTheDriverWaitsForAnEarlierOne) {
  lose(100);
  read();
  EXPECT_EQ(interrupts(), 0U);
  // The driver has seen no interrupt, and goes on waiting for the first buffer.
  queue_->set_used_event(0);
  lose(100, milliseconds(0));
  read();
  EXPECT_EQ(interrupts(), 1U);
  // It owes no more: without a wish of the driver's there is none.
  queue_->set_used_event(0);
  read();
  EXPECT_EQ(interrupts(), 1U);
  read();  // The driver has looked at what it got.
  EXPECT_EQ(interrupts(), 2U);
}

TEST_F(InterruptLoss, HitsItsShare) {
  lose(30);
  for (int i = 0; i < 500; ++i) {
    read();
  }
  EXPECT_NEAR(interrupts(), 350, 55);  // 5 standard deviations.
}

TEST_F(InterruptLoss, HasNoInterruptWhereTheDriverWantsNone) {
  TearDown();
  start(false, kAll & ~(1ULL << VIRTIO_RING_F_EVENT_IDX));
  lose(100);
  read();
  lose(100, milliseconds(0));
  queue_->set_available_flags(VRING_AVAIL_F_NO_INTERRUPT);
  read();
  EXPECT_EQ(interrupts(), 1U) << "the one that is owed, at most";
  read();
  EXPECT_EQ(interrupts(), 1U);
}

TEST_F(InterruptLoss, IsForgottenWhenTheDriverResetsTheDevice) {
  lose(100);
  read();
  lose(100, milliseconds(0));
  driver_->reset();
  ASSERT_TRUE(driver_->negotiate(kAll));
  queue_.emplace(machine_->ram, kRing, 128);
  driver_->enable(0, *queue_);
  driver_->ready();
  queue_->set_used_event(100);
  read();
  EXPECT_EQ(interrupts(), 0U);
}

}  // namespace
}  // namespace hive::device
