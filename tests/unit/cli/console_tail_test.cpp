#include "cellmon/cli/console_tail.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hive::cli {
namespace {

using testing::ElementsAre;

TEST(LastLines, AreThoseThatSaySomething) {
  EXPECT_THAT(last_lines("one\r\ntwo\r\n\r\n  \r\nthree\r\n", 2), ElementsAre("two", "three"));
  EXPECT_THAT(last_lines("one\ntwo", 5), ElementsAre("one", "two"));
  EXPECT_THAT(last_lines("", 5), ElementsAre());
  EXPECT_THAT(last_lines("\n\n", 5), ElementsAre());
  EXPECT_THAT(last_lines("\x1b[1mloud", 5), ElementsAre(" [1mloud"));
}

}  // namespace
}  // namespace hive::cli
