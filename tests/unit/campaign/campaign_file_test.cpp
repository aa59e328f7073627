// Campaign files: what they come to, and what is wrong with them, where.
#include "cellmon/campaign/campaign_file.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cellmon/campaign/draw.h"
#include "cellmon/campaign/format.h"
#include "cellmon/campaign/paper_table.h"
#include "tests/unit/campaign/sample.h"

namespace hive::campaign {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::kCells;
using testing::kSample;
using testing::sample;

/// The faults of TEXT, each in a line.
std::vector<std::string> faults(const std::string& text) {
  std::vector<std::string> lines;
  const ParsedCampaign parsed = parse_campaign(text);
  EXPECT_EQ(parsed.campaign.has_value(), parsed.faults.empty());
  for (const plan::Fault& fault : parsed.faults) lines.push_back(describe(fault, "f"));
  return lines;
}

/// The sample with LINE in place of the one that begins with KEY.
std::string with(const std::string& key, const std::string& line) {
  std::string text(kSample);
  const std::size_t start = text.find("\n" + key) + 1;
  return text.replace(start, text.find('\n', start) - start, line);
}

TEST(CampaignFile, SaysAllOfACampaign) {
  const Campaign campaign = sample();
  EXPECT_EQ(campaign.name, "sample");
  EXPECT_EQ(campaign.machine, "trio.yaml");
  EXPECT_EQ(campaign.runs, 100U);
  EXPECT_EQ(campaign.seed, 7U);
  EXPECT_EQ(campaign.parallel, 0U);
  EXPECT_EQ(campaign.keep, 1U);
  const auto& micro = std::get<MicroWork>(campaign.workload);
  EXPECT_EQ(micro.seed, 5U);
  EXPECT_EQ(micro.pages, 4U);
  ASSERT_EQ(campaign.faults.size(), 3U);
  EXPECT_EQ(campaign.faults[0].group, "vmm-kill");
  EXPECT_EQ(campaign.faults[0].paper_row, "random-time");
  EXPECT_EQ(campaign.faults[1].group, "short stop");
  EXPECT_THAT(campaign.faults[1].cells, ElementsAre("beta"));
  EXPECT_THAT(campaign.faults[1].parameters.at(0).values, ElementsAre("200ms", "1s"));
}

TEST(CampaignFile, SaysWhatCommandsRun) {
  const std::string text =
      with("workload:",
           "workload: {exec: {cells: [alpha], prepare: make ready, work: {run: "
           "make, output: make.txt}, check: make check}}");
  const Campaign campaign = parse_campaign(text).campaign.value();
  const auto& exec = std::get<ExecWork>(campaign.workload);
  EXPECT_EQ(exec.prepare, "make ready");
  EXPECT_EQ(exec.work.line, "make");
  EXPECT_EQ(exec.work.reference, "make.txt");
  EXPECT_EQ(exec.check.line, "make check");
  EXPECT_EQ(campaign.faults[0].meanwhile, "");
}

TEST(CampaignFile, SaysWhatAFaultStrikesInTheMiddleOf) {
  constexpr const char* kFault = "  - {fault: vmm-kill, meanwhile: make clean}";
  EXPECT_THAT(faults(with("  - {fault: vmm-kill", kFault)),
              ElementsAre(HasSubstr("f:7:5: 'meanwhile' is a command, which micro guests")));
  std::string text = with("workload:", "workload: {exec: {check: make check}}");
  const std::size_t start = text.find("  - {fault: vmm-kill");
  text.replace(start, text.find('\n', start) - start, kFault);
  const Campaign campaign = parse_campaign(text).campaign.value();
  EXPECT_EQ(campaign.faults[0].meanwhile, "make clean");
  for (std::uint64_t run = 0; run < 20; ++run) {
    const Draw drawn = draw(campaign, kCells, 1, run);
    EXPECT_EQ(drawn.meanwhile, drawn.fault == "vmm-kill" ? "make clean" : "");
  }
}

TEST(CampaignFile, IsRefusedWithThePlace) {
  EXPECT_THAT(faults(with("runs:", "runs: none")),
              ElementsAre("f:3:7: runs cannot be 'none'; write a whole number from 1 to "
                          "1000000"));
  EXPECT_THAT(faults(with("runs:", "rums: 1")),
              ElementsAre(HasSubstr("f:1:1: a campaign lacks the key 'runs'"),
                          "f:3:1: unknown key 'rums' in a campaign; did you mean 'runs'?"));
  EXPECT_THAT(faults(with("seed:", "settle: soon")),
              ElementsAre(HasSubstr("f:4:9: 'soon' is not a time; write a whole number with")));
  EXPECT_THAT(faults(with("workload:", "workload: {}")),
              ElementsAre(HasSubstr("f:5:11: a workload is of one kind")));
  EXPECT_THAT(faults(with("workload:", "workload: {exec: {work: x}}")),
              ElementsAre(HasSubstr("f:5:18: an exec workload lacks the key 'check'")));
  EXPECT_THAT(faults(with("  - {fault: vmm-kill", "  - {fault: vmm-kil}")),
              ElementsAre("f:7:13: there is no fault 'vmm-kil'; did you mean 'vmm-kill'?"));
  EXPECT_THAT(
      faults(with("  - {fault: vmm-kill", "  - {fault: vmm-kill, paper: lunch}")),
      ElementsAre(HasSubstr("f:7:30: Table 7.4 has no row 'lunch'; its rows are process-")));
  EXPECT_THAT(faults(with("  - {fault: vmm-stop", "  - {fault: vmm-stop, parameters: {for: []}}")),
              ElementsAre(HasSubstr("f:8:41: 0 values are listed")));
  std::string many;
  for (int i = 0; i < 17; ++i) many += "p" + std::to_string(i) + ": 1, ";
  EXPECT_THAT(faults(with("  - {fault: vmm-stop",
                          "  - {fault: vmm-stop, parameters: {" + many + "for: 1s}}")),
              ElementsAre(HasSubstr("f:8:35: 18 parameters are given")));
  EXPECT_THAT(faults("[1]"), ::testing::Contains(HasSubstr("is described by a mapping")));
}

TEST(CampaignFile, IsHeldAgainstTheMachine) {
  EXPECT_THAT(check_cells(sample(), kCells), ::testing::IsEmpty());
  const std::vector<std::string> others{"alpha", "gamma"};
  const auto faults = check_cells(sample(), others);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_EQ(faults[0].at, (plan::Position{8, 5}));
  EXPECT_THAT(faults[0].what, HasSubstr("has no cell 'beta'"));
}

TEST(CampaignFile, HasRoguesForWaxAloneAndForATime) {
  const auto faults_of = [](const std::string& keys) {
    const std::string text = with("  - {fault: vmm-stop", "  - {fault: wax-flood" + keys + "}");
    return check_cells(parse_campaign(text).campaign.value(), testing::kWithWax);
  };
  EXPECT_THAT(faults_of(", cells: [wax], parameters: {for: 1s}"), ::testing::IsEmpty());
  for (const std::string cells : {"", ", cells: [alpha]", ", cells: [wax, alpha]"}) {
    const auto found = faults_of(cells + ", parameters: {for: 1s}");
    ASSERT_EQ(found.size(), 1U) << cells;
    EXPECT_THAT(found[0].what, HasSubstr("wax-flood is for the cell that runs Wax"));
    EXPECT_THAT(found[0].remedy, HasSubstr("cells: [wax]"));
  }
  const auto endless = faults_of(", cells: [wax]");
  ASSERT_EQ(endless.size(), 1U);
  EXPECT_THAT(endless[0].what, HasSubstr("would last for good"));
}

TEST(CampaignFile, HasNoWorkForThePolicyCell) {
  const auto faults_of = [](const std::string& cells) {
    const std::string text =
        with("workload:", "workload: {exec: {cells: [" + cells + "], check: make check}}");
    return check_cells(parse_campaign(text).campaign.value(), testing::kWithWax);
  };
  EXPECT_THAT(faults_of("alpha, gamma"), ::testing::IsEmpty());
  const auto found = faults_of("alpha, wax");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_THAT(found[0].what, HasSubstr("names cell 'wax', which runs Wax"));
}

TEST(CampaignFile, RunsCommandsMeanwhileOnlyWhereTheWorkIs) {
  const auto faults_of = [](const std::string& cells) {
    std::string text = with("workload:", "workload: {exec: {cells: [alpha], check: make check}}");
    const std::size_t start = text.find("  - {fault: vmm-kill");
    text.replace(start, text.find('\n', start) - start,
                 "  - {fault: vmm-kill, meanwhile: make clean" + cells + "}");
    return check_cells(parse_campaign(text).campaign.value(), testing::kWithWax);
  };
  EXPECT_THAT(faults_of(", cells: [alpha]"), ::testing::IsEmpty());
  for (const std::string cells : {"", ", cells: [wax]", ", cells: [alpha, gamma]"}) {
    const auto found = faults_of(cells);
    ASSERT_EQ(found.size(), 1U) << cells;
    EXPECT_THAT(found[0].what, HasSubstr("'meanwhile' would run nothing in cell '")) << cells;
  }
}

TEST(CampaignFile, HasParametersThatTheirFaultsTake) {
  const std::string text =
      with("  - {fault: vmm-stop", "  - {fault: vmm-stop, parameters: {for: [200ms, ever]}}");
  const auto faults = check_cells(parse_campaign(text).campaign.value(), kCells);
  ASSERT_EQ(faults.size(), 1U);
  EXPECT_THAT(faults[0].what, HasSubstr("in cell alpha: for=\"ever\" is no time"));
}

TEST(CampaignFile, LeavesTheTimeOfFaultsToTheCampaign) {
  for (const std::string timing : {"{at: 1s}", "{after: alert}", "{every: 1s, times: 2}"}) {
    const std::string text =
        with("  - {fault: vmm-stop", "  - {fault: vmm-stop, parameters: " + timing + "}");
    const auto faults = check_cells(parse_campaign(text).campaign.value(), kCells);
    ASSERT_FALSE(faults.empty()) << timing;
    EXPECT_THAT(faults[0].what, HasSubstr("at another time")) << timing;
  }
}

TEST(CampaignFile, OfEachExampleIsSound) {
  const std::filesystem::path folder = std::string(HIVE_SOURCE_DIR) + "/examples/campaign";
  int found = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)),
                           std::istreambuf_iterator<char>());
    if (text.find("\ncampaign:") == std::string::npos) continue;
    ++found;
    EXPECT_THAT(faults(text), ::testing::IsEmpty()) << entry.path();
  }
  EXPECT_GE(found, 2);
}

TEST(CampaignFile, IsDocumented) {
  std::ifstream file(std::string(HIVE_SOURCE_DIR) + "/docs/campaigns.md");
  const std::string doc((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto is_default = [&](const KeySpec& key, const std::string& row) {
    return row.find("| " + (key.is_required() ? "required" : std::string(key.fallback)) + " |") !=
           std::string::npos;
  };
  for (const MappingSpec* spec : {&campaign_spec(), &fault_spec(), &exec_spec()}) {
    for (const KeySpec& key : spec->keys) {
      const std::size_t start = doc.find("\n| `" + std::string(key.name) + "` | ");
      ASSERT_NE(start, std::string::npos) << key.name;
      const std::string row = doc.substr(start, doc.find('\n', start + 1) - start);
      if (spec != &exec_spec()) EXPECT_TRUE(is_default(key, row)) << row;
    }
  }
  for (const KeySpec& key : micro_spec().keys) {
    EXPECT_THAT(doc, HasSubstr("`" + std::string(key.name) + "`"));
  }
  for (const PaperRow& row : paper_table()) {
    EXPECT_THAT(doc, HasSubstr("`" + std::string(row.name) + "`"));
  }
}

}  // namespace
}  // namespace hive::campaign
