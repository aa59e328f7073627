#include "vmm/cell/corruption.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

namespace hive::cell {
namespace {

constexpr std::uint64_t kPointer = 0xffff'8880'0123'4568;

/// Memory from 0x1000 to 0x3000, all the same word but where it says otherwise.
class Memory {
 public:
  explicit Memory(std::uint64_t word) : word_(word) {}

  void set(std::uint64_t address, std::uint64_t word) { words_[address] = word; }
  [[nodiscard]] ReadWord read() const {
    return [this](std::uint64_t address) -> std::optional<std::uint64_t> {
      if (address < 0x1000 || address >= 0x3000) return std::nullopt;
      const auto found = words_.find(address);
      return found == words_.end() ? word_ : found->second;
    };
  }

 private:
  std::uint64_t word_;
  std::map<std::uint64_t, std::uint64_t> words_;
};

const std::vector<Range> kTargets{{0x1000, 0x100}, {0x2004, 0x104}};

std::vector<WordChange> draw(Change change, unsigned count, std::uint64_t seed,
                             std::uint64_t word = kPointer) {
  const Memory memory(word);
  return draw_words(kTargets, change, count, seed, memory.read());
}

TEST(Corruption, IsTheSameForTheSameSeed) {
  EXPECT_EQ(draw(Change::kRandom, 5, 7), draw(Change::kRandom, 5, 7));
  EXPECT_NE(draw(Change::kRandom, 5, 7), draw(Change::kRandom, 5, 8));
}

TEST(Corruption, HitsEachWordOfItsTargetsAtMostOnce) {
  std::set<std::uint64_t> seen;
  const auto changes = draw(Change::kFlip, kMaxChanges, 1);
  EXPECT_EQ(changes.size(), 32U + 32U) << "words that are not wholly in it are left out";
  for (const WordChange& change : changes) {
    EXPECT_TRUE(seen.insert(change.address).second);
    EXPECT_EQ(change.address % 8, 0U);
    const bool inside = (change.address >= 0x1000 && change.address < 0x1100) ||
                        (change.address >= 0x2008 && change.address <= 0x2100);
    EXPECT_TRUE(inside) << change.address;
  }
}

TEST(Corruption, FlipsOneBit) {
  for (const WordChange& change : draw(Change::kFlip, 20, 3)) {
    EXPECT_EQ(std::popcount(change.before ^ change.after), 1);
  }
}

TEST(Corruption, ChangesAllOfAWord) {
  for (const WordChange& change : draw(Change::kRandom, 20, 3)) {
    EXPECT_EQ(change.before, kPointer);
    EXPECT_NE(change.after, kPointer);
  }
}

TEST(Corruption, ZeroesWhatIsNot) {
  for (const WordChange& change : draw(Change::kZero, 20, 3)) EXPECT_EQ(change.after, 0U);
  EXPECT_TRUE(draw(Change::kZero, 20, 3, 0).empty());
}

TEST(Corruption, MovesPointersABit) {
  bool up = false;
  bool down = false;
  for (const WordChange& change : draw(Change::kOffset, 40, 3)) {
    const auto moved = static_cast<std::int64_t>(change.after - change.before);
    EXPECT_NE(moved, 0);
    EXPECT_LE(std::abs(moved), static_cast<std::int64_t>(kMaxOffset));
    up = up || moved > 0;
    down = down || moved < 0;
  }
  EXPECT_TRUE(up && down);
}

TEST(Corruption, LeavesPointersDangling) {
  constexpr std::uint64_t kGiB = 1 << 30;
  for (const WordChange& change : draw(Change::kDangling, 40, 3)) {
    EXPECT_EQ(change.after % 4096, change.before % 4096);
    EXPECT_EQ(change.after / kGiB, change.before / kGiB);
    EXPECT_NE(change.after, change.before);
  }
}

TEST(Corruption, TakesOnlyPointersForPointers) {
  for (const std::uint64_t word :
       {0x0ULL, 0xfffULL, 0x1234'5678'9abc'def0ULL, 0x8000'0000'0000ULL}) {
    EXPECT_TRUE(draw(Change::kOffset, 5, 1, word).empty()) << word;
    EXPECT_TRUE(draw(Change::kDangling, 5, 1, word).empty()) << word;
  }
  EXPECT_FALSE(draw(Change::kOffset, 5, 1, 0x7fff'ffff'f000).empty());
}

TEST(Corruption, LeavesOutWhatIsNotThere) {
  const Memory memory(1);
  EXPECT_TRUE(draw_words({}, Change::kFlip, 1, 1, memory.read()).empty());
  const std::vector<Range> none{{0x9000, 0x100}};
  EXPECT_TRUE(draw_words(none, Change::kFlip, 1, 1, memory.read()).empty());
  const std::vector<Range> part{{0x1001, 14}};
  EXPECT_TRUE(draw_words(part, Change::kFlip, 1, 1, memory.read()).empty()) << "half words";
}

TEST(PageTables, GiveEntriesThatArePresent) {
  // A table at 0x1000 with two entries: a table at 0x2000 with a leaf, and one that is nowhere.
  Memory memory(0);
  memory.set(0x1008, 0x2000 | 3);
  memory.set(0x1010, 0x7000 | 3);
  memory.set(0x2ff8, 0x20'0000 | 0x83);
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    for (const WordChange& change :
         draw_entries(0x1000, 4, Change::kOffset, 3, seed, memory.read())) {
      seen.insert(change.address);
      EXPECT_EQ((change.after - change.before) % 4096, 0U);
      EXPECT_NE(change.after, change.before);
    }
  }
  EXPECT_EQ(seen, (std::set<std::uint64_t>{0x1008, 0x1010, 0x2ff8}));
  EXPECT_TRUE(draw_entries(0x9000, 4, Change::kFlip, 1, 1, memory.read()).empty());
}

TEST(PageTables, ThatPointToThemselvesEndSomewhere) {
  Memory memory(0);
  memory.set(0x1000, 0x1000 | 3);
  EXPECT_EQ(draw_entries(0x1000, 5, Change::kFlip, kMaxChanges, 1, memory.read()).size(), 1U);
}

TEST(Corruption, HasNamesForPlacesAndChanges) {
  for (const char* name : {"physical", "virtual", "stack", "page-table"}) {
    EXPECT_EQ(name_of(find_place(name).value()), name);
  }
  for (const char* name : {"flip", "random", "zero", "offset", "dangling"}) {
    EXPECT_EQ(name_of(find_change(name).value()), name);
  }
  EXPECT_EQ(find_place("heap"), std::nullopt);
  EXPECT_EQ(find_change(""), std::nullopt);
}

TEST(FailedPages, AreThoseOfTheTargetsEachOnce) {
  const std::vector<Range> targets{{0x1008, 8}, {0x4000, 0x2001}, {0x1ff8, 8}, {0x9000, 0}};
  std::vector<std::uint64_t> pages = draw_pages(targets, 8, 3);
  EXPECT_EQ(pages, draw_pages(targets, 8, 3));
  std::sort(pages.begin(), pages.end());
  EXPECT_EQ(pages, (std::vector<std::uint64_t>{0x1000, 0x4000, 0x5000, 0x6000}));
  EXPECT_EQ(draw_pages(targets, 2, 3).size(), 2U);
  EXPECT_TRUE(draw_pages({}, 1, 3).empty());
}

TEST(FailedPages, FollowFromTheirSeed) {
  const std::vector<Range> targets{{0, 0x1000'0000}};
  EXPECT_NE(draw_pages(targets, 3, 1), draw_pages(targets, 3, 2));
  EXPECT_EQ(draw_pages(targets, 3, 1).front(), draw_pages(targets, 1, 1).front());
}

}  // namespace
}  // namespace hive::cell
