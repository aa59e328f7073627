#include "policy/cpu.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/policy/simulated_cpus.h"
#include "tests/unit/policy/views.h"
#include "vmm/base/random.h"

namespace hive::policy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t kSecond = 1'000'000'000;

constexpr Hint weight(Cell cell, std::uint32_t weight) {
  return {HintKind::kWeight, cell, kNoCell, weight};
}

/// Cell 0 wants a whole CPU and gets half of it; the others want a tenth.
View skewed_view() {
  View view = quiet_view(4);
  view.cells[0].cpu.ran_ns = kSecond / 2;
  view.cells[0].cpu.waited_ns = kSecond / 2;
  return view;
}

TEST(CpuPolicy, LeavesEvenAndUncontendedLoadsAlone) {
  EXPECT_THAT(advice(cpu, View{}), IsEmpty());
  EXPECT_THAT(advice(cpu, quiet_view(4)), IsEmpty());
  View busy = quiet_view(4);
  busy.cells[0].cpu.ran_ns = kSecond;
  EXPECT_THAT(advice(cpu, busy), IsEmpty()) << "nobody waits";
  for (const Cell cell : Cells{0, 1, 2, 3}) busy.cells[cell].cpu.ran_ns = kSecond / 2;
  for (const Cell cell : Cells{0, 1, 2, 3}) busy.cells[cell].cpu.waited_ns = kSecond / 2;
  EXPECT_THAT(advice(cpu, busy), IsEmpty()) << "all want the same";
}

TEST(CpuPolicy, BusyCellsGetMoreHalfOfTheWayAtOnce) {
  View view = skewed_view();
  // The mean load is 325 permille; so much of 1000 and three times 100 are 156 in the mean.
  EXPECT_THAT(advice(cpu, view), ElementsAre(weight(0, 250)));
  for (const Cell cell : Cells{1, 2, 3}) view.cells[cell].cpu.ran_ns = 3 * kSecond / 10;
  // 475 of 1000, three times 300: 343, of which 1000 are 2.915.
  EXPECT_THAT(advice(cpu, view), ElementsAre(weight(0, 196)));
}

TEST(CpuPolicy, WeightsStayWithinTheUsualAndFourTimesThat) {
  View view = quiet_view(60);
  for (Cell cell = 1; cell < 60; ++cell) view.cells[cell].cpu.ran_ns = 0;
  view.cells[0].cpu.ran_ns = view.cells[0].cpu.waited_ns = kSecond / 2;
  for (unsigned round = 0; round < 20; ++round) {
    for (const Hint& hint : advice(cpu, view)) view.cells[hint.cell].cpu.weight = hint.amount;
  }
  EXPECT_LE(view.cells[0].cpu.weight, 400U);
  EXPECT_GE(view.cells[0].cpu.weight, 350U);
  EXPECT_EQ(view.cells[1].cpu.weight, 100U);
}

TEST(CpuPolicy, LeavesUsualWeightsLaterThanItGoesBack) {
  View view = quiet_view(2);
  view.cells[0].cpu.ran_ns = 6 * kSecond / 10;
  view.cells[0].cpu.waited_ns = kSecond / 10;
  view.cells[1].cpu.ran_ns = 3 * kSecond / 10;
  view.cells[1].cpu.waited_ns = kSecond / 10;
  // Loads are 700 and 400 permille, 475 is usual: 700 are 1.473 of it.
  EXPECT_THAT(advice(cpu, view), IsEmpty());
  view.cells[0].cpu.weight = 180;
  EXPECT_THAT(advice(cpu, view), ElementsAre(weight(0, 163)));
  view.cells[0].cpu.ran_ns = 4 * kSecond / 10;
  // 500 and 400, 425 usual: 1.176.
  EXPECT_THAT(advice(cpu, view), ElementsAre(weight(0, 140)));
}

TEST(CpuPolicy, GoesBackWhereNobodyWaits) {
  View view = quiet_view(2);
  view.cells[0].cpu.weight = 400;
  view.cells[1].cpu.weight = 25;  // Monitors take none below the usual one.
  EXPECT_THAT(advice(cpu, view), ElementsAre(weight(0, 250), weight(1, 100)));
}

/// Much of the little time that they want, as where programs of the host run beside them.
TEST(CpuPolicy, CellsAtRestWaitForNothing) {
  View view = quiet_view(3);
  for (const Cell cell : Cells{0, 1, 2}) {
    view.cells[cell].cpu.ran_ns = (cell + 1) * kSecond / 100;
    view.cells[cell].cpu.waited_ns = kSecond / 100;
  }
  EXPECT_THAT(advice(cpu, view), IsEmpty());
  view.cells[1].cpu.weight = 124;
  EXPECT_THAT(advice(cpu, view), ElementsAre(weight(1, 112)));
}

