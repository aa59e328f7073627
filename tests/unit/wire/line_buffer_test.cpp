#include "cellmon/wire/line_buffer.h"

#include <gtest/gtest.h>

namespace hive::wire {
namespace {

TEST(LineBuffer, CutsLines) {
  LineBuffer lines;
  lines.feed("one\ntwo\nth");
  EXPECT_EQ(lines.next(), "one");
  EXPECT_EQ(lines.next(), "two");
  EXPECT_EQ(lines.next(), std::nullopt);
  lines.feed("ree\n\n");
  EXPECT_EQ(lines.next(), "three");
  EXPECT_EQ(lines.next(), "");
  EXPECT_EQ(lines.next(), std::nullopt);
}

TEST(LineBuffer, TakesALineOfTheGreatestLength) {
  LineBuffer lines(8);
  lines.feed("1234567\n");
  EXPECT_EQ(lines.next(), "1234567");
  lines.feed("1234567");
  EXPECT_EQ(lines.next(), std::nullopt);
  EXPECT_FALSE(lines.overflowed());
  lines.feed("\n");
  EXPECT_EQ(lines.next(), "1234567");
}

TEST(LineBuffer, StopsAtALineThatIsTooLong) {
  for (const char* text : {"12345678\nok\n", "12345678"}) {
    LineBuffer lines(8);
    lines.feed(text);
    EXPECT_EQ(lines.next(), std::nullopt);
    EXPECT_TRUE(lines.overflowed());
    lines.feed("ok\n");
    EXPECT_EQ(lines.next(), std::nullopt);
  }
}

TEST(LineBuffer, GivesTheLinesBeforeOneThatIsTooLong) {
  LineBuffer lines(8);
  lines.feed("ok\n12345678\n");
  EXPECT_EQ(lines.next(), "ok");
  EXPECT_EQ(lines.next(), std::nullopt);
  EXPECT_TRUE(lines.overflowed());
}

}  // namespace
}  // namespace hive::wire
