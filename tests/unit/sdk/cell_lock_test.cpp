// Locks among cells.
#include "guests/sdk/events/cell_lock.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "tests/unit/sdk/cells.h"

namespace {

using hive::sdk::Clock;
using hive::sdk::LockOwner;
using hive::sdk::Machine;
using hive::sdk::Taken;
using hive::testing::Cells;
using hive::testing::load;
using hive::testing::store;
using namespace std::chrono_literals;

constexpr std::uint64_t kLock = 4096;

class CellLockTest : public ::testing::Test {
 protected:
  std::uint32_t* word(std::uint64_t offset = kLock) {
    return reinterpret_cast<std::uint32_t*>(cells_.fake.memory(1) + offset);
  }

  Cells cells_;
  std::unique_ptr<Machine> alpha_ = cells_.machine(0);
  std::unique_ptr<Machine> beta_ = cells_.machine(1, 7);
};

TEST_F(CellLockTest, NamesItsOwner) {
  ASSERT_EQ(beta_->lock(1, kLock, 1s).value(), Taken::kFree);
  EXPECT_EQ(load(word()), 2U << 24 | 7U);
  const auto state = alpha_->lock_state(1, kLock).value();
  EXPECT_TRUE(state.held);
  EXPECT_EQ(state.owner.cell, 1U);
  EXPECT_EQ(state.owner.incarnation, 7U);
  EXPECT_EQ(alpha_->unlock(1, kLock).status(), HIVE_INVALID);
  EXPECT_EQ(alpha_->lock(1, kLock, 10ms).status(), HIVE_DEADLINE);
  EXPECT_EQ(beta_->lock(1, kLock, 0ms).status(), HIVE_DEADLINE) << "it is not recursive";
  EXPECT_TRUE(beta_->unlock(1, kLock).ok());
  EXPECT_EQ(load(word()), 0U);
  EXPECT_EQ(beta_->unlock(1, kLock).status(), HIVE_INVALID);
}

TEST_F(CellLockTest, WakesTheNextOne) {
  ASSERT_TRUE(beta_->lock(1, kLock, 1s).ok());
  std::thread next([&] {
    EXPECT_EQ(alpha_->lock(1, kLock, 30s).value(), Taken::kFree);
    EXPECT_TRUE(alpha_->unlock(1, kLock).ok());
  });
  while ((load(word()) & HIVE_LOCK_WAITERS) == 0) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(beta_->unlock(1, kLock).ok());
  next.join();
  EXPECT_EQ(load(word()), 0U);
}

TEST_F(CellLockTest, TellsWhoeverGetsItAfterAFailure) {
  ASSERT_TRUE(beta_->lock(1, kLock, 1s).ok());
  std::thread next([&] {
    EXPECT_EQ(alpha_->lock(1, kLock, 30s).value(), Taken::kAbandoned);
    EXPECT_TRUE(alpha_->unlock(1, kLock).ok());
  });
  while ((load(word()) & HIVE_LOCK_WAITERS) == 0) std::this_thread::sleep_for(1ms);
  EXPECT_TRUE(alpha_->abandon_lock(1, kLock, {1, 6}).ok());
  EXPECT_TRUE(alpha_->lock_state(1, kLock).value().held) << "that was another incarnation";
  EXPECT_TRUE(alpha_->abandon_lock(1, kLock, {1, 7}).ok());
  next.join();
  EXPECT_EQ(alpha_->lock(1, kLock, 1s).value(), Taken::kFree) << "told once";
}

TEST_F(CellLockTest, IsTakenOverFromAnEarlierBootOfTheSameCell) {
  ASSERT_TRUE(beta_->lock(1, kLock, 1s).ok());
  const auto reborn = cells_.machine(1, 8);
  EXPECT_EQ(reborn->lock(1, kLock, 1s).value(), Taken::kAbandoned);
  EXPECT_EQ(beta_->unlock(1, kLock).status(), HIVE_INVALID);
  EXPECT_TRUE(reborn->unlock(1, kLock).ok());
}

TEST_F(CellLockTest, RefusesWordsThatAreNone) {
  store(word(), HIVE_LOCK_GONE);
  EXPECT_EQ(alpha_->lock(1, kLock, 1s).status(), HIVE_GONE);
  EXPECT_EQ(alpha_->unlock(1, kLock).status(), HIVE_INVALID);
  EXPECT_EQ(alpha_->lock(1, kLock + 2, 1s).status(), HIVE_MISALIGNED);
  EXPECT_EQ(alpha_->lock(1, Cells::kPages * 4096, 1s).status(), HIVE_OUT_OF_RANGE);
  EXPECT_EQ(alpha_->lock(2, 0, 1s).status(), HIVE_OUT_OF_RANGE);
  store(word(), 0x7f000000);  // An owner that cannot be.
  EXPECT_EQ(alpha_->lock(1, kLock, 5ms).status(), HIVE_DEADLINE);
}

TEST_F(CellLockTest, ExcludesThreadsOfAllCells) {
  constexpr int kRounds = 1500;
  std::uint32_t* count = word(kLock + 64);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&, i] {
      Machine& machine = i % 2 == 0 ? *alpha_ : *beta_;
      for (int round = 0; round < kRounds; ++round) {
        ASSERT_TRUE(machine.lock(1, kLock, 40s).ok());
        store(count, load(count) + 1);
        ASSERT_TRUE(machine.unlock(1, kLock).ok());
      }
    });
  }
  for (std::thread& each : threads) each.join();
  EXPECT_EQ(load(count), 4U * kRounds);
}

}  // namespace
