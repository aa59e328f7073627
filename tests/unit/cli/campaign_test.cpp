// The parts of `hive campaign` that need no machine.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "cellmon/cli/campaign/campaign_folder.h"
#include "cellmon/cli/campaign/campaign_progress.h"
#include "cellmon/cli/campaign/reference_copies.h"
#include "tests/unit/cli/temporary_folder.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

using ::testing::HasSubstr;

campaign::Campaign sample() {
  campaign::Campaign campaign;
  campaign.name = "sample";
  campaign.faults.push_back({{}, "vmm-kill", "vmm-kill", {}, {}, 1, {}});
  return campaign;
}

const std::vector<std::string> kCells{"alpha", "beta"};

campaign::Record record(std::uint64_t run) {
  campaign::Record made;
  made.campaign = "sample";
  made.seed = 3;
  made.drawn = draw(sample(), kCells, 3, run);
  return made;
}

std::string error_of(const auto& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

TEST(CampaignProgress, IsTold) {
  CampaignProgress progress;
  progress.runs = 100;
  EXPECT_EQ(describe(progress, 80), "[--------------------] 0 of 100");
  progress.before = 20;
  progress.done[0] = 29;
  progress.done[1] = 1;
  progress.seconds = 60;
  EXPECT_EQ(describe(progress, 200),
            "[##########----------] 50 of 100; 29 contained, 1 escaped; 30.0 a minute, 2 min left");
  EXPECT_EQ(describe(progress, 10), "[#########");
}

TEST(CampaignFolder, KeepsRecordsAndCutsOffWhatWasNotFinished) {
  const TemporaryFolder scratch;
  CampaignFolder folder(scratch.path().string() + "/out");
  EXPECT_TRUE(folder.read().empty());
  folder.append("runs.jsonl", record(0));
  folder.append("runs.jsonl", record(1));
  std::ofstream(folder.runs_file(), std::ios::app) << "{\"camp";
  EXPECT_EQ(folder.read().size(), 2U);
  folder.append("runs.jsonl", record(2));
  EXPECT_EQ(folder.read().size(), 3U);
  std::ofstream(folder.runs_file(), std::ios::app) << "no record\n";
  EXPECT_THAT(error_of([&] { (void)folder.read(); }), HasSubstr("runs.jsonl:4: this line is no"));
}

TEST(CampaignFolder, IsForOneCampaignAtATime) {
  const TemporaryFolder scratch;
  const CampaignFolder folder(scratch.path().string());
  EXPECT_THAT(error_of([&] { const CampaignFolder other(scratch.path().string()); }),
              HasSubstr("another campaign writes to folder"));
}

TEST(CampaignFolder, RefusesRunsOfAnotherCampaign) {
  const std::vector<campaign::Record> records{record(0), record(5)};
  const auto refusal = [&](const campaign::Campaign& campaign, std::uint64_t seed) {
    return error_of([&] { check_records(records, campaign, seed, kCells, "runs.jsonl"); });
  };
  EXPECT_EQ(refusal(sample(), 3), "");
  EXPECT_THAT(refusal(sample(), 4), HasSubstr("seed 4: give another folder with --out"));
  campaign::Campaign other = sample();
  other.faults[0].fault = "monitor-kill";
  EXPECT_THAT(refusal(other, 3), HasSubstr("here it would be monitor-kill in"));
}

TEST(CampaignFolder, RefusesARunThatIsThereTwice) {
  const std::vector<campaign::Record> records{record(0), record(5), record(0)};
  EXPECT_THAT(error_of([&] { check_records(records, sample(), 3, kCells, "runs.jsonl"); }),
              HasSubstr("runs.jsonl: run 0 is there twice"));
}

TEST(CampaignFolder, KnowsWhichRunsAreMissing) {
  const std::vector<campaign::Record> records{record(0), record(3), record(9)};
  EXPECT_THAT(missing_runs(5, records), ::testing::ElementsAre(1, 2, 4));
  EXPECT_THAT(missing_runs(1, records), ::testing::IsEmpty());
}

TEST(CampaignFolder, IsForRunsOfOneWorkloadAndPlan) {
  const TemporaryFolder scratch;
  const std::string own = "workload 1\nplan 2\n";
  const CampaignFolder folder(scratch.path().string());
  // Not for runs of an unknown one.
  const std::vector<campaign::Record> records{record(0)};
  EXPECT_THAT(error_of([&] { folder.claim(own, records); }),
              HasSubstr("the workload and the plan"));
  folder.claim(own, {});
  folder.claim(own, {});
  folder.claim(own, records);
  EXPECT_THAT(error_of([&] { folder.claim("workload 1\nplan 3\n", records); }),
              HasSubstr("the plan of its runs differs"));
  EXPECT_THAT(error_of([&] { folder.claim("workload 3\nplan 2\n", {}); }),
              HasSubstr("the workload of its runs differs"));
}

TEST(CampaignFolder, KeepsEvidenceOfARunWhenItIsRepeated) {
  const TemporaryFolder scratch;
  const CampaignFolder folder(scratch.path().string());
  campaign::Record again = record(2);
  again.wall_ns = 17;
  folder.keep_events(record(2), false, {});
  folder.keep_events(again, true, {});
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "evidence" / "run-2.jsonl"));
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "evidence" / "repeat-2-17.jsonl"));
}

TEST(ReferenceCopies, AreTheFirstThatWereKept) {
  const TemporaryFolder scratch;
  ReferenceCopies copies(scratch.path().string() + "/reference");
  EXPECT_EQ(copies.find("alpha", "work"), std::nullopt);
  copies.keep("alpha", "work", "first");
  copies.keep("alpha", "work", "second");
  EXPECT_EQ(copies.find("alpha", "work"), "first");
  EXPECT_EQ(ReferenceCopies(scratch.path().string() + "/reference").find("alpha", "work"), "first");
  EXPECT_EQ(copies.find("beta", "work"), std::nullopt);
  std::ofstream(scratch.path().string() + "/given") << "given";
  copies.take_file("work", scratch.path().string() + "/given");
  EXPECT_EQ(copies.find("alpha", "work"), "given");
  EXPECT_THAT(error_of([&] { copies.take_file("work", "/nowhere"); }), HasSubstr("/nowhere"));
}

TEST(ReferenceCopies, TellWhereAnOutputDiffers) {
  EXPECT_EQ(difference("same", "same"), "");
  EXPECT_EQ(difference("abXd", "abcd"),
            "it printed 4 bytes, not 4; from byte 2 on \"Xd\", not \"cd\"");
  EXPECT_THAT(difference("ab", "abc"), HasSubstr("2 bytes, not 3; from byte 2 on \"\", not \"c\""));
}

}  // namespace
}  // namespace hive::cli
