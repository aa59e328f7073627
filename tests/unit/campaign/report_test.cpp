#include "cellmon/campaign/report.h"

#include <gmock/gmock.h>

#include "tests/unit/campaign/sample.h"

namespace hive::campaign {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

/// RUNS runs, of which run 3 escapes.
std::vector<Record> records(std::uint64_t runs) {
  std::vector<Record> made;
  for (std::uint64_t run = 0; run < runs; ++run) {
    Record record;
    record.campaign = "sample";
    record.seed = 7;
    record.drawn = draw(testing::sample(), testing::kCells, 7, run);
    record.outcome = run == 3 ? Outcome::kEscaped : Outcome::kContained;
    if (run == 3) record.reasons = {"alpha is wrong: <digest> | other"};
    if (run == 3) record.earlier = {1, 2};
    record.evidence = "hint";
    record.times.detection = static_cast<std::int64_t>(1000 + run * 10);
    record.times.everywhere = static_cast<std::int64_t>(9000 + run * 100);
    made.push_back(std::move(record));
  }
  return made;
}

Document report(const std::vector<Record>& runs) {
  static const Campaign kCampaign = testing::sample();
  return make_report({kCampaign, "sample.yaml", 7, 100, 3, runs});
}

TEST(Report, ListsWhatEscapedAndHowToRepeatIt) {
  const std::string text = to_markdown(report(records(20)));
  EXPECT_THAT(
      text, AllOf(HasSubstr("# Fault campaign sample"), HasSubstr("20 faults were injected. 1 "),
                  HasSubstr("| escaped | alpha is wrong: &lt;digest&gt; \\| other | hive campaign "
                            "sample.yaml --seed 7 --only 1,2,3 |")));
  EXPECT_THAT(text, HasSubstr("| 3 | " + describe(draw(testing::sample(), testing::kCells, 7, 3))));
}

TEST(Report, StandsBesideThePapersTable) {
  const std::string text = to_markdown(report(records(40)));
  EXPECT_THAT(text,
              AllOf(HasSubstr("| node failure during process creation | 20 | 16 | 21 | 0 |"),
                    HasSubstr("| corrupt pointer in a copy-on-write tree | 12 | 401 | 760 | 0 |"),
                    HasSubstr("| node failure at a random time | 20 | 21 | 45 | 2")));
}

TEST(Report, HasAPageThatNeedsNothingElse) {
  const std::string page = to_html(report(records(40)));
  EXPECT_THAT(page, AllOf(HasSubstr("<svg"), HasSubstr("</html>"), HasSubstr("&lt;digest&gt;"),
                          Not(HasSubstr("<digest>")), Not(HasSubstr("src=")),
                          Not(HasSubstr("href=")), Not(HasSubstr("nan")), Not(HasSubstr("inf"))));
}

TEST(Report, CutsNoCharacterOfALongNameInTwo) {
  std::vector<Record> runs = records(1);
  runs[0].drawn.group =
      std::string(39, 'a') + "\u00fc is long";  // Two bytes, the 40th and the 41st.
  EXPECT_THAT(to_html(report(runs)), HasSubstr(">" + std::string(39, 'a') + "...<"));
}

TEST(Report, SaysWhatIsNotInItsBound) {
  std::vector<Record> runs = records(3);
  EXPECT_THAT(to_markdown(report(runs)), Not(HasSubstr("are not in this bound")));
  runs[1].unchecked = {"gamma"};
  EXPECT_THAT(to_markdown(report(runs)),
              AllOf(HasSubstr("about 3 / 2). 1 are not in this bound"), HasSubstr("3 faults")));
}

TEST(Report, OfNoRunsSaysSo) {
  const std::string text = to_markdown(report({}));
  EXPECT_THAT(text, AllOf(HasSubstr("No fault was injected yet."), HasSubstr("0 of 100 runs")));
  EXPECT_THAT(to_html(report({})), HasSubstr("</html>"));
}

TEST(Report, OfRefusalsOnlyHasNoTimes) {
  Record refused;
  refused.drawn.group = "a";
  refused.drawn.fault = "a";
  refused.drawn.cell = "beta";
  refused.outcome = Outcome::kRefused;
  refused.reasons = {"no VMM"};
  const std::string text = to_markdown(report({refused}));
  EXPECT_THAT(text, AllOf(HasSubstr("No fault was noticed."),
                          HasSubstr("| a in beta | refused | no VMM |")));
}

}  // namespace
}  // namespace hive::campaign
