#include "vmm/base/units.h"

#include <gtest/gtest.h>

#include "vmm/base/range.h"

namespace hive {
namespace {

TEST(ParseSize, ReadsEveryUnit) {
  EXPECT_EQ(parse_size("7B"), 7U);
  EXPECT_EQ(parse_size("4KiB"), 4096U);
  EXPECT_EQ(parse_size("256MiB"), 256 * kMiB);
  EXPECT_EQ(parse_size("1GiB"), kGiB);
  EXPECT_EQ(parse_size("2TiB"), 2048 * kGiB);
}

TEST(ParseSize, RefusesWhatIsNotASize) {
  for (const char* text : {"", "MiB", "12", "12MB", "1.5GiB", "-1MiB", " 1MiB", "1 MiB", "1MiBs",
                           "18446744073709551615KiB", "99999999999999999999B"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(FormatSize, IsTheInverseOfParseSize) {
  for (std::uint64_t size : {std::uint64_t{1}, 5 * kKiB, 256 * kMiB, 3 * kGiB, kGiB + 1}) {
    EXPECT_EQ(parse_size(format_size(size)), size);
  }
  EXPECT_EQ(format_size(256 * kMiB), "256MiB");
  EXPECT_EQ(format_size(0), "0B");
}

TEST(FitsWithin, NeverWraps) {
  EXPECT_TRUE(fits_within(0, 10, 10));
  EXPECT_TRUE(fits_within(10, 0, 10));
  EXPECT_FALSE(fits_within(10, 1, 10));
  EXPECT_FALSE(fits_within(~0ULL, 2, 10));
  EXPECT_FALSE(fits_within(1, ~0ULL, 10));
}

TEST(Range, KnowsItsOverlaps) {
  constexpr Range kMiddle{10, 10};
  EXPECT_TRUE(kMiddle.overlaps({19, 1}));
  EXPECT_FALSE(kMiddle.overlaps({20, 1}));
  EXPECT_FALSE(kMiddle.overlaps({0, 10}));
  EXPECT_TRUE(kMiddle.contains(19));
  EXPECT_FALSE(kMiddle.contains(20));
}

}  // namespace
}  // namespace hive
