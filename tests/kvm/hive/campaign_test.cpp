// Fault campaigns on micro guests: short ones that are contained, and one whose escape is made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/campaign/work_machine.h"
#include "tests/kvm/hive/contribution.h"
#include "tests/kvm/hive/hive_run.h"
#include "vmm/base/units.h"

namespace hive::test {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kSeed = 11;
constexpr std::uint64_t kGuestPages = 4;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// Four cells whose guests do the campaigns' work.
class CampaignRuns : public testing::Test {
 protected:
  void make_machine(const std::string& on_failure, bool faults = true) {
    if (faults) machine_.add_key("faults: enabled");
    const std::vector<std::string> cells{"alpha", "beta", "gamma", "delta"};
    for (std::size_t i = 0; i < cells.size(); ++i) {
      machine_.add_cell(cells[i],
                        work_script(cells.size(), i, 64 * kMiB, Memory::kSize, kSeed, kGuestPages),
                        false, "shared: 4MiB, on_failure: " + on_failure);
    }
    machine_.plan_file();
  }

  /// The campaign's file, with KEYS and FAULTS (items of a list) of its own.
  [[nodiscard]] std::string file(const std::string& keys, const std::string& faults) const {
    const auto path = machine_.folder() / "campaign.yaml";
    std::string lines = keys + "\n";
    for (const std::string line : {"settle: 300ms", "limit: 40s"}) {
      const std::string key = line.substr(0, line.find(' '));
      if (keys.find(key) == std::string::npos) lines += line + "\n";
    }
    std::ofstream(path) << "campaign: short\nmachine: plan.yaml\n"
                        << "workload: {micro: {seed: " << kSeed << ", pages: " << kGuestPages
                        << "}}\ndelay: 50ms\nboot: 40s\nfaults: [" << faults << "]\n"
                        << lines;
    return path.string();
  }

  [[nodiscard]] Output campaign(const std::string& path, std::vector<std::string> options = {}) {
    options.insert(options.begin(), {"campaign", path, "--out", out().string()});
    return machine_.hive(options, {"timeout", "-k", "20", "50"});
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
      file("runs: 30\nkeep: 6\nparallel: 2\nseed: 3",
           "{fault: vmm-kill, weight: 4, paper: random-time}, {fault: monitor-kill, weight: 2}, "
           "{fault: vmm-stop, parameters: {for: [50ms, 300ms]}}, "
           "{fault: false-accusation, parameters: {cell: any}}");
  // Each goes on where the one before it was cut off.
  Output last;
  for (int tries = 0; tries < 5; ++tries) {
    last = campaign(path);
    if (last.status == 0) break;
  }
  EXPECT_EQ(last.status, 0) << last.out << last.err;
  expect_contained(30);
  std::map<std::string, int> put_out;
  for (const json& record : records()) {
    const bool is_kill = record["fault"] == "vmm-kill" || record["fault"] == "monitor-kill";
    if (!is_kill) continue;
    EXPECT_EQ(record["put_out"], true) << record;
    for (const char* time : {"detection", "everywhere", "agreement", "recovery", "rejoin"}) {
      EXPECT_TRUE(record["times_us"].contains(time)) << time << ": " << record;
    }
    EXPECT_LE(record["times_us"]["detection"], record["times_us"]["everywhere"]) << record;
  }
  EXPECT_THAT(last.out, HasSubstr("30 of 30 runs, 0 escaped"));
  EXPECT_THAT(read_file(out() / "report.md"),
              AllOf(HasSubstr("30 faults were injected. None escaped"), HasSubstr("| vmm-kill |")));
  EXPECT_THAT(read_file(out() / "report.html"), HasSubstr("</html>"));
  EXPECT_THAT(machine_.sockets(), testing::IsEmpty());
  EXPECT_THAT(machine_.processes(), testing::IsEmpty());
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
}

TEST_F(CampaignRuns, SayWhenAByteOfASurvivorHasChanged) {
  make_machine("reboot");
  const std::string path = file("runs: 1\nparallel: 1\nsettle: 8s\nseed: 5",
                                "{fault: heartbeat-freeze, cells: [beta], parameters: {for: 1s}}");
  const pid_t pid = machine_.start({"campaign", path, "--out", out().string()});
  ASSERT_TRUE(comes([&] {
    return machine_.hive({"events", machine_.name()}).out.find("heartbeat-freeze") !=
           std::string::npos;
  }));
  {
    const Memory gamma(machine_.status("gamma")["monitor_pid"].get<int>(), "gamma");
    ASSERT_TRUE(gamma.is_there());
    gamma.page(micro::kOwnPage)[123] ^= 1;
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
  ASSERT_EQ(records().size(), 1U);
  EXPECT_EQ(records()[0]["outcome"], "escaped") << records()[0];
  EXPECT_THAT(records()[0]["reasons"].dump(), HasSubstr("gamma is wrong: its memory's digest"));
  EXPECT_THAT(read_file(out() / "report.md"),
              AllOf(HasSubstr("1 escaped"), HasSubstr("--seed 5 --only 0")));
  EXPECT_THAT(read_file(out() / "evidence" / "run-0.jsonl"), HasSubstr("heartbeat-freeze for=1s"));
  // The same run again, with nobody who changes a byte, is contained.
  const Output again = campaign(path, {"--only", "0"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_THAT(read_file(out() / "repeated.jsonl"), HasSubstr("\"outcome\":\"contained\""));
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
  EXPECT_THAT(bad.err, HasSubstr("campaign.yaml:6:10: the machine has no cell 'omega'"));
  EXPECT_THAT(machine_.processes(), testing::IsEmpty());
}

}  // namespace
}  // namespace hive::test
