#include "cellmon/control/process_figures.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "vmm/base/units.h"

namespace hive::control {
namespace {

TEST(ProcessTimes, AreGuestsAndTheRest) {
  const std::string stat =
      "4711 (hive ) (vmm) S 1 2 3 4 5 6 7 8 9 10 700 300 0 0 20 0 3 0 100 1000 200 0 0 0 0 0 0 0 0 "
      "0 0 0 0 0 17 0 0 0 0 250 0 0 0 0 0 0 0 0 0\n";
  const auto times = parse_times(stat, 100);
  ASSERT_TRUE(times);
  EXPECT_DOUBLE_EQ(times->guest, 2.5);
  EXPECT_DOUBLE_EQ(times->own, 7.5);
}

TEST(ProcessTimes, AreNothingWhereTheLineIsNone) {
  for (const char* text :
       {"", "1", "1 (x) S 1 2 3", "1 (x) S a b c d e f g h i j k l m n o p q r"}) {
    EXPECT_FALSE(parse_times(text, 100)) << text;
  }
  EXPECT_FALSE(parse_times("1 (x) S", 0));
}

TEST(ProcessTimes, GrowWithWhatAProcessDoes) {
  const auto before = read_times(::getpid());
  ASSERT_TRUE(before);
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  double after = before->own;
  while (after < before->own + 0.05 && std::chrono::steady_clock::now() < end) {
    after = read_times(::getpid()).value().own;
  }
  EXPECT_GE(after, before->own + 0.05);
  EXPECT_FALSE(read_times(1 << 30));
}

TEST(ProcessMemory, IsInBytes) {
  const auto memory = parse_memory(
      "Name:\tRssAnon: 7 kB\nVmPTE:\t      64 kB\nRssAnon:\t     512 kB\nRssFile:\t    1024 kB\n"
      "RssShmem:\t 9999 kB\n");
  ASSERT_TRUE(memory);
  EXPECT_EQ(memory->anonymous, 512 * kKiB);
  EXPECT_EQ(memory->files, 1024 * kKiB);
  EXPECT_EQ(memory->page_tables, 64 * kKiB);
  EXPECT_FALSE(parse_memory("VmPTE:\t 64 kB\n"));
  EXPECT_FALSE(parse_memory("x\nRssAnon:\t\nRssFile: 1 kB\nVmPTE: 1 kB\n"));
}

TEST(ProcessMemory, OfThisProcessIsSome) {
  const auto memory = read_memory(::getpid());
  ASSERT_TRUE(memory);
  EXPECT_GT(memory->anonymous, 0U);
  EXPECT_FALSE(read_memory(1 << 30));
}

}  // namespace
}  // namespace hive::control
