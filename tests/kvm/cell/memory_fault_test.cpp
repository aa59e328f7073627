// Words of a guest's memory that a VMM changes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/kvm/harness/micro_cell.h"
#include "tests/kvm/harness/micro_machine.h"

namespace hive::test {
namespace {

using cell::Change;
using cell::Corruption;
using cell::CorruptionPlace;
using cell::GuestFaultKind;
using cell::ReportKind;
using testing::HasSubstr;

constexpr std::uint64_t kWord = HIVE_MICRO_FREE + 0x1008;
constexpr std::uint64_t kBefore = 0x1122'3344'5566'7788;

class MemoryFaults : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = MicroMachine::unavailable();
    if (!why.empty()) GTEST_SKIP() << why;
  }

  static void corrupt(MicroCell& cell, const Corruption& corruption) {
    cell.cell().inject({GuestFaultKind::kCorrupt, {}, {}, corruption});
  }
  /// What the VMM says that it has done.
  static std::string done(MicroCell& cell, const Corruption& corruption) {
    corrupt(cell, corruption);
    const auto report = cell.find(ReportKind::kFaultDone);
    EXPECT_TRUE(report.has_value());
    return report ? report->detail : "";
  }
  static std::string refusal(MicroCell& cell, const Corruption& corruption) {
    corrupt(cell, corruption);
    EXPECT_FALSE(cell.find(ReportKind::kFaultDone).has_value());
    const auto report = cell.find(ReportKind::kFaultNotDone);
    return report ? report->detail : "";
  }

  static void await_action(MicroCell& cell, std::uint64_t performed) {
    EXPECT_TRUE(cell.run_until([&] { return cell.performed(0) >= performed; }));
  }
  static std::uint64_t word(MicroCell& cell, std::uint64_t address) {
    return cell.cell().memory().load<std::uint64_t>({address}).value();
  }
};

TEST_F(MemoryFaults, HitAPhysicalOrAVirtualAddress) {
  for (const CorruptionPlace place : {CorruptionPlace::kPhysical, CorruptionPlace::kVirtual}) {
    MicroCell cell({{micro::store(8, kWord, kBefore), micro::wait(8, kWord, 0)}});
    cell.cell().start();
    await_action(cell, 1);
    EXPECT_EQ(done(cell, {place, Change::kZero, 1, 7, {{kWord, 8}}}),
              "seed 7: 0x201008: 0x1122334455667788 -> 0x0");
    EXPECT_TRUE(cell.run_until_done()) << "the guest sees it";
  }
}

TEST_F(MemoryFaults, AreRepeatedByTheirSeed) {
  std::vector<std::string> said;
  for (const std::uint64_t seed : {1U, 1U, 2U}) {
    MicroCell cell({{micro::fill(HIVE_MICRO_FREE, 0x5a, 0x1000), micro::spin()}});
    cell.cell().start();
    await_action(cell, 1);
    said.push_back(done(
        cell, {CorruptionPlace::kPhysical, Change::kFlip, 6, seed, {{HIVE_MICRO_FREE, 0x1000}}}));
    EXPECT_THAT(said.back(), HasSubstr(", and 2 more"));
  }
  EXPECT_EQ(said[0], said[1]);
  EXPECT_NE(said[0], said[2]);
}

TEST_F(MemoryFaults, HitAStack) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  const std::string said = done(cell, {CorruptionPlace::kStack, Change::kRandom, 1, 3, {}});
  unsigned long long address = 0;
  unsigned long long before = 0;
  unsigned long long after = 0;
  ASSERT_EQ(
      std::sscanf(said.c_str(), "seed 3: 0x%llx: 0x%llx -> 0x%llx", &address, &before, &after), 3)
      << said;
  EXPECT_EQ(word(cell, address), after);
  EXPECT_NE(before, after);
}

TEST_F(MemoryFaults, InPageTablesAreSeenByTheGuest) {
  MicroCell cell({{micro::loop(~std::uint64_t{0}, 1), micro::load(8, kWord)}});
  cell.cell().start();
  await_action(cell, 10);
  EXPECT_THAT(done(cell, {CorruptionPlace::kPageTable, Change::kZero, 1000, 3, {}}),
              HasSubstr(" -> 0x0"));
  EXPECT_TRUE(cell.run_until_report(ReportKind::kTripleFault));
}

TEST_F(MemoryFaults, AreRefusedWhereThereIsNoMemory) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  EXPECT_THAT(
      refusal(cell,
              {CorruptionPlace::kPhysical, Change::kFlip, 1, 3, {{MicroCell::kMemory - 8, 16}}}),
      HasSubstr("0xfffff8 to 0x1000008 is not all RAM of the guest's own"));
}

TEST_F(MemoryFaults, AreRefusedWhereNothingIsMapped) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  EXPECT_THAT(refusal(cell, {CorruptionPlace::kVirtual, Change::kFlip, 1, 3, {{1ULL << 46, 4096}}}),
              HasSubstr("vCPU 0 has no RAM mapped there"));
}

TEST_F(MemoryFaults, AreRefusedWhereNoWordSuits) {
  MicroCell cell({{micro::spin()}});
  cell.cell().start();
  EXPECT_TRUE(cell.run_until([&] { return cell.state(0) == HIVE_MICRO_RUNNING; }));
  EXPECT_THAT(refusal(cell, {CorruptionPlace::kPhysical, Change::kZero, 1, 3, {{0x300000, 4096}}}),
              HasSubstr("no word there can have the change zero"));
}

}  // namespace
}  // namespace hive::test
