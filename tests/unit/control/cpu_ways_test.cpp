// Ways in which weights reach a scheduler: by files of cgroups, and by nice values of a process.
#include "cellmon/control/cpu/cpu_ways.h"

#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "cellmon/control/cpu/cgroup_way.h"
#include "cellmon/control/cpu/nice_way.h"
#include "cellmon/control/cpu/nice_weight.h"
#include "tests/unit/control/test_cell.h"
#include "vmm/base/error.h"

namespace hive::control {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string content(const fs::path& file) {
  std::ifstream stream(file);
  std::string text;
  std::getline(stream, text, '\0');
  return text;
}

void make_file(const fs::path& path, const std::string& text = "") { std::ofstream(path) << text; }

/// A folder that looks as the root of a cgroup hierarchy does in which a group "m" has a group
/// "alpha".
class FakeHierarchy {
 public:
  FakeHierarchy() {
    fs::create_directories(cell());
    make_file(base() / "cgroup.subtree_control");
    make_file(base() / "m/cgroup.subtree_control");
    make_file(cell() / "cgroup.procs");
    make_file(cell() / "cpu.weight");
  }
  /// The base is no root any more, but a group with PROCESSES in it.
  void demote(const std::string& processes) const {
    make_file(base() / "cgroup.type", "domain\n");
    make_file(base() / "cgroup.procs", processes);
  }
  [[nodiscard]] fs::path base() const { return folder_.path(); }
  [[nodiscard]] std::string base_control() const {
    return content(base() / "cgroup.subtree_control");
  }
  [[nodiscard]] fs::path cell() const { return base() / "m/alpha"; }
  [[nodiscard]] CellCgroup::Names names() const { return {base(), "m", {"alpha", "beta"}, 0}; }

 private:
  TestFolder folder_;
};

TEST(CellCgroup, HasTheProcessAndItsWeight) {
  const FakeHierarchy files;
  CgroupWay way(std::make_unique<CellCgroup>(files.names()));
  EXPECT_EQ(way.name(), "cgroup " + files.cell().string());
  EXPECT_EQ(files.base_control(), "+cpu");
  EXPECT_EQ(content(files.base() / "m/cgroup.subtree_control"), "+cpu");
  const WeightSet started = way.attach({77, {}}, 100);
  EXPECT_EQ(started.trouble, "");
  EXPECT_EQ(started.applied, 100U);
  EXPECT_EQ(content(files.cell() / "cgroup.procs"), "77");
  EXPECT_EQ(content(files.cell() / "cpu.weight"), "100");
  EXPECT_EQ(way.set(10'000).applied, 10'000U);
  EXPECT_EQ(content(files.cell() / "cpu.weight"), "10000");
}

TEST(CellCgroup, RemovesEmptyGroupsOfTheMachine) {
  const FakeHierarchy files;
  fs::create_directories(files.base() / "m/beta");
  fs::create_directories(files.base() / "m/gamma");
  { const CellCgroup cgroup(files.names()); }
  EXPECT_FALSE(fs::exists(files.base() / "m/beta"));
  EXPECT_TRUE(fs::exists(files.base() / "m/gamma")) << "no cell of the machine";
  EXPECT_TRUE(fs::exists(files.cell())) << "somebody is in it";
}

TEST(CellCgroup, LeavesNothingWhereItCannotBe) {
  const FakeHierarchy files;
  CellCgroup::Names names = files.names();
  names.group = "other";
  EXPECT_THROW(CellCgroup{names}, Error) << "it has no controllers";
  EXPECT_FALSE(fs::exists(files.base() / "other"));
  fs::remove(files.base() / "cgroup.subtree_control");
  try {
    const CellCgroup cgroup(files.names());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr(files.base() / "cgroup.subtree_control"));
  }
}

TEST(CellCgroup, WritesNothingToAGroupWithProcesses) {
  const FakeHierarchy files;
  files.demote("4711\n");
  try {
    const CellCgroup cgroup(files.names());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("processes are in it"));
    EXPECT_THAT(error.what(), HasSubstr(files.base()));
  }
  EXPECT_EQ(files.base_control(), "");
  files.demote("");
  { const CellCgroup cgroup(files.names()); }
  EXPECT_EQ(files.base_control(), "+cpu");
}

TEST(CellCgroup, WritesNothingToAGroupThatDoesNotTellOfItsProcesses) {
  const FakeHierarchy files;
  files.demote("");
  fs::remove(files.base() / "cgroup.procs");
  fs::create_directory(files.base() / "cgroup.procs");  // Its read(2) fails, as in a threaded one.
  EXPECT_THROW(CellCgroup{files.names()}, Error);
  EXPECT_EQ(files.base_control(), "");
}

