// What becomes of a failed guest's memory before its VMM ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "cellmon/control/cell_machine.h"
#include "tests/unit/control/test_cell.h"

namespace hive::control {
namespace {

using cell::ReportKind;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using std::chrono_literals::operator""ms;

/// A cell without an agent that runs, and whose memory is to be kept.
class DumpingCell : public testing::Test {
 protected:
  DumpingCell() {
    machine_.start();
    report(ReportKind::kStarted);
  }
  Step report(ReportKind kind, const std::string& detail = {}) {
    return machine_.on_report({kind, detail});
  }
  static std::vector<std::string> events(const Step& step) {
    std::vector<std::string> lines;
    for (const EventText& event : step.events) lines.push_back(event.kind + ": " + event.detail);
    return lines;
  }

  CellMachine machine_{false, true};
};

TEST_F(DumpingCell, AsksForTheMemoryOfAGuestThatFails) {
  for (const ReportKind kind :
       {ReportKind::kPanicked, ReportKind::kTripleFault, ReportKind::kFailed}) {
    CellMachine machine(false, true);
    machine.start();
    machine.on_report({ReportKind::kStarted, ""});
    const Step step = machine.on_report({kind, "why"});
    EXPECT_THAT(step.actions, ElementsAre(Action::kArmDeadline, Action::kDumpVmm));
    EXPECT_THAT(events(step), Contains(StartsWith("dumping: ")));
    EXPECT_EQ(machine.deadline(), kDumpLimit);
    EXPECT_FALSE(machine.evidence().empty()) << "the others do not wait for it";
  }
}

TEST_F(DumpingCell, AsksForTheMemoryOfAGuestThatHangs) {
  machine_.note_hang(agree::Evidence::kVcpuStuck, "vCPU 0");
  const Step step = machine_.on_evicted();
  EXPECT_THAT(step.actions, Contains(Action::kDumpVmm));
  EXPECT_EQ(machine_.deadline(), CellMachine::kExitLimit) << "the guest runs until it is stopped";
  EXPECT_FALSE(machine_.evidence().empty());
  EXPECT_THAT(machine_.on_evicted().actions, IsEmpty()) << "once";
  EXPECT_THAT(report(ReportKind::kPaused).actions, ElementsAre(Action::kArmDeadline));
  EXPECT_EQ(machine_.deadline(), kDumpLimit);
  EXPECT_THAT(report(ReportKind::kPaused).actions, IsEmpty()) << "once";
  EXPECT_THAT(report(ReportKind::kDumped).actions,
              ElementsAre(Action::kKeepDump, Action::kArmDeadline));
  machine_.on_vmm_exit("status 0", 60'000ms);
  EXPECT_EQ(machine_.state(), CellState::kFailed);
}

TEST_F(DumpingCell, KillsAVmmThatDoesNotStopAGuestThatHangs) {
  machine_.note_hang(agree::Evidence::kVcpuStuck, "vCPU 0");
  machine_.on_evicted();
  EXPECT_THAT(machine_.on_deadline().actions, Contains(Action::kKillVmm));
}

TEST_F(DumpingCell, KillsOneThatIsEvictedForItsMonitorsSilence) {
  EXPECT_THAT(machine_.on_evicted().actions,
              AllOf(Contains(Action::kKillVmm), Not(Contains(Action::kDumpVmm))));
}

TEST_F(DumpingCell, LeavesOthersAlone) {
  for (const ReportKind kind : {ReportKind::kOff, ReportKind::kReset, ReportKind::kNotStarted}) {
    CellMachine machine(false, true);
    machine.start();
    machine.on_report({ReportKind::kStarted, ""});
    EXPECT_THAT(machine.on_report({kind, ""}).actions, Not(Contains(Action::kDumpVmm)));
    EXPECT_EQ(machine.deadline(), CellMachine::kExitLimit);
  }
}

TEST_F(DumpingCell, EndsOnceItsMemoryIsKept) {
  report(ReportKind::kPanicked);
  EXPECT_THAT(report(ReportKind::kDumped).actions,
              ElementsAre(Action::kKeepDump, Action::kArmDeadline));
  EXPECT_EQ(machine_.deadline(), CellMachine::kExitLimit);
  EXPECT_THAT(report(ReportKind::kDumped).actions, IsEmpty()) << "once";
  EXPECT_EQ(machine_.ignored_reports(), 1U);
  const Step step = machine_.on_vmm_exit("status 0", 60'000ms);
  EXPECT_THAT(events(step), Not(Contains(StartsWith("not-dumped"))));
  EXPECT_EQ(machine_.state(), CellState::kPanicked);
}

TEST_F(DumpingCell, SaysWhyItsMemoryIsNotKept) {
  report(ReportKind::kPanicked);
  Step step = report(ReportKind::kNotDumped, "no space left");
  EXPECT_THAT(events(step), ElementsAre("not-dumped: no space left"));
  EXPECT_THAT(step.actions, ElementsAre(Action::kDropDump, Action::kArmDeadline));
  step = machine_.on_vmm_exit("status 0", 60'000ms);
  EXPECT_THAT(events(step), ElementsAre("panicked: "));
}

TEST_F(DumpingCell, EndsTheVmmWhereNoFileCanBeMade) {
  report(ReportKind::kPanicked);
  const Step step = machine_.on_dump_failed("no such folder");
  EXPECT_THAT(events(step), ElementsAre("not-dumped: no such folder"));
  EXPECT_THAT(step.actions, ElementsAre(Action::kDropDump, Action::kQuitVmm, Action::kArmDeadline));
  EXPECT_THAT(machine_.on_dump_failed("again").actions, IsEmpty());
}

TEST_F(DumpingCell, IsNotWaitedForLongerThanItsLimit) {
  report(ReportKind::kPanicked);
  const Step step = machine_.on_deadline();
  EXPECT_THAT(events(step), ElementsAre("not-dumped: it took too long"));
  EXPECT_THAT(step.actions,
              ElementsAre(Action::kDropDump, Action::kDisarmDeadline, Action::kKillVmm));
  EXPECT_THAT(report(ReportKind::kDumped).actions, IsEmpty()) << "too late";
}

TEST_F(DumpingCell, TellsOfAVmmThatEndsInTheMiddle) {
  report(ReportKind::kPanicked);
  const Step step = machine_.on_vmm_exit("signal 9", 60'000ms);
  EXPECT_THAT(events(step), ElementsAre("not-dumped: the VMM ended: signal 9", "panicked: "));
  EXPECT_THAT(step.actions, Contains(Action::kDropDump));
}

TEST_F(DumpingCell, HoldsNobodyUpThatIsToBeSuspended) {
  report(ReportKind::kPaused);
  EXPECT_FALSE(machine_.is_still()) << "nobody has asked";
  report(ReportKind::kPanicked);
  machine_.suspend();
  EXPECT_FALSE(machine_.is_still()) << "vCPUs may still run";
  report(ReportKind::kPaused);
  EXPECT_TRUE(machine_.is_still());
  EXPECT_THAT(machine_.end_suspension().actions, IsEmpty());
  EXPECT_TRUE(machine_.is_still());
  report(ReportKind::kDumped);
  machine_.on_vmm_exit("status 0", 60'000ms);
  machine_.start_anew();
  report(ReportKind::kStarted);
  EXPECT_FALSE(machine_.is_still());
}

TEST_F(DumpingCell, IsNotStartedAnewBeforeItIsDone) {
  report(ReportKind::kPanicked);
  EXPECT_THAT(machine_.start_anew().actions, IsEmpty());
  EXPECT_THAT(machine_.on_evicted().actions, IsEmpty());
  report(ReportKind::kDumped);
  EXPECT_THAT(machine_.start_anew().actions, IsEmpty()) << "its VMM is there";
  machine_.on_vmm_exit("status 0", 60'000ms);
  EXPECT_THAT(machine_.start_anew().actions, Contains(Action::kStartVmm));
}

TEST_F(DumpingCell, GoesDownByForceInTheMiddle) {
  report(ReportKind::kPanicked);
  Step step = machine_.request_down(true, {});
  EXPECT_THAT(events(step), Contains("not-dumped: the cell is taken down by force"));
  EXPECT_THAT(step.actions, Contains(Action::kKillVmm));
  step = machine_.on_vmm_exit("signal 9", 60'000ms);
  EXPECT_THAT(step.actions, Contains(Action::kFinish));
  EXPECT_THAT(events(step), Not(Contains(StartsWith("not-dumped"))));
}

TEST_F(DumpingCell, RebootsByForceInTheMiddle) {
  report(ReportKind::kPanicked);
  EXPECT_THAT(machine_.request_reboot(true, {}).actions, Contains(Action::kKillVmm));
  EXPECT_THAT(machine_.on_vmm_exit("signal 9", 60'000ms).actions, Contains(Action::kStartVmm));
}

TEST_F(DumpingCell, HasAsLongAsWhoTakesItDownWaits) {
  report(ReportKind::kPanicked);
  EXPECT_THAT(machine_.request_down(false, 7000ms).actions, ElementsAre(Action::kArmDeadline));
  EXPECT_EQ(machine_.deadline(), 7000ms);
  EXPECT_THAT(machine_.on_deadline().actions, Contains(Action::kKillVmm));
}

TEST_F(DumpingCell, HasTheRestOfItsTimeWhereItFailsWhileItGoesDown) {
  machine_.request_down(false, 7000ms);
  EXPECT_THAT(report(ReportKind::kPanicked).actions, ElementsAre(Action::kDumpVmm));
  EXPECT_EQ(machine_.deadline(), 7000ms);
  EXPECT_THAT(machine_.on_deadline().actions, Contains(Action::kKillVmm));
}

TEST_F(DumpingCell, EndsWhereOthersWaitForAGuestThatDoesNotStandStill) {
  report(ReportKind::kPanicked);
  const Step step = machine_.give_up("the others wait");
  EXPECT_THAT(events(step), ElementsAre("not-dumped: the others wait"));
  EXPECT_THAT(step.actions, Contains(Action::kKillVmm));
}

TEST_F(DumpingCell, GoesOnWhileItStandsStill) {
  report(ReportKind::kPanicked);
  report(ReportKind::kPaused);
  EXPECT_THAT(machine_.give_up("the others wait").actions, IsEmpty());
  EXPECT_TRUE(machine_.is_dumping());
}

/// The events of CELL, one a line, once there is one that contains LAST.
std::string story(const TestCell& cell, const std::string& last) {
  TestClient client = cell.connect();
  std::string lines;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  do {
    lines.clear();
    const Json list = client.call("events.list", Json::object());
    for (const Json& event : list["events"]) {
      lines += event["kind"].get<std::string>() + ": " + event.value("detail", "") + "\n";
    }
    ::usleep(2000);
  } while (lines.find(last) == std::string::npos && std::chrono::steady_clock::now() < deadline);
  return lines;
}

/// Names of what is in FOLDER.
std::vector<std::string> files(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    names.push_back(entry.path().filename());
  }
  return names;
}

TEST(CrashDump, IsKeptWithItsCellsNameAndIncarnation) {
  const TestFolder folder;
  const TestCell cell("report started;core memory;report panicked", false, HIVE_FAKE_VMM, false,
                      folder.path());
  const std::string name = cell.address().machine + "-alpha-1.core";
  EXPECT_THAT(story(cell, "dumped: "),
              AllOf(HasSubstr("dumping: "),
                    HasSubstr("dumped: " + folder.path() + "/" + name + ", 1 MiB in ")));
  EXPECT_THAT(files(folder.path()), ElementsAre(name));
  std::ifstream core(folder.path() + "/" + name);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(core), {}), "memory");
}

TEST(CrashDump, LeavesNothingBehindThatIsNotWhole) {
  const TestFolder folder;
  const TestCell cell("report started;report panicked", false, HIVE_FAKE_VMM, false, folder.path());
  EXPECT_THAT(story(cell, "not-dumped: "), HasSubstr("not-dumped: no disk\n"));
  EXPECT_THAT(files(folder.path()), IsEmpty());
}

TEST(CrashDump, NeedsItsFolder) {
  const TestFolder folder;
  const TestCell cell("report started;core memory;report panicked", false, HIVE_FAKE_VMM, false,
                      folder.path() + "/none");
  EXPECT_THAT(story(cell, "panicked: "),
              HasSubstr("not-dumped: " + folder.path() + "/none: No such"));
  cell.await(wire::CellState::kPanicked);
}

TEST(CrashDump, IsGivenUpWhereItsCellIsTakenDownByForce) {
  const TestFolder folder;
  TestCell cell("report started;core;report panicked", false, HIVE_FAKE_VMM, false, folder.path());
  (void)story(cell, "dumping: ");
  cell.connect().call("down", {{"force", true}}, kPatience);
  cell.join();
  EXPECT_THAT(files(folder.path()), IsEmpty());
}

}  // namespace
}  // namespace hive::control
