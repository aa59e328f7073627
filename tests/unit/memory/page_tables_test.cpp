#include "vmm/memory/page_tables.h"

#include <gtest/gtest.h>

#include <map>

namespace hive::memory::page_tables {
namespace {

class PageTables : public testing::Test {
 protected:
  [[nodiscard]] std::optional<std::uint64_t> at(std::uint64_t address, unsigned levels = 4) const {
    return translate(0x1018, levels, address, [this](std::uint64_t place) {
      const auto found = words_.find(place);
      return found == words_.end() ? std::nullopt : std::optional(found->second);
    });
  }

  std::map<std::uint64_t, std::uint64_t> words_;
};

TEST_F(PageTables, LeadToPagesOfAllSizes) {
  constexpr std::uint64_t kAddress = 0xffff'8123'4567'89abULL;
  const auto index = [&](unsigned level) { return kAddress / span_of(level) % kEntries * 8; };
  words_[0x1000 + index(4)] = 0x2000 | kPresent;
  words_[0x2000 + index(3)] = 0x3000 | kPresent;
  words_[0x3000 + index(2)] = 0x4000 | kPresent;
  words_[0x4000 + index(1)] = 0x8000'0000'0000'5000 | kPresent;  // NX is no part of the frame.
  EXPECT_EQ(at(kAddress), 0x59abU);
  words_[0x3000 + index(2)] = 0x0020'0000 | kLarge | kPresent;
  EXPECT_EQ(at(kAddress), 0x20'0000 + kAddress % (1 << 21));
  words_[0x2000 + index(3)] = 0x4000'0000 | kLarge | kPresent;
  EXPECT_EQ(at(kAddress), 0x4000'0000 + kAddress % (1 << 30));
}

TEST_F(PageTables, HaveFiveLevelsToo) {
  constexpr std::uint64_t kAddress = 0xff12'3456'7890'1234ULL;
  for (unsigned level = 5; level > 0; --level) {
    words_[0x1000 * (6 - level) + kAddress / span_of(level) % kEntries * 8] =
        0x1000 * (7 - level) | kPresent;
  }
  EXPECT_EQ(at(kAddress, 5), 0x6234U);
  EXPECT_FALSE(at(kAddress, 4)) << "its index at the fourth level is not there";
}

TEST_F(PageTables, LeadNowhereWhereSomethingIsMissing) {
  EXPECT_FALSE(at(0x1000)) << "the first table is no RAM";
  words_[0x1000] = 0x2000;
  EXPECT_FALSE(at(0x1000)) << "not present";
  words_[0x1000] = 0x1000 | kPresent;
  words_[0x1008] = 0x1000 | kPresent;
  EXPECT_EQ(at(0x1000), 0x1000U) << "a table that is its own table ends at the last level";
  words_[0x1000] = 0x1000 | kPresent | kLarge;
  EXPECT_EQ(at(0x1000), 0x1000U) << "a large page at the third level, as the fourth has none";
}

}  // namespace
}  // namespace hive::memory::page_tables
