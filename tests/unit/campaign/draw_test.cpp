#include "cellmon/campaign/draw.h"

#include <gmock/gmock.h>

#include <map>

#include "tests/unit/campaign/sample.h"

namespace hive::campaign {
namespace {

using testing::kCells;
using testing::kWithWax;
using testing::sample;

TEST(Draw, FollowsFromSeedAndRunAlone) {
  const Campaign campaign = sample();
  const Draw late = draw(campaign, kCells, 7, 99);
  for (std::uint64_t run = 0; run < 99; ++run) (void)draw(campaign, kCells, 7, run);
  EXPECT_EQ(draw(campaign, kCells, 7, 99), late);
  int same = 0;
  for (std::uint64_t run = 0; run < 100; ++run) {
    Draw other = draw(campaign, kCells, 8, run);
    same += other == draw(campaign, kCells, 7, run) ? 1 : 0;
  }
  EXPECT_LT(same, 20);
}

TEST(Draw, TakesFaultsByTheirWeightAndAllTheirValues) {
  const Campaign campaign = sample();
  constexpr int kRuns = 10'000;
  std::map<std::string, int> faults;
  std::map<std::string, int> cells;
  std::map<std::string, int> times;
  for (std::uint64_t run = 0; run < kRuns; ++run) {
    const Draw drawn = draw(campaign, kCells, 1, run);
    ++faults[drawn.fault];
    EXPECT_GE(drawn.delay.count(), 0);
    EXPECT_LE(drawn.delay, campaign.delay);
    if (drawn.fault == "vmm-kill") ++cells[drawn.cell];
    if (drawn.fault == "vmm-stop") {
      EXPECT_EQ(drawn.cell, "beta");
      EXPECT_EQ(drawn.group, "short stop");
      ++times[drawn.parameters.at("for")];
    }
    if (drawn.fault == "false-accusation") {
      EXPECT_NE(drawn.parameters.at("cell"), drawn.cell);
      EXPECT_THAT(kCells, ::testing::Contains(drawn.parameters.at("cell")));
    }
  }
  EXPECT_NEAR(faults["vmm-kill"], kRuns * 3 / 5, kRuns / 50);
  EXPECT_NEAR(faults["vmm-stop"], kRuns / 5, kRuns / 50);
  for (const std::string& cell : kCells) {
    EXPECT_NEAR(cells[cell], faults["vmm-kill"] / 3, kRuns / 50) << cell;
  }
  EXPECT_NEAR(times["200ms"], times["1s"], kRuns / 50);
}

TEST(Draw, TakesThePolicyCellOnlyByName) {
  Campaign campaign = sample();
  for (std::uint64_t run = 0; run < 300; ++run) {
    EXPECT_EQ(draw(campaign, kWithWax, 1, run), draw(campaign, kCells, 1, run));
  }
  for (FaultSpec& spec : campaign.faults) spec.cells = {"wax"};
  for (std::uint64_t run = 0; run < 300; ++run) {
    const Draw drawn = draw(campaign, kWithWax, 1, run);
    EXPECT_EQ(drawn.cell, "wax");
    if (drawn.fault != "false-accusation") continue;
    EXPECT_THAT(kCells, ::testing::Contains(drawn.parameters.at("cell")));
  }
}

TEST(Draw, GivesWhatTheGuestIsToDoTimeToBegin) {
  Campaign campaign = sample();
  for (FaultSpec& spec : campaign.faults) spec.meanwhile = "true";
  Milliseconds least = campaign.delay;
  Milliseconds most{0};
  for (std::uint64_t run = 0; run < 1000; ++run) {
    const Milliseconds delay = draw(campaign, kCells, 1, run).delay;
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, campaign.delay / 2);
  EXPECT_LT(least, campaign.delay * 3 / 4);
  EXPECT_LE(most, campaign.delay);
  EXPECT_GT(most, campaign.delay * 3 / 4);
}

TEST(Draw, IsToldAndTimed) {
  Draw drawn;
  drawn.fault = "vmm-stop";
  drawn.cell = "beta";
  EXPECT_EQ(describe(drawn), "vmm-stop in beta");
  EXPECT_EQ(duration_of(drawn), Milliseconds(0));
  drawn.parameters["for"] = "2s";
  EXPECT_EQ(describe(drawn), "vmm-stop for=2s in beta");
  EXPECT_EQ(duration_of(drawn), Milliseconds(2000));
}

}  // namespace
}  // namespace hive::campaign
