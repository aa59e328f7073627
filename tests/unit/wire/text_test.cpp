#include "cellmon/wire/text.h"

#include <gtest/gtest.h>

namespace hive::wire {
namespace {

TEST(Printable, DisarmsControlCharacters) {
  EXPECT_EQ(printable("plain text", 100), "plain text");
  EXPECT_EQ(printable("\x1b[31mred\x07\x7f\n", 100), " [31mred   ");
  EXPECT_EQ(printable("\xc2\x9b", 100), "??");
  EXPECT_EQ(printable("longer", 4), "long");
}

TEST(FormatTime, IsIso8601) {
  EXPECT_EQ(format_time(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_time(1'715'949'296'789'000'000), "2024-05-17T12:34:56.789Z");
  EXPECT_EQ(format_time(-1), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace hive::wire
