#include "cellmon/member/state_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <optional>
#include <set>
#include <thread>

namespace hive::member {
namespace {

constexpr CellId id(unsigned cell) { return static_cast<CellId>(cell); }

MemoryWords words_of(const std::optional<MemoryFigures>& figures) {
  return std::bit_cast<MemoryWords>(figures.value());
}

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
  EXPECT_EQ(page.read()->guest, GuestFigures());
  own.set_guest({1, 2, 3, 4});
  EXPECT_EQ(page.read()->guest, (GuestFigures{1, 2, 3, 4}));
  EXPECT_EQ(words_of(page.read()->memory), MemoryWords());
  const MemoryWords memory{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  own.set_memory(std::bit_cast<MemoryFigures>(memory));
  EXPECT_EQ(words_of(page.read()->memory), memory);
  EXPECT_FALSE(PeerPage(own.file(), id(2)).read()) << "another cell's";
}

TEST(StatePage, ShowsFiguresOfOneMoment) {
  OwnPage own(id(3));
  const PeerPage page(own.file(), id(3));
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (std::uint64_t turn = 0; !over; ++turn) {
      MemoryWords memory;
      memory.fill(turn);
      own.set_memory(std::bit_cast<MemoryFigures>(memory));
    }
  });
  constexpr std::size_t kWanted = 1'000;
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::set<std::uint64_t> seen;
  bool torn = false;
  while (seen.size() < kWanted && !torn && std::chrono::steady_clock::now() < end) {
    const auto memory = page.read()->memory;
    if (!memory) continue;
    const MemoryWords words = words_of(memory);
    torn = std::count(words.begin(), words.end(), words.front()) !=
           static_cast<std::ptrdiff_t>(words.size());
    seen.insert(words.front());
  }
  over = true;
  writer.join();
  EXPECT_FALSE(torn);
  EXPECT_GE(seen.size(), kWanted);
}

}  // namespace
}  // namespace hive::member
