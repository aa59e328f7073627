// What CPU weights come to, for two cells that want all of one host CPU.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "tests/kvm/run/hive_run.h"

namespace hive::test {
namespace {

using testing::HasSubstr;

/// Lets all threads of process PID run on CPU alone.
void pin(int pid, int cpu) {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(cpu, &cpus);
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    EXPECT_EQ(::sched_setaffinity(std::stoi(thread.path().filename()), sizeof cpus, &cpus), 0);
  }
}

int first_allowed_cpu() {
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  EXPECT_EQ(::sched_getaffinity(0, sizeof cpus, &cpus), 0);
  int cpu = 0;
  while (cpu < CPU_SETSIZE - 1 && !CPU_ISSET(cpu, &cpus)) ++cpu;
  return cpu;
}

/// CPU time of all threads of process PID, in nanoseconds.
double time_of(int pid) {
  double sum = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream file(thread.path() / "schedstat");
    double ran = 0;
    file >> ran;
    sum += ran;
  }
  return sum;
}

/// HIVE_CGROUP is the parameter: empty: whatever way the machine has; none: nice values.
class CpuShares : public testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ::setenv("HIVE_CGROUP", GetParam(), 1);
    machine_.add_cell("alpha", std::vector{micro::spin()});
    machine_.add_cell("beta", std::vector{micro::spin()}, false, "cpu_weight: 100");
    const Output up = machine_.up();
    ASSERT_EQ(up.status, 0) << up.err;
    const int cpu = first_allowed_cpu();
    for (const char* cell : {"alpha", "beta"}) pin(vmm(cell), cpu);
    way_ = machine_.status("alpha")["cpu"]["way"].get<std::string>();
    std::printf("CPU weights by %s\n", way_.c_str());
  }
  void TearDown() override { ::unsetenv("HIVE_CGROUP"); }

  [[nodiscard]] int vmm(const char* cell) const {
    return machine_.status(cell)["vmm_pid"].get<int>();
  }
  /// CPU time of alpha in LENGTH, to beta's.
  [[nodiscard]] double ratio(std::chrono::milliseconds length) const {
    const std::array pids{vmm("alpha"), vmm("beta")};
    const std::array before{time_of(pids[0]), time_of(pids[1])};
    std::this_thread::sleep_for(length);
    const double alpha = time_of(pids[0]) - before[0];
    const double beta = time_of(pids[1]) - before[1];
    std::printf("  alpha %.0f ms, beta %.0f ms\n", alpha / 1e6, beta / 1e6);
    return alpha / std::max(beta, 1.0);
  }
  /// Whether that lies within the bounds, in one of some measurements: hosts are noisy.
  [[nodiscard]] bool comes_to(double least, double most, std::chrono::milliseconds length) const {
    constexpr int kTries = 6;
    for (int tries = 0; tries < kTries; ++tries) {
      const double got = ratio(length);
      if (got >= least && got <= most) return true;
    }
    return false;
  }
  [[nodiscard]] Output weigh(const char* cell, const char* weight) const {
    return machine_.hive({"weight", machine_.name() + "/" + cell, weight});
  }

  TestMachine machine_;
  std::string way_;
};

TEST_P(CpuShares, FollowWeightsAndComeBack) {
  constexpr std::chrono::milliseconds kLong{1500};
  constexpr std::chrono::milliseconds kSecond{1000};
  EXPECT_TRUE(comes_to(0.6, 1.7, kLong)) << "of equal weights";
  const Output set = weigh("alpha", "400");
  if (set.status != 0 && ::geteuid() != 0) GTEST_SKIP() << "takes privileges: " << set.err;
  ASSERT_EQ(set.status, 0) << set.err;
  EXPECT_THAT(set.out, HasSubstr("CPU weight 400, in the plan 100, by " + way_));
  EXPECT_TRUE(comes_to(2.3, 7, kLong)) << "of weights 400 and 100";
  ASSERT_EQ(weigh("alpha", "100").status, 0);
  // From now on: what is given back is there at once.
  EXPECT_TRUE(comes_to(0.6, 1.7, kSecond)) << "of equal weights again";
}

TEST_P(CpuShares, AreThePlansAfterAReboot) {
  if (::geteuid() != 0) GTEST_SKIP() << "takes privileges";
  ASSERT_EQ(weigh("alpha", "400").status, 0);
  EXPECT_EQ(machine_.status("alpha")["cpu"]["weight"], 400);
  const Output events = machine_.hive({"events", machine_.name()});
  EXPECT_THAT(events.out, HasSubstr("400, was 100"));
  ASSERT_EQ(machine_.hive({"reboot", machine_.name() + "/alpha", "--force"}).status, 0);
  const nlohmann::json cpu = machine_.await("alpha", "running")["cpu"];
  EXPECT_EQ(cpu["weight"], 100);
  EXPECT_EQ(cpu["applied"], 100);
  EXPECT_EQ(cpu["way"], way_);
}

/// Where cgroups are to be had.
class CpuGroups : public CpuShares {};

TEST_P(CpuGroups, AreGoneWithTheirMachine) {
  if (!way_.starts_with("cgroup ")) GTEST_SKIP() << "this machine has no cgroups to give";
  const std::filesystem::path group = way_.substr(std::string("cgroup ").size());
  std::ifstream processes(group / "cgroup.procs");
  int pid = 0;
  processes >> pid;
  EXPECT_EQ(pid, vmm("alpha"));
  // One monitor does not come to clean up after its cell.
  ::kill(machine_.status("alpha")["monitor_pid"].get<int>(), SIGKILL);
  EXPECT_TRUE(comes([&] { return machine_.status("alpha")["state"] == "lost"; }));
  ASSERT_EQ(machine_.hive({"down", machine_.name(), "--force"}).status, 0);
  EXPECT_TRUE(comes([&] { return !std::filesystem::exists(group.parent_path()); }));
}

std::string name_of(const testing::TestParamInfo<const char*>& each) {
  return *each.param == 0 ? "Automatic" : "Nice";
}

INSTANTIATE_TEST_SUITE_P(Ways, CpuShares, testing::Values("", "none"), name_of);
INSTANTIATE_TEST_SUITE_P(Ways, CpuGroups, testing::Values(""), name_of);

}  // namespace
}  // namespace hive::test