TEST(CellCgroup, LeavesItsBaseAsItWas) {
  const FakeHierarchy files;
  CellCgroup::Names names = files.names();
  names.group = "other";  // It has no controllers.
  EXPECT_THROW(CellCgroup{names}, Error);
  EXPECT_EQ(files.base_control(), "-cpu") << "it was off";
  make_file(files.base() / "cgroup.subtree_control", "memory cpu pids\n");
  EXPECT_THROW(CellCgroup{names}, Error);
  EXPECT_EQ(files.base_control(), "memory cpu pids\n") << "it was on";
}

TEST(CellCgroup, SaysWhatCannotBeWritten) {
  const FakeHierarchy files;
  CgroupWay way(std::make_unique<CellCgroup>(files.names()));
  fs::remove(files.cell() / "cpu.weight");
  EXPECT_THAT(way.set(100).trouble, HasSubstr("cpu.weight"));
  fs::remove(files.cell() / "cgroup.procs");
  EXPECT_THAT(way.attach({77, {}}, 100).trouble, HasSubstr("cannot put the VMM into"));
}

/// A process that waits for its end.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ != 0) return;
    for (;;) ::pause();
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int nice() const { return ::getpriority(PRIO_PROCESS, static_cast<id_t>(pid_)); }

 private:
  pid_t pid_;
};

TEST(NiceWay, RenicesTheProcess) {
  if (NiceWay::least_allowed() > kLeastNice) GTEST_SKIP() << "takes CAP_SYS_NICE";
  const Sleeper process;
  NiceWay way(0, NiceWay::least_allowed());
  EXPECT_EQ(way.attach({process.pid(), {}}, 50).applied, 51U);
  EXPECT_EQ(process.nice(), 3);
  EXPECT_EQ(way.set(400).applied, 381U);
  EXPECT_EQ(process.nice(), -6);
  EXPECT_EQ(way.set(100).applied, 100U);
  EXPECT_EQ(process.nice(), 0);
  way.detach();
  EXPECT_EQ(way.set(400).applied, 0U);
  EXPECT_EQ(process.nice(), 0);
}

TEST(NiceWay, DoesNothingThatItCouldNotUndo) {
  const Sleeper process;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(process.pid()), 0);  // If that is allowed.
  const int base = process.nice();
  if (base == kMostNice) GTEST_SKIP() << "nothing is below nice value 19";
  NiceWay way(base, kMostNice + 1);
  EXPECT_EQ(way.attach({process.pid(), {}}, 100).trouble, "");
  const WeightSet result = way.set(50);
  EXPECT_THAT(result.trouble, HasSubstr("could not be raised again"));
  EXPECT_THAT(result.trouble, HasSubstr("RLIMIT_NICE of at least " + std::to_string(20 - base)));
  EXPECT_EQ(process.nice(), base);
  EXPECT_EQ(way.lower(50).trouble, "") << "as it was to be";
  EXPECT_GT(process.nice(), base);
  way.detach();
  EXPECT_EQ(way.lower(20).applied, 0U);
}

TEST(AutogroupWay, WritesItsNiceValue) {
  const TestFolder folder;
  const std::string path = folder.path() + "/autogroup";
  AutogroupWay way;
  EXPECT_THAT(way.attach({77, {}}, 100).trouble, HasSubstr("cannot be written"));
  WeighedVmm vmm{77, UniqueFd(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600))};
  EXPECT_EQ(way.attach(std::move(vmm), 25).applied, 27U);
  EXPECT_EQ(content(path), "6");
  EXPECT_EQ(way.set(400).applied, 381U);
  EXPECT_EQ(content(path), "6-6") << "one write after the other";
}

TEST(CpuWays, AreWithoutACgroupWhereNoneIsWanted) {
  plan::Machine machine;
  machine.name = "m";
  machine.cells.resize(1);
  machine.cells[0].name = "alpha";
  const CpuWays ways = find_cpu_ways(kNoCgroup, machine, 0);
  ASSERT_EQ(ways.ways.size(), 1U);
  EXPECT_THAT(ways.ways[0]->name(), testing::AnyOf("nice", "autogroup"));
  EXPECT_EQ(ways.no_cgroup, "HIVE_CGROUP is none");
  const TestFolder folder;
  EXPECT_THAT(find_cpu_ways(folder.path(), machine, 0).no_cgroup,
              HasSubstr("is no folder of a cgroup v2 hierarchy"));
}

}  // namespace
}  // namespace hive::control
