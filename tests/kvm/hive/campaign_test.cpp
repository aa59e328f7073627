// Fault campaigns on micro guests: short ones that are contained, and one whose escape is made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "cellmon/campaign/campaign_file.h"
#include "cellmon/campaign/draw.h"
#include "tests/campaign/work_machine.h"
#include "tests/kvm/run/contribution.h"
#include "tests/kvm/run/hive_run.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kSeed = 11;
constexpr std::uint64_t kGuestPages = 4;
const std::vector<std::string> kCellNames{"alpha", "beta", "gamma", "delta"};

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Four cells whose guests do the campaigns' work.
class CampaignRuns : public testing::Test {
 protected:
  void make_machine(const std::string& on_failure, bool faults = true) {
    if (faults) machine_.add_key("faults: enabled");
    for (std::size_t i = 0; i < kCellNames.size(); ++i) {
      machine_.add_cell(
          kCellNames[i],
          work_script(kCellNames.size(), i, 64 * kMiB, Memory::kSize, kSeed, kGuestPages), false,
          "shared: 4MiB, on_failure: " + on_failure);
    }
    machine_.plan_file();
  }

  /// The campaign's file, with KEYS and FAULTS (items of a list) of its own.
  [[nodiscard]] std::string file(const std::string& keys, const std::string& faults) const {
    const auto path = machine_.folder() / "campaign.yaml";
    std::string lines = keys + "\n";
    for (const std::string line : {"settle: 300ms", "limit: 40s", "delay: 50ms"}) {
      const std::string key = line.substr(0, line.find(' '));
      if (keys.find(key) == std::string::npos) lines += line + "\n";
    }
    std::ofstream(path) << "campaign: short\nmachine: plan.yaml\n"
                        << "workload: {micro: {seed: " << kSeed << ", pages: " << kGuestPages
                        << "}}\nboot: 40s\nfaults: [" << faults << "]\n"
                        << lines;
    return path.string();
  }

  [[nodiscard]] Output campaign(const std::string& path, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"campaign", path, "--out", out().string()});
    return machine_.hive(options, {"timeout", "-k", "20", "50"});
  }

  /// The exit status of hive with ARGUMENTS, while which ACT is done. Nothing is left of it.
  [[nodiscard]] int status_of(const std::vector<std::string>& arguments,
                              const std::function<void()>& act) const {
    const pid_t pid = machine_.start(arguments);
    act();
    if (HasFatalFailure()) ::kill(pid, SIGTERM);
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  [[nodiscard]] static std::ptrdiff_t files_in(const std::filesystem::path& folder) {
    return std::distance(std::filesystem::directory_iterator(folder), {});
  }

  [[nodiscard]] std::filesystem::path out() const { return machine_.folder() / "out"; }

  [[nodiscard]] std::vector<json> records() const {
    std::ifstream lines(out() / "runs.jsonl");
    std::vector<json> found;
    for (std::string line; std::getline(lines, line);) found.push_back(json::parse(line));
    return found;
  }

  void expect_contained(std::size_t runs) const {
    const auto all = records();
    EXPECT_EQ(all.size(), runs);
    std::set<std::uint64_t> numbers;
    for (const json& record : all) {
      EXPECT_EQ(record["outcome"], "contained") << record;
      numbers.insert(record["run"].get<std::uint64_t>());
    }
    EXPECT_EQ(numbers.size(), runs);
  }

  TestMachine machine_;
};

TEST_F(CampaignRuns, ContainWhatTheyInject) {
  make_machine("reboot");
  const std::string path =
      file("runs: 12\nkeep: 6\nparallel: 2\nseed: 3",
           "{fault: vmm-kill, weight: 4, paper: random-time}, {fault: monitor-kill, weight: 2}, "
           "{fault: vmm-stop, parameters: {for: [50ms, 300ms]}}, "
           "{fault: false-accusation, parameters: {cell: any}}");
  // Each goes on where the one before it was cut off, on a host that is slow.
  Output last;
  for (int tries = 0; tries < 3; ++tries) {
    last = campaign(path);
    if (last.status == 0) break;
  }
  EXPECT_EQ(last.status, 0) << last.out << last.err;
  expect_contained(12);
  for (const json& record : records()) {
    const bool is_kill = record["fault"] == "vmm-kill" || record["fault"] == "monitor-kill";
    if (!is_kill) continue;
    EXPECT_EQ(record["put_out"], true) << record;
    for (const char* time : {"detection", "everywhere", "agreement", "recovery", "rejoin"}) {
      EXPECT_TRUE(record["times_us"].contains(time)) << time << ": " << record;
    }
    EXPECT_LE(record["times_us"]["detection"], record["times_us"]["everywhere"]) << record;
  }
  EXPECT_THAT(last.out, HasSubstr("12 of 12 runs, 0 escaped"));
  EXPECT_THAT(read_file(out() / "report.md"),
              AllOf(HasSubstr("12 faults were injected. None escaped"), HasSubstr("| vmm-kill |")));
  EXPECT_THAT(read_file(out() / "report.html"), HasSubstr("</html>"));
  EXPECT_THAT(machine_.sockets(), testing::IsEmpty());
  EXPECT_THAT(machine_.processes(), testing::IsEmpty());
}