TEST(CpuPolicy, LeavesCellsAloneThatItDoesNotKnow) {
  View view = skewed_view();
  view.interval_ns = 0;
  EXPECT_THAT(advice(cpu, view), IsEmpty());
  view = skewed_view();
  view.cells[0].cpu.vcpus = 0;
  EXPECT_THAT(advice(cpu, view), IsEmpty());
  view = skewed_view();
  view.cells[1].cpu.usual_weight = 0;
  for (const Hint& hint : advice(cpu, view)) EXPECT_NE(hint.cell, 1);
}

TEST(CpuSimulation, AJobGetsMostOfWhatIdleCellsLeaveAndLosesItInTime) {
  // Two CPUs; cell 0 computes on two vCPUs from round 10 to 60, two others do so a little, with
  // as many vCPUs.
  const auto cells = [] {
    return std::vector<CpuModel>{{2, 100, step(50, 2000, 10, 60)},
                                 {2, 100, step(300, 2000, 60, 1000)},
                                 {2, 100, steady(300)}};
  };
  SimulatedCpus machine(2, cells(), cpu);
  machine.run(30);
  EXPECT_GT(machine.weight(0), 200U);
  EXPECT_GE(machine.got(0), 1400U);
  machine.run(45);
  // The load has moved to cell 1.
  EXPECT_GT(machine.weight(1), 200U);
  EXPECT_EQ(machine.weight(0), 100U);
  EXPECT_GE(machine.got(1), 1600U);
  for (const Cell cell : Cells{0, 1, 2}) EXPECT_LE(machine.turns(cell), 1U);
  EXPECT_EQ(machine.complaint(), "");
}

TEST(CpuSimulation, UsualWeightsAreBackWithinTenRoundsOfTheLoadsEnd) {
  SimulatedCpus machine(
      1, {{1, 100, step(100, 1000, 5, 50)}, {1, 200, steady(150)}, {1, 50, steady(150)}}, cpu);
  machine.run(50);
  EXPECT_GT(machine.weight(0), 150U);
  machine.run(10);
  EXPECT_EQ(machine.weight(0), 100U);
  EXPECT_EQ(machine.weight(1), 200U);
  EXPECT_EQ(machine.weight(2), 50U);
}

TEST(CpuSimulation, SteadyLoadsConverge) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    std::vector<CpuModel> cells;
    const std::uint64_t count = 1 + random.below(8);
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto vcpus = static_cast<std::uint32_t>(1 + random.below(8));
      cells.push_back({vcpus, static_cast<std::uint32_t>(1 + random.below(1000)),
                       steady(static_cast<std::uint32_t>(random.below(vcpus * 1000 + 1)))});
    }
    SimulatedCpus machine(static_cast<std::uint32_t>(1 + random.below(8)), std::move(cells), cpu);
    machine.run(60);
    EXPECT_LE(machine.last_hint(), 15U) << seed;
    for (Cell cell = 0; cell < count; ++cell) EXPECT_EQ(machine.turns(cell), 0U) << seed;
    EXPECT_EQ(machine.complaint(), "") << seed;
  }
}

TEST(CpuSimulation, NoiseTurnsNoWeightAgainAndAgain) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    std::vector<CpuModel> cells;
    for (unsigned i = 0; i < 4; ++i) {
      const auto base = static_cast<std::uint32_t>(random.below(1001));
      cells.push_back({1, 100, noisy(steady(base), base / 20, random.next())});
    }
    SimulatedCpus machine(1 + seed % 2, std::move(cells), cpu);
    machine.run(200);
    for (Cell cell = 0; cell < 4; ++cell) {
      EXPECT_LE(machine.turns(cell), 4U) << "seed " << seed << " cell " << int{cell};
    }
  }
}

TEST(CpuSimulation, ARecordedBuildGetsMoreThanItsShareAndTheOthersWhatTheyWant) {
  const Trace trace = recorded("compile");
  const auto cells = [&] {
    return std::vector<CpuModel>{
        {2, 100, replay(trace.cpu, 0, 2, 1)}, {2, 100, steady(200)}, {2, 100, steady(200)}};
  };
  SimulatedCpus machine(1, cells(), cpu);
  machine.run(static_cast<unsigned>(trace.cpu.size() / 2));
  EXPECT_GE(machine.got(0), 500U);
  EXPECT_GE(machine.got(1), 90U);
  EXPECT_EQ(machine.complaint(), "");
}

}  // namespace
}  // namespace hive::policy
