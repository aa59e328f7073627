#include "cellmon/member/state_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <set>
#include <thread>

#include "tests/support/state_pages.h"

namespace hive::member {
namespace {

constexpr CellId id(unsigned cell) { return static_cast<CellId>(cell); }

using MemoryWords = std::array<std::uint64_t, sizeof(MemoryFigures) / sizeof(std::uint64_t)>;

TEST(StatePage, IsReadByOthersOnly) {
  OwnPage own(id(3));
  own.beat();
  own.set_incarnation(7);
  own.set_epoch(9);
  ASSERT_TRUE(PeerPage::is_page(own.file()));
  const PeerPage page(own.file(), id(3));
  ASSERT_TRUE(page.read());
  EXPECT_EQ(page.read()->heartbeat, 1U);
  EXPECT_EQ(page.read()->incarnation, 7U);
  EXPECT_EQ(page.read()->epoch, 9U);
  own.beat();
  EXPECT_EQ(page.read()->heartbeat, 2U);
  EXPECT_FALSE(PeerPage(own.file(), id(2)).read()) << "another cell's";
}

TEST(StatePage, ShowsFiguresWithTheirTimes) {
  OwnPage own(id(3));
  const PeerPage page(own.file(), id(3));
  StateReading read = page.read().value();
  EXPECT_TRUE(read.has_guest && read.has_memory && read.has_shares);
  EXPECT_EQ(read.guest.time_ns, 0U) << "never";
  EXPECT_EQ(read.memory.time_ns, 0U);
  EXPECT_EQ(read.shares.time_ns, 0U);
  EXPECT_TRUE(read.has_sections && read.has_uses);
  EXPECT_EQ(read.sections.time_ns, 0U);
  EXPECT_EQ(read.uses.time_ns, 0U);

  own.set_guest({1, 2, 3, 4}, 50);
  const MemoryWords words{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  own.set_memory(std::bit_cast<MemoryFigures>(words), 60);
  Shares shares{};
  shares.vcpus = 2;
  shares.lent[63] = 5;
  shares.borrowed[0] = 6;
  own.set_shares(shares, 70);
  Sections sections{};
  sections.list[31] = {4, 5, 1, 0};
  own.set_sections(sections, 80);
  Uses uses{};
  uses.list[0] = {1, 7, 9, 0};
  own.set_uses(uses, 90);

  read = page.read().value();
  EXPECT_EQ(read.guest.time_ns, 50U);
  EXPECT_EQ(read.guest.beat, 1U);
  EXPECT_EQ(read.guest.exits, 2U);
  EXPECT_EQ(read.guest.ran_ns, 3U);
  EXPECT_EQ(read.guest.waited_ns, 4U);
  EXPECT_EQ(read.memory.time_ns, 60U);
  EXPECT_EQ(std::bit_cast<MemoryWords>(read.memory.load), words);
  EXPECT_EQ(read.shares.time_ns, 70U);
  EXPECT_EQ(read.shares.vcpus, 2U);
  EXPECT_EQ(read.shares.lent[63], 5U);
  EXPECT_EQ(read.shares.borrowed[0], 6U);
  EXPECT_EQ(read.sections.time_ns, 80U);
  EXPECT_EQ(read.sections.list[31].number, 4U);
  EXPECT_EQ(read.sections.list[31].pages, 5U);
  EXPECT_EQ(read.sections.list[31].moving, 1U);
  EXPECT_EQ(read.uses.time_ns, 90U);
  EXPECT_EQ(read.uses.list[0].home, 1U);
  EXPECT_EQ(read.uses.list[0].section, 7U);
  EXPECT_EQ(read.uses.list[0].uses, 9U);
}

TEST(StatePage, ShowsFiguresOfOneMoment) {
  OwnPage own(id(3));
  const PeerPage page(own.file(), id(3));
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (std::uint64_t turn = 0; !over; ++turn) {
      MemoryWords memory;
      memory.fill(turn);
      own.set_memory(std::bit_cast<MemoryFigures>(memory), turn);
    }
  });
  constexpr std::size_t kWanted = 1'000;
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::set<std::uint64_t> seen;
  bool torn = false;
  while (seen.size() < kWanted && !torn && std::chrono::steady_clock::now() < end) {
    const StateReading read = page.read().value();
    if (!read.has_memory) continue;
    const auto words = std::bit_cast<MemoryWords>(read.memory.load);
    torn = std::any_of(words.begin(), words.end(),
                       [&](std::uint64_t word) { return word != read.memory.time_ns; });
    seen.insert(read.memory.time_ns);
  }
  over = true;
  writer.join();
  EXPECT_FALSE(torn);
  EXPECT_GE(seen.size(), kWanted);
}

/// A page that anybody may have written, and a reading of it as cell 3's.
class HostilePage : public ::testing::Test {
 protected:
  HostilePage() : page_(test::state_page(3)) {}

  [[nodiscard]] bool is_read() { return read_state_page(page_, 3, reading_); }

  hive_state_page page_;
  StateReading reading_;
};

TEST_F(HostilePage, IsNoneWithoutItsNumbers) {
  EXPECT_TRUE(is_read());
  page_.magic ^= 1;
  EXPECT_FALSE(is_read()) << "another magic";
  page_ = test::state_page(3);
  page_.version = HIVE_STATE_VERSION - 1;
  EXPECT_FALSE(is_read()) << "another version";
  page_ = test::state_page(4);
  EXPECT_FALSE(is_read()) << "another cell";
  page_ = test::state_page(3);
  page_.incarnation = 1ULL << 32;
  EXPECT_FALSE(is_read()) << "an incarnation that cannot be";
  page_ = {};
  EXPECT_FALSE(is_read()) << "zeros";
}

TEST_F(HostilePage, GivesNoFiguresThatAreBeingWrittenForEver) {
  page_.guest_turn = 1;
  ASSERT_TRUE(is_read());
  EXPECT_FALSE(reading_.has_guest);
  EXPECT_TRUE(reading_.has_memory && reading_.has_shares);
  page_.guest_turn = 2;
  page_.memory_turn = ~0ULL;
  ASSERT_TRUE(is_read());
  EXPECT_FALSE(reading_.has_memory);
  EXPECT_TRUE(reading_.has_guest && reading_.has_shares);
  page_.memory_turn = 0;
  page_.shares_turn = 3;
  ASSERT_TRUE(is_read());
  EXPECT_FALSE(reading_.has_shares);
  EXPECT_TRUE(reading_.has_sections && reading_.has_uses);
  page_.sections_turn = page_.uses_turn = 5;
  ASSERT_TRUE(is_read());
  EXPECT_FALSE(reading_.has_sections || reading_.has_uses);
}

TEST_F(HostilePage, IsReadInTimeWhileItChangesAllTheTime) {
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (std::uint64_t turn = 0; !over; turn += 2) {
      state_page::store(page_.guest_turn, turn);
      state_page::store(page_.shares_turn, turn);
    }
  });
  for (int i = 0; i < 1'000; ++i) EXPECT_TRUE(is_read());
  over = true;
  writer.join();
}

}  // namespace
}  // namespace hive::member
