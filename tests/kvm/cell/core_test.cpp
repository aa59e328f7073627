// The core file of a real guest that has failed.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"
#include "tests/unit/dump/core_reader.h"
#include "vmm/base/error.h"
#include "vmm/base/unique_fd.h"
#include "vmm/memory/layout.h"

namespace hive::test {
namespace {

using cell::ReportKind;
namespace layout = memory::layout;

constexpr std::uint64_t kPlace = HIVE_MICRO_FREE + 5 * kMiB + 8;
constexpr std::uint64_t kSecret = 0x0123'4567'89ab'cdef;

class CoreOnKvm : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  /// The core of a CELL that has reported its guest's end.
  CoreReader core_of(MicroCell& cell) {
    EXPECT_TRUE(cell.cell().shut_down(std::chrono::seconds(60)));
    const UniqueFd file(::memfd_create("core", MFD_CLOEXEC));
    cell.cell().write_core(file.get());
    return CoreReader::of_file("/proc/self/fd/" + std::to_string(file.get()));
  }

  static std::uint64_t number(const std::optional<std::string>& bytes) {
    std::uint64_t value = 0;
    if (bytes && bytes->size() == sizeof value) std::memcpy(&value, bytes->data(), sizeof value);
    return value;
  }
};

TEST_F(CoreOnKvm, HasMemoryAndRegistersOfAGuestThatPanicked) {
  MicroCell cell(
      {{micro::start_cpu(1), micro::store(8, kPlace, kSecret), micro::wait(4, HIVE_MICRO_FREE, 1),
        micro::out(1, layout::kPvpanicPort.start, 1), micro::loop(1ULL << 40, 1), micro::rdtsc()},
       {micro::add(4, HIVE_MICRO_FREE, 1), micro::halt()}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until_report(ReportKind::kPanicked));
  const CoreReader core = core_of(cell);
  ASSERT_TRUE(core.is_core());
  EXPECT_EQ(number(core.physical(kPlace, 8)), kSecret);
  EXPECT_EQ(number(core.physical(kPlace + 8, 8)), 0U);
  EXPECT_EQ(core.physical(MicroCell::kMemory - 8, 8), std::string(8, '\0'));
  EXPECT_EQ(core.physical(MicroCell::kMemory, 1), std::nullopt);

  const auto registers = core.registers();
  ASSERT_EQ(registers.size(), 2U);
  for (const user_regs_struct& cpu : registers) {
    // The micro guest is below the results, which are below what is free; its code is no zeros.
    EXPECT_LT(cpu.rip, HIVE_MICRO_FREE);
    EXPECT_NE(number(core.physical(cpu.rip, 8)), 0U);
    EXPECT_NE(cpu.rsp, 0U);
    EXPECT_EQ(cpu.eflags & 2, 2U);
  }
  EXPECT_NE(registers[0].rsp, registers[1].rsp);
}

TEST_F(CoreOnKvm, HasThoseOfAGuestThatCouldNotGoOn) {
  MicroCell cell({{micro::store(8, kPlace, kSecret), micro::triple_fault()}});
  cell.cell().start();
  ASSERT_TRUE(cell.run_until_report(ReportKind::kTripleFault));
  const CoreReader core = core_of(cell);
  EXPECT_EQ(number(core.physical(kPlace, 8)), kSecret);
  EXPECT_EQ(core.registers().size(), 1U);
}

TEST_F(CoreOnKvm, IsRefusedWhileTheGuestRuns) {
  MicroCell cell({{micro::loop(1ULL << 40, 1), micro::rdtsc()}});
  cell.cell().start();
  const UniqueFd file(::memfd_create("core", MFD_CLOEXEC));
  EXPECT_THROW(cell.cell().write_core(file.get()), Error);
}

}  // namespace
}  // namespace hive::test
