#include "guests/ctl/numbers.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace {

using hive::ctl::parse_bytes;
using hive::ctl::parse_number;
using hive::ctl::parse_pages;

/// Every page that TEXT names, of PAGES.
std::multiset<std::uint64_t> named(const char* text, std::uint64_t pages = 64) {
  std::multiset<std::uint64_t> found;
  const auto patterns = parse_pages(text, pages);
  EXPECT_TRUE(patterns.has_value()) << text;
  for (const hive_pattern& pattern : patterns.value_or(std::vector<hive_pattern>{})) {
    EXPECT_TRUE(pattern.runs == 1 || pattern.stride >= pattern.pages);
    for (std::uint64_t run = 0; run < pattern.runs; ++run) {
      for (std::uint64_t page = 0; page < pattern.pages; ++page) {
        found.insert(pattern.first + run * pattern.stride + page);
      }
    }
  }
  return found;
}

using Pages = std::multiset<std::uint64_t>;

TEST(Numbers, AreDecimalOrHexadecimal) {
  EXPECT_EQ(parse_number("12"), 12U);
  EXPECT_EQ(parse_number("0x1f"), 31U);
  for (const char* text : {"", "0x", "-1", "1a", "1 ", "18446744073709551616"}) {
    EXPECT_FALSE(parse_number(text)) << text;
  }
  EXPECT_EQ(parse_bytes("64"), 64U);
  EXPECT_EQ(parse_bytes("4KiB"), 4096U);
  EXPECT_FALSE(parse_bytes("4K"));
}

TEST(PageList, NamesPagesAndRanges) {
  EXPECT_EQ(named("3"), (Pages{3}));
  EXPECT_EQ(named("2-5"), (Pages{2, 3, 4, 5}));
  EXPECT_EQ(named("1,4-5"), (Pages{1, 4, 5}));
  EXPECT_EQ(named("all", 3), (Pages{0, 1, 2}));
}

TEST(PageList, NamesSomeOfEveryGroup) {
  EXPECT_EQ(named("0-7:1/2"), (Pages{0, 2, 4, 6}));
  EXPECT_EQ(named("1-9:2/4"), (Pages{1, 2, 5, 6, 9}));
  EXPECT_EQ(named("0-5:3/4"), (Pages{0, 1, 2, 4, 5}));
  EXPECT_EQ(named("0-2:4/4"), (Pages{0, 1, 2}));
  EXPECT_EQ(parse_pages("0-262143:1/2", 262144)->size(), 1U);
}

TEST(PageList, IsRefusedWhereItMakesNoSense) {
  for (const char* text :
       {"", ",", "1,", "5-2", "64", "0-64", "-1", "0-7:", "0-7:1", "0-7:0/2", "0-7:3/2", "0-7:1/0",
        "a", "0-7:1/2/3", "0-18446744073709551615", "0-7:18446744073709551616/2"}) {
    EXPECT_FALSE(parse_pages(text, 64)) << text;
  }
}

}  // namespace
