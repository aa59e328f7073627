// What a cell's processes take of the host beside its guest's RAM.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/kvm/run/hive_run.h"
#include "vmm/base/sanitized.h"

namespace hive::test {
namespace {

constexpr std::uint64_t kLimitKib = 3 * 1024;

/// Field KEY of /proc/PID/smaps_rollup, in KiB.
std::uint64_t rollup(int pid, const std::string& key) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return std::stoull(line.substr(key.size() + 1));
  }
  ADD_FAILURE() << "no " << key << " for process " << pid;
  return 0;
}

TEST(Footprint, OfMonitorAndVmmStaysWithinThreeMebibytesEach) {
#ifdef HIVE_SANITIZED
  GTEST_SKIP() << "sanitizers take memory of their own";
#endif
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()});
  ASSERT_EQ(machine.up().status, 0);
  const nlohmann::json status = machine.status("alpha");
  EXPECT_LE(rollup(status["monitor_pid"].get<int>(), "Pss"), kLimitKib);
  // Guest RAM is the only shared memory that a VMM maps.
  const int vmm = status["vmm_pid"].get<int>();
  EXPECT_LE(rollup(vmm, "Pss") - rollup(vmm, "Pss_Shmem"), kLimitKib);
}

}  // namespace
}  // namespace hive::test
