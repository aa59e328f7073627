// What is left to a VMM once its guest runs.
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tests/kvm/run/hive_run.h"

namespace hive::test {
namespace {

/// Field KEY of FILE, one of /proc's.
std::string field(const std::string& file, const std::string& key) {
  std::ifstream status(file);
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":\t")) return line.substr(key.size() + 2);
  }
  return "nothing";
}

TEST(Confinement, OfAVmmIsOnEachOfItsThreads) {
  TestMachine machine;
  machine.add_cell("alpha", std::vector{micro::halt()});
  ASSERT_EQ(machine.up().status, 0);
  const int vmm = machine.status("alpha")["vmm_pid"].get<int>();
  unsigned threads = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator("/proc/" + std::to_string(vmm) + "/task")) {
    const std::string file = thread.path() / "status";
    EXPECT_EQ(field(file, "Seccomp"), "2") << "of a filter";
    EXPECT_EQ(field(file, "NoNewPrivs"), "1");
    for (const auto* key : {"CapEff", "CapPrm", "CapInh", "CapAmb"}) {
      EXPECT_EQ(field(file, key), "0000000000000000") << key;
    }
    ++threads;
  }
  EXPECT_GE(threads, 2U);
}

}  // namespace
}  // namespace hive::test