TEST_F(CampaignRuns, HaveWaxBackAfterEachFault) {
  make_machine("reboot");
  machine_.add_wax("balance");
  machine_.plan_file();
  const std::string path =
      file("runs: 8\nkeep: 8\nparallel: 1\nseed: 1",
           "{fault: vmm-kill}, {fault: vmm-kill, class: wax, cells: [wax], weight: 2}, "
           "{fault: wax-garbage, cells: [wax], parameters: {for: 300ms}}, "
           "{fault: monitor-kill, cells: [wax]}");
  Output last;
  for (int tries = 0; tries < 3 && (tries == 0 || last.status != 0); ++tries) {
    last = campaign(path);
  }
  EXPECT_EQ(last.status, 0) << last.out << last.err;
  expect_contained(8);
  std::set<std::string> classes;
  for (const json& record : records()) {
    classes.insert(record["class"]);
    const bool is_agreed = record["cell"] != "wax" || record["fault"] == "monitor-kill";
    EXPECT_EQ(record["put_out"], is_agreed) << record;
    EXPECT_THAT(record["unchecked"], testing::IsEmpty());
    if (!is_agreed) EXPECT_FALSE(record["times_us"].contains("detection")) << record;
  }
  EXPECT_EQ(classes.size(), 4U) << "the seed draws each of them";
}

TEST_F(CampaignRuns, GoOnWhereTheyEndedAndRefuseOthersRuns) {
  make_machine("leave");
  const std::string path = file("runs: 2\nkeep: 4\nparallel: 1", "{fault: vmm-kill}");
  EXPECT_EQ(campaign(path).status, 0);
  const std::string before = read_file(out() / "runs.jsonl");
  std::ofstream(out() / "runs.jsonl", std::ios::app) << "{\"campaign\": \"sho";  // Cut off.
  const Output more = campaign(path, {"--runs", "4"});
  EXPECT_EQ(more.status, 0) << more.err;
  expect_contained(4);
  EXPECT_EQ(read_file(out() / "runs.jsonl").substr(0, before.size()), before);
  for (const json& record : records()) {
    EXPECT_TRUE(record["times_us"].contains("rejoin")) << "nobody started the cell: " << record;
  }
  const Output other = campaign(path, {"--seed", "99"});
  EXPECT_EQ(other.status, 1);
  EXPECT_THAT(other.err, HasSubstr("give another folder with --out"));
  expect_contained(4);
  // Without a run that is asked for it is not whole.
  EXPECT_EQ(campaign(path, {"--report", "--runs", "4"}).status, 0);
  EXPECT_EQ(campaign(path, {"--report", "--runs", "5"}).status, 1);
  std::ofstream(machine_.folder() / "plan.yaml", std::ios::app) << "# Another one.\n";
  const Output changed = campaign(path, {"--runs", "5"});
  EXPECT_EQ(changed.status, 1);
  EXPECT_THAT(changed.err, HasSubstr("the plan of its runs differs"));
  expect_contained(4);
}

