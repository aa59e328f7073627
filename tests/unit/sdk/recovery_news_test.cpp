// What a guest's programs are told of other cells' failures.
#include "guests/sdk/events/recovery_news.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

#include "guests/abi/system_area.h"
#include "guests/sdk/c_calls.h"
#include "tests/unit/sdk/cells.h"

namespace {

using hive::sdk::Machine;
using hive::sdk::RecoveryNews;
using hive::sdk::Taken;
using hive::testing::Cells;
using namespace std::chrono_literals;

void tell(hive_recovery_news& news, std::uint32_t first, std::uint32_t pages) {
  const std::uint32_t number = news.discards + 1;
  news.discard[(number - 1) % HIVE_NEWS_DISCARDS] = {number, first, pages, 0, 2, 5};
  __atomic_store_n(&news.discards, number, __ATOMIC_RELEASE);
}

std::unique_ptr<hive_recovery_news> make_news(std::uint32_t incarnation) {
  auto news = std::make_unique<hive_recovery_news>();
  news->magic = HIVE_NEWS_MAGIC;
  news->version = HIVE_NEWS_VERSION;
  news->incarnation = incarnation;
  return news;
}

TEST(RecoveryNews, AreThereForOneIncarnation) {
  const auto news = make_news(3);
  news->over[1] = 4;
  tell(*news, 7, 2);
  EXPECT_TRUE(RecoveryNews(news.get(), 3).are_there());
  for (const RecoveryNews& other : {RecoveryNews(news.get(), 2), RecoveryNews(nullptr, 3)}) {
    EXPECT_FALSE(other.are_there());
    EXPECT_FALSE(other.is_over(1, 4));
    EXPECT_FALSE(other.next(0));
  }
  news->version = HIVE_NEWS_VERSION + 1;
  EXPECT_FALSE(RecoveryNews(news.get(), 3).are_there());
}

TEST(RecoveryNews, TellOfEachDiscardInTurn) {
  const auto page = make_news(1);
  const RecoveryNews news(page.get(), 1);
  EXPECT_FALSE(news.next(0));
  tell(*page, 7, 2);
  tell(*page, 20, 1);
  const auto first = news.next(0);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->number, 1U);
  EXPECT_EQ(first->first, 7U);
  EXPECT_EQ(first->pages, 2U);
  EXPECT_EQ(first->cells, 2U);
  EXPECT_EQ(first->epoch, 5U);
  EXPECT_EQ(news.next(1)->first, 20U);
  EXPECT_FALSE(news.next(2));
  EXPECT_FALSE(news.next(0xffffffff));
}

TEST(RecoveryNews, TellOfTheOldestThatAreKept) {
  const auto page = make_news(1);
  for (std::uint32_t each = 0; each < HIVE_NEWS_DISCARDS + 10; ++each) tell(*page, each, 1);
  const RecoveryNews news(page.get(), 1);
  EXPECT_EQ(news.next(0)->number, 11U);
  EXPECT_EQ(news.next(0)->first, 10U);
  page->discard[10].number = 0;  // It is being written.
  EXPECT_EQ(news.next(0)->number, 12U);
}

TEST(RecoveryNews, EndWhatTheGuestSpoilt) {
  const auto page = make_news(1);
  page->discards = 0xffffffff;
  EXPECT_FALSE(RecoveryNews(page.get(), 1).next(0xfffffff0));
}

TEST(RecoveryNews, CompareIncarnationsAsLocksHaveThem) {
  const auto page = make_news(1);
  const RecoveryNews news(page.get(), 1);
  EXPECT_FALSE(news.is_over(1, 1)) << "nothing is over yet";
  page->over[1] = 5;
  EXPECT_TRUE(news.is_over(1, 5));
  EXPECT_TRUE(news.is_over(1, 1));
  EXPECT_FALSE(news.is_over(1, 6));
  EXPECT_FALSE(news.is_over(2, 1));
  EXPECT_FALSE(news.is_over(64, 1));
  page->over[1] = (1U << 24) + 2;
  EXPECT_TRUE(news.is_over(1, 2));
  EXPECT_TRUE(news.is_over(1, 0xffffff));
  EXPECT_FALSE(news.is_over(1, 3));
}

class TellingCells : public ::testing::Test {
 protected:
  TellingCells() {
    hive_recovery_news& page = news();
    page.version = HIVE_NEWS_VERSION;
    page.incarnation = 1;
    page.magic = HIVE_NEWS_MAGIC;
  }
  hive_recovery_news& news() {
    unsigned char* end = cells_.fake.memory(0) + Cells::kPages * 4096;
    return reinterpret_cast<hive_system_area*>(end - sizeof(hive_system_area))->news;
  }

  Cells cells_;
  std::unique_ptr<Machine> alpha_ = cells_.machine(0);
  std::unique_ptr<Machine> beta_ = cells_.machine(1, 7);
};

TEST_F(TellingCells, OutliveTheFirstUseOfTheSystemArea) {
  ASSERT_TRUE(alpha_->use_system_area().ok());
  EXPECT_EQ(news().magic, HIVE_NEWS_MAGIC);
}

TEST_F(TellingCells, LockWhatAFailedCellHeld) {
  ASSERT_TRUE(beta_->lock(1, 4096, 1s).ok());
  EXPECT_EQ(alpha_->lock(1, 4096, 5ms).status(), HIVE_DEADLINE);
  news().over[1] = 6;
  EXPECT_EQ(alpha_->lock(1, 4096, 5ms).status(), HIVE_DEADLINE) << "that was another boot";
  news().over[1] = 7;
  EXPECT_EQ(alpha_->lock(1, 4096, 5ms).value(), Taken::kAbandoned);
}

TEST_F(TellingCells, LockItWhenTheyAreToldWhileTheyWait) {
  ASSERT_TRUE(beta_->lock(1, 4096, 1s).ok());
  std::thread waiter([&] { EXPECT_EQ(alpha_->lock(1, 4096, 30s).value(), Taken::kAbandoned); });
  const auto* word = reinterpret_cast<std::uint32_t*>(cells_.fake.memory(1) + 4096);
  while ((hive::testing::load(word) & HIVE_LOCK_WAITERS) == 0) std::this_thread::sleep_for(1ms);
  __atomic_store_n(&news().over[1], 7U, __ATOMIC_RELEASE);
  EXPECT_TRUE(beta_->wake(1, 4096).ok());  // As the monitor's doorbell does.
  waiter.join();
}

TEST_F(TellingCells, HearOfDiscardsByTheLibrary) {
  hive_machine alpha;
  alpha.machine = cells_.machine(0);
  hive_discard discard{};
  EXPECT_EQ(hive_next_discard(&alpha, 0, 5, &discard), HIVE_DEADLINE);
  EXPECT_EQ(hive_next_discard(&alpha, 0, 5, nullptr), HIVE_INVALID);
  tell(news(), 30, 4);
  EXPECT_EQ(hive_next_discard(&alpha, 0, 5, &discard), HIVE_OK);
  EXPECT_EQ(discard.number, 1U);
  EXPECT_EQ(discard.first, 30U);
  EXPECT_EQ(discard.pages, 4U);
  EXPECT_EQ(discard.cells, 2U);
  EXPECT_EQ(hive_next_discard(&alpha, 1, 5, &discard), HIVE_DEADLINE);
  hive_machine gamma;
  gamma.machine = cells_.machine(2);
  EXPECT_EQ(hive_next_discard(&gamma, 0, 5, &discard), HIVE_NOT_MAPPED);
}

}  // namespace
