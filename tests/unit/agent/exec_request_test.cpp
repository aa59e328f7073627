#include "guests/agent/exec_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hive::agent {
namespace {

using testing::ElementsAre;

TEST(ParseArgv, ReadsWords) {
  const auto argv = parse_argv(R"(["sh", "-c", "echo \"a b\"", ""])");
  ASSERT_TRUE(argv.has_value());
  EXPECT_THAT(*argv, ElementsAre("sh", "-c", "echo \"a b\"", ""));
}

TEST(ParseArgv, RefusesWhatIsNoCommand) {
  for (const char* text : {"", "ls", "{}", "[]", "[\"\"]", "[1]", "[\"ls\", null]", "\"ls\"",
                           "[\"ls\"", R"(["a\u0000b"])", R"(["ls", ["x"]])"}) {
    EXPECT_FALSE(parse_argv(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace hive::agent
