#include "vmm/device/virtio/mem_blocks.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "vmm/base/random.h"
#include "vmm/base/units.h"

namespace hive::device {
namespace {

using Answer = MemBlocks::Answer;
using State = MemBlocks::State;

constexpr std::uint64_t kBlock = 2 * kMiB;
constexpr Range kRegion{4 * kGiB, kGiB};

std::uint64_t at(std::uint64_t block) { return kRegion.start + block * kBlock; }

void unplug_all(MemBlocks& blocks) {
  while (const auto found = blocks.first_plugged(kRegion, 3)) {
    const auto count = static_cast<std::uint16_t>(found->size / kBlock);
    ASSERT_TRUE(count >= 1 && count <= 3);
    ASSERT_EQ(blocks.unplug(found->start, count), Answer::kDone);
  }
  blocks.shrink();
}

TEST(MemBlocks, PlugsWhatIsWantedAndNoMore) {
  MemBlocks blocks(kRegion, kBlock);
  EXPECT_EQ(blocks.plug(at(0), 1), Answer::kDenied);
  blocks.want(3 * kBlock + 5);
  EXPECT_EQ(blocks.wanted(), 3 * kBlock);
  EXPECT_EQ(blocks.plug(at(4), 2), Answer::kDone);
  EXPECT_EQ(blocks.plugged(), 2 * kBlock);
  EXPECT_EQ(blocks.plug(at(0), 2), Answer::kDenied);
  EXPECT_EQ(blocks.plug(at(5), 1), Answer::kWrong) << "plugged in already";
  EXPECT_EQ(blocks.plug(at(0), 1), Answer::kDone);
  EXPECT_EQ(blocks.look(at(4), 2), State::kPlugged);
  EXPECT_EQ(blocks.look(at(4), 3), State::kMixed);
  EXPECT_EQ(blocks.look(at(1), 3), State::kUnplugged);
  EXPECT_EQ(blocks.unplug(at(4), 3), Answer::kWrong) << "one of them is not plugged in";
  EXPECT_EQ(blocks.unplug(at(4), 1), Answer::kDone);
  EXPECT_EQ(blocks.plugged(), 2 * kBlock);
  unplug_all(blocks);
  EXPECT_EQ(blocks.plugged(), 0U);
}

TEST(MemBlocks, KeepsWhatIsPluggedWhenLessIsWanted) {
  MemBlocks blocks(kRegion, kBlock);
  blocks.want(4 * kBlock);
  ASSERT_EQ(blocks.plug(at(0), 4), Answer::kDone);
  blocks.want(kBlock);
  EXPECT_EQ(blocks.plugged(), 4 * kBlock);
  EXPECT_EQ(blocks.plug(at(8), 1), Answer::kDenied);
  EXPECT_EQ(blocks.unplug(at(1), 3), Answer::kDone);
  EXPECT_EQ(blocks.plug(at(8), 1), Answer::kDenied);
}

TEST(MemBlocks, FindsWhatIsPluggedIn) {
  MemBlocks blocks(kRegion, kBlock);
  EXPECT_FALSE(blocks.first_plugged(kRegion, 8));
  EXPECT_FALSE(blocks.first_plugged({kRegion.end(), 0}, 8));
  blocks.want(kGiB);
  ASSERT_EQ(blocks.plug(at(3), 5), Answer::kDone);
  ASSERT_EQ(blocks.plug(at(9), 1), Answer::kDone);
  ASSERT_EQ(blocks.plug(at(511), 1), Answer::kDone);
  EXPECT_EQ(blocks.first_plugged(kRegion, 8), (Range{at(3), 5 * kBlock}));
  EXPECT_EQ(blocks.first_plugged(kRegion, 2), (Range{at(3), 2 * kBlock}));
  EXPECT_EQ(blocks.first_plugged({at(5), 2 * kBlock}, 8), (Range{at(5), 2 * kBlock}));
  EXPECT_FALSE(blocks.first_plugged({at(8), kBlock}, 8));
  EXPECT_EQ(blocks.first_plugged({at(10), kRegion.end() - at(10)}, 8), (Range{at(511), kBlock}));
}

TEST(MemBlocks, HasAUsableRegionThatGrowsWithWhatIsWanted) {
  MemBlocks blocks(kRegion, kBlock);
  EXPECT_EQ(blocks.usable(), 256 * kMiB);
  blocks.want(100 * kMiB);
  EXPECT_EQ(blocks.usable(), 356 * kMiB);
  blocks.want(0);
  EXPECT_EQ(blocks.usable(), 356 * kMiB) << "the driver may have begun there";
  EXPECT_FALSE(blocks.look(at(178), 1));
  EXPECT_TRUE(blocks.look(at(177), 1));
  unplug_all(blocks);
  EXPECT_EQ(blocks.usable(), 256 * kMiB);
  blocks.want(std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(blocks.wanted(), kGiB);
  EXPECT_EQ(blocks.usable(), kGiB);
}

TEST(MemBlocks, RefusesWhatAreNoBlocks) {
  MemBlocks blocks(kRegion, kBlock);
  blocks.want(kGiB);
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t address : {std::uint64_t{0}, kRegion.start - kBlock, kRegion.start + 1,
                                      kRegion.end(), kMost, kMost - kBlock + 1}) {
    EXPECT_EQ(blocks.plug(address, 1), Answer::kWrong) << address;
    EXPECT_EQ(blocks.unplug(address, 1), Answer::kWrong) << address;
    EXPECT_FALSE(blocks.look(address, 1)) << address;
  }
  EXPECT_EQ(blocks.plug(at(0), 0), Answer::kWrong);
  EXPECT_EQ(blocks.plug(at(511), 2), Answer::kWrong) << "the last one is not in the region";
  EXPECT_EQ(blocks.plug(at(0), 0xffff), Answer::kWrong);
}

TEST(MemBlocks, AgreeWithASetWhateverIsAsked) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    MemBlocks blocks(kRegion, kBlock);
    std::set<std::uint64_t> plugged;
    for (unsigned step = 0; step < 500; ++step) {
      const std::uint64_t first = random.below(520);
      const auto count = static_cast<std::uint16_t>(random.below(20));
      const bool in_region = count != 0 && (first + count) * kBlock <= blocks.usable();
      std::uint64_t there = 0;
      for (std::uint64_t block = first; block < first + count; ++block) {
        there += plugged.count(block);
      }
      switch (random.below(4)) {
        case 0:
          blocks.want(random.below(kGiB + kGiB / 4));
          break;
        case 1: {
          const bool has_room = blocks.plugged() + count * kBlock <= blocks.wanted();
          const Answer right = !in_region || there != 0 ? Answer::kWrong
                               : has_room               ? Answer::kDone
                                                        : Answer::kDenied;
          ASSERT_EQ(blocks.plug(at(first), count), right) << seed << " " << step;
          for (std::uint64_t block = first; right == Answer::kDone && block < first + count;
               ++block) {
            plugged.insert(block);
          }
          break;
        }
        case 2: {
          const Answer right = in_region && there == count ? Answer::kDone : Answer::kWrong;
          ASSERT_EQ(blocks.unplug(at(first), count), right) << seed << " " << step;
          for (std::uint64_t block = first; right == Answer::kDone && block < first + count;
               ++block) {
            plugged.erase(block);
          }
          break;
        }
        default:
          if (random.below(50) == 0) {
            unplug_all(blocks);
            plugged.clear();
          }
      }
      ASSERT_EQ(blocks.plugged(), plugged.size() * kBlock) << seed << " " << step;
    }
  }
}

}  // namespace
}  // namespace hive::device
