// Cells whose memory is kept when their guests fail, by the programs that do it: hive-vmm in its
// sandbox and its monitor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/kvm/run/machine_test.h"
#include "tests/unit/dump/core_reader.h"
#include "vmm/base/units.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t kPlace = HIVE_MICRO_FREE + 0x1238;
constexpr std::uint64_t kSecret = 0x0123'4567'89ab'cdef;
// Ticks of the TSC.
constexpr std::uint64_t kAWhile = 300'000'000;
constexpr std::uint64_t kLonger =
    20'000'000'000;  // Than a busy host needs for the machine's start.

/// Three cells, of which beta panics some ticks after each start, or spins with interrupts off.
class CrashDumps : public MachineTest {
 protected:
  void start(const std::string& keys, std::uint64_t ticks = kAWhile) {
    std::filesystem::create_directory(folder());
    machine_.add_cell("alpha", std::vector{micro::halt()});
    machine_.add_cell(
        "beta",
        {micro::store(8, kPlace, kSecret), micro::wait(4, HIVE_MICRO_FREE, 1, ticks),
         hangs_ ? micro::spin() : micro::out(1, memory::layout::kPvpanicPort.start, 1)},
        false, "crash_dump: " + folder().string() + keys);
    machine_.add_cell("gamma", std::vector{micro::halt()});
    bring_up();
  }
  [[nodiscard]] std::filesystem::path folder() const { return machine_.folder() / "crashes"; }
  /// Of beta's INCARNATION.
  [[nodiscard]] std::filesystem::path core_file(unsigned incarnation) const {
    return folder() / (machine_.name() + "-beta-" + std::to_string(incarnation) + ".core");
  }
  void expect_core(unsigned incarnation) const {
    const std::filesystem::path path = core_file(incarnation);
    ASSERT_TRUE(comes([&] { return std::filesystem::exists(path); })) << path << "\n" << story();
    const CoreReader core = CoreReader::of_file(path);
    EXPECT_TRUE(core.is_core());
    EXPECT_EQ(core.registers().size(), 1U);
    std::uint64_t value = 0;
    const auto bytes = core.physical(kPlace, sizeof value);
    ASSERT_TRUE(bytes);
    std::memcpy(&value, bytes->data(), sizeof value);
    EXPECT_EQ(value, kSecret);
  }
  bool hangs_ = false;
};

TEST_F(CrashDumps, AreWholeWhenTheirCellIsDown) {
  start("");
  machine_.await("beta", "panicked");
  expect_core(1);
  EXPECT_THAT(story(), AllOf(HasSubstr("dumped: " + core_file(1).string() + ", 1 MiB in "),
                             Not(HasSubstr("not-dumped")), HasSubstr("beta left")));
  EXPECT_EQ(machine_.status("alpha")["state"], "running");
}

TEST_F(CrashDumps, ComeBeforeTheCellIsStartedAnew) {
  start(", on_failure: reboot");
  expect_core(1);
  expect_core(2);
  EXPECT_THAT(story(),
              AllOf(HasSubstr("dumped: " + core_file(1).string()),
                    HasSubstr("dumped: " + core_file(2).string()), HasSubstr("beta joined")));
}

TEST_F(CrashDumps, AreOfGuestsThatHangToo) {
  hangs_ = true;
  start(", watchdog: 2s");
  expect_core(1);
  machine_.await("beta", "failed");
  EXPECT_THAT(story(), AllOf(HasSubstr("beta failed (stuck vCPU)"), HasSubstr("dumped: "),
                             HasSubstr("beta left")));
}

TEST_F(CrashDumps, AreGivenUpWhereTheirFolderIsGone) {
  start("", kLonger);
  std::filesystem::remove(folder());
  machine_.await("beta", "panicked");
  EXPECT_THAT(story(), HasSubstr("not-dumped: " + folder().string() + ": No such file"));
}

}  // namespace
}  // namespace hive::test