TEST_F(CampaignRuns, SayWhenAByteOfASurvivorHasChanged) {
  make_machine("reboot");
  const std::string fault = "{fault: heartbeat-freeze, cells: [beta], parameters: {for: 1s}}";
  const std::string path = file("runs: 1\nparallel: 1\nsettle: 15s\nseed: 5", fault);
  const auto change_a_byte = [&] {
    EXPECT_TRUE(comes([&] {
      return machine_.hive({"events", machine_.name()}).out.find("heartbeat-freeze") !=
             std::string::npos;
    }));
    const Memory gamma(machine_.status("gamma")["monitor_pid"].get<int>(), "gamma");
    ASSERT_TRUE(gamma.is_there());
    gamma.page(micro::kOwnPage)[123] ^= 1;
  };
  EXPECT_EQ(status_of({"campaign", path, "--out", out().string()}, change_a_byte), 1);
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0]["outcome"], "escaped") << records()[0];
  EXPECT_THAT(records()[0]["reasons"].dump(), HasSubstr("gamma is wrong: its memory's digest"));
  EXPECT_THAT(read_file(out() / "report.md"),
              AllOf(HasSubstr("1 escaped"), HasSubstr("--seed 5 --only 0")));
  const std::string evidence = read_file(out() / "evidence" / "run-0.jsonl");
  EXPECT_THAT(evidence, HasSubstr("heartbeat-freeze for=1s"));
  // It escapes again, and says so; what was found before stays.
  EXPECT_EQ(status_of({"campaign", path, "--out", out().string(), "--only", "0"}, change_a_byte),
            1);
  EXPECT_EQ(read_file(out() / "evidence" / "run-0.jsonl"), evidence);
  EXPECT_EQ(files_in(out() / "evidence"), 2);
  // With nobody who changes a byte it is contained.
  const std::string quick = file("runs: 1\nparallel: 1\nsettle: 300ms\nseed: 5", fault);
  const Output again = campaign(quick, {"--only", "0"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(read_file(out() / "repeated.jsonl"), HasSubstr("\"outcome\":\"contained\""));
}

TEST_F(CampaignRuns, BlameHarmThatShowsLateOnTheFaultBefore) {
  make_machine("reboot");
  // The first fault comes soon, and the second one late.
  const auto keys = [](std::uint64_t seed) {
    return "runs: 2\nkeep: 2\nparallel: 1\ndelay: 10s\nseed: " + std::to_string(seed);
  };
  const std::string fault = "{fault: heartbeat-freeze, cells: [beta], parameters: {for: 50ms}}";
  std::uint64_t seed = 1;
  const auto parsed = campaign::parse_campaign(read_file(file(keys(seed), fault)));
  ASSERT_TRUE(parsed.campaign.has_value());
  const auto delay = [&](std::uint64_t run) {
    return draw(*parsed.campaign, kCellNames, seed, run).delay;
  };
  while (delay(0) > std::chrono::seconds(1) || delay(1) < std::chrono::seconds(7)) ++seed;
  const std::string path = file(keys(seed), fault);
  const int status = status_of({"campaign", path, "--out", out().string()}, [&] {
    ASSERT_TRUE(comes([&] { return !records().empty(); }));
    ::kill(machine_.status("gamma")["vmm_pid"].get<int>(), SIGKILL);
  });
  EXPECT_EQ(status, 1);
  ASSERT_EQ(records().size(), 2U);
  EXPECT_EQ(records()[0]["outcome"], "contained") << records()[0];
  const json late = records()[1];
  EXPECT_EQ(late["outcome"], "escaped") << late;
  EXPECT_EQ(late["before_fault"], true) << late;
  EXPECT_EQ(late["earlier"], json::array({0})) << late;
  EXPECT_GT(late["took_ms"], 0) << late;
  EXPECT_THAT(late["reasons"].dump(), HasSubstr("gamma was put out or started anew"));
  EXPECT_THAT(read_file(out() / "report.md"), HasSubstr("1 faults were injected. 1 escaped"));
}

TEST_F(CampaignRuns, TellWhatWasRefusedAndKeepTheMachine) {
  make_machine("reboot");
  const Output output = campaign(file("runs: 2\nkeep: 2\nparallel: 1", "{fault: panic}"));
  EXPECT_EQ(output.status, 0) << output.err;
  ASSERT_EQ(records().size(), 2U);
  for (const json& record : records()) {
    EXPECT_EQ(record["outcome"], "refused") << record;
    EXPECT_THAT(record["reasons"].dump(), HasSubstr("the guest has no agent"));
  }
  EXPECT_EQ(records()[1]["earlier"], json::array({records()[0]["run"]}));
}

TEST_F(CampaignRuns, SayWhenACellDoesNotWorkAndNobodyHasNoticed) {
  make_machine("reboot");
  const Output output =
      campaign(file("runs: 1\nparallel: 1\nlimit: 2s", "{fault: vmm-stop, cells: [delta]}"));
  EXPECT_EQ(output.status, 0) << output.err;
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0]["outcome"], "undetected") << records()[0];
  EXPECT_THAT(output.err, HasSubstr("delta does not answer"));
}

TEST_F(CampaignRuns, LeaveNothingBehindWhenTheyAreInterrupted) {
  make_machine("reboot");
  const std::string path = file("runs: 1000\nparallel: 2", "{fault: vmm-kill}");
  const pid_t pid = machine_.start({"campaign", path, "--out", out().string()});
  EXPECT_TRUE(comes([&] { return std::filesystem::exists(out() / "runs.jsonl"); }));
  ::kill(pid, SIGINT);
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  EXPECT_THAT(machine_.processes(), testing::IsEmpty());
  EXPECT_THAT(machine_.sockets(), testing::IsEmpty());
  EXPECT_THAT(read_file(out() / "report.md"), HasSubstr("None escaped"));
}

TEST_F(CampaignRuns, AreRefusedBeforeAnythingStarts) {
  make_machine("reboot", false);
  const Output output = campaign(file("runs: 1", "{fault: vmm-kill}"));
  EXPECT_EQ(output.status, 2);
  EXPECT_THAT(output.err, HasSubstr("say `faults: enabled` in it"));
  const Output bad = campaign(file("runs: 1", "{fault: vmm-kill, cells: [omega]}"));
  EXPECT_EQ(bad.status, 2);
  EXPECT_THAT(bad.err, HasSubstr("campaign.yaml:5:10: the machine has no cell 'omega'"));
  EXPECT_THAT(machine_.processes(), testing::IsEmpty());
}

}  // namespace
}  // namespace hive::test
