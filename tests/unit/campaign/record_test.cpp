#include "cellmon/campaign/record.h"

#include <gmock/gmock.h>

#include "tests/unit/campaign/sample.h"

namespace hive::campaign {
namespace {

using ::testing::ElementsAre;

Record record(std::uint64_t run) {
  Record made;
  made.campaign = "sample";
  made.seed = 7;
  made.drawn = draw(testing::sample(), testing::kCells, 7, run);
  made.drawn.meanwhile = "make clean";
  made.outcome = Outcome::kEscaped;
  made.reasons = {"alpha is wrong: \"x\"\n"};
  made.evidence = "beta: VMM exit";
  made.put_out = true;
  made.before_fault = true;
  made.unchecked = {"gamma"};
  made.times.detection = 2000;
  made.times.rejoin = 0;
  made.earlier = {1, 2};
  made.wall_ns = 1'700'000'000'000'000'000;
  made.took_ms = 1234;
  return made;
}

TEST(Record, SurvivesItsLine) {
  for (std::uint64_t run = 0; run < 30; ++run) {
    const Record made = record(run);
    const std::string line = to_line(made);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto read = parse_line(line);
    ASSERT_TRUE(read.has_value()) << line;
    EXPECT_EQ(read->drawn, made.drawn);
    EXPECT_EQ(read->outcome, made.outcome);
    EXPECT_EQ(read->reasons, made.reasons);
    EXPECT_EQ(read->times, made.times);
    EXPECT_EQ(read->earlier, made.earlier);
    EXPECT_TRUE(read->before_fault);
    EXPECT_EQ(read->unchecked, made.unchecked);
    EXPECT_EQ(to_line(*read), line);
  }
}

TEST(Record, IsNoneWithoutAllOfItsMembers) {
  EXPECT_FALSE(parse_line(""));
  EXPECT_FALSE(parse_line("{}"));
  EXPECT_FALSE(parse_line("[1]"));
  const std::string line = to_line(record(1));
  for (const char* member : {"\"seed\"", "\"run\"", "\"outcome\"", "\"times_us\"", "\"put_out\"",
                             "\"before_fault\"", "\"unchecked\""}) {
    std::string broken = line;
    broken.replace(broken.find(member), 3, "\"-x");
    EXPECT_FALSE(parse_line(broken)) << member;
  }
}

TEST(Records, LeaveOutALineThatWasNotFinished) {
  const std::string whole = to_line(record(1)) + "\n" + to_line(record(2)) + "\n";
  const ReadRecords torn = read_records(whole + to_line(record(3)).substr(0, 40));
  EXPECT_EQ(torn.records.size(), 2U);
  EXPECT_EQ(torn.whole, whole.size());
  EXPECT_EQ(torn.bad_line, 0U);
  const ReadRecords bad = read_records(to_line(record(1)) + "\nno record\n");
  EXPECT_EQ(bad.records.size(), 1U);
  EXPECT_EQ(bad.bad_line, 2U);
}

}  // namespace
}  // namespace hive::campaign
