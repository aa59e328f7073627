#include "cellmon/member/state_page.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>

namespace hive::member {
namespace {

constexpr CellId id(unsigned cell) { return static_cast<CellId>(cell); }

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
  EXPECT_EQ(page.read()->memory, MemoryFigures());
  const MemoryFigures memory{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  own.set_memory(memory);
  EXPECT_EQ(page.read()->memory, memory);
  EXPECT_FALSE(PeerPage(own.file(), id(2)).read()) << "another cell's";
}

TEST(StatePage, ShowsFiguresOfOneMoment) {
  OwnPage own(id(3));
  const PeerPage page(own.file(), id(3));
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (std::uint64_t turn = 0; !over; ++turn) {
      MemoryFigures memory;
      memory.fill(turn);
      own.set_memory(memory);
    }
  });
  unsigned whole = 0;
  for (unsigned tries = 0; tries < 20'000; ++tries) {
    const auto memory = page.read()->memory;
    if (!memory) continue;
    ++whole;
    ASSERT_EQ(std::count(memory->begin(), memory->end(), memory->front()),
              static_cast<std::ptrdiff_t>(memory->size()));
  }
  over = true;
  writer.join();
  EXPECT_GT(whole, 0U);
}

}  // namespace
}  // namespace hive::member
