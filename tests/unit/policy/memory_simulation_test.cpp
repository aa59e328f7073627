// Policy `memory` over time.
#include <gtest/gtest.h>

#include <algorithm>

#include "policy/memory.h"
#include "tests/unit/policy/simulated_memory.h"
#include "tests/unit/policy/views.h"
#include "vmm/base/random.h"

namespace hive::policy {
namespace {

constexpr unsigned kSeeds = 100;

CellModel cell_that_wants(Demand programs) {
  CellModel model;
  model.programs = std::move(programs);
  return model;
}

CellModel any_cell(std::uint64_t seed) {
  Random random(seed);
  CellModel model;
  model.own = static_cast<Blocks>(48 + random.below(400));
  model.reserve = model.own / 4;
  model.kernel = model.own / 20;
  model.most_borrowed = static_cast<Blocks>(random.below(2 * model.own));
  model.programs = any_demand(model.own * 3 / 2, random.next());
  model.most_cache = static_cast<Blocks>(random.below(model.own));
  if (random.below(3) == 0) model.files = any_demand(model.own / 2, random.next());
  return model;
}

TEST(MemorySimulation, AStepIsMetWithinSecondsAndGoesHomeAfterwards) {
  // Cell 0 wants twice what it has, from 5 s to 25 s; the others use little.
  SimulatedMemory machine({cell_that_wants(step(40, 240, 20, 100)), cell_that_wants(steady(20)),
                           cell_that_wants(steady(20))},
                          memory);
  machine.run(20);
  EXPECT_EQ(machine.all_lent(), 0U);
  machine.run(20);
  EXPECT_EQ(machine.lacks(0), 0U) << "five seconds later";
  EXPECT_GE(machine.available_permille(0), kLowPermille);
  machine.run(60);
  EXPECT_LE(machine.turns(0), 1U);
  machine.run(60);
  EXPECT_EQ(machine.all_lent(), 0U) << "a quarter of a minute after the load's end";
  for (const Cell cell : Cells{0, 1, 2}) EXPECT_LE(machine.turns(cell), 1U) << int{cell};
  EXPECT_EQ(machine.complaint(), "");
}

TEST(MemorySimulation, ARampIsFollowedWithoutALack) {
  SimulatedMemory machine({cell_that_wants(ramp(60, 220, 10, 90)), cell_that_wants(steady(20)),
                           cell_that_wants(steady(20))},
                          memory);
  for (unsigned round = 0; round < 150; ++round) {
    machine.run(1);
    EXPECT_EQ(machine.lacks(0), 0U) << round;
  }
  EXPECT_EQ(machine.turns(0), 0U);
  EXPECT_EQ(machine.complaint(), "");
}

TEST(MemorySimulation, EqualDemandsEndWithinAQuantum) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    const auto want = static_cast<std::uint32_t>(100 + random.below(80));
    std::vector<CellModel> cells;
    const unsigned borrowers = 2 + static_cast<unsigned>(random.below(3));
    for (unsigned i = 0; i < borrowers; ++i) cells.push_back(cell_that_wants(steady(want)));
    for (unsigned i = 0; i < 2; ++i) {
      cells.push_back(cell_that_wants(steady(static_cast<std::uint32_t>(random.below(60)))));
    }
    SimulatedMemory machine(std::move(cells), memory);
    machine.run(120);
    for (Cell cell = 1; cell < borrowers; ++cell) {
      EXPECT_LE(machine.borrowed(cell), machine.borrowed(0) + kLeastQuantum)
          << "seed " << seed << " cell " << int{cell};
      EXPECT_LE(machine.borrowed(0), machine.borrowed(cell) + kLeastQuantum)
          << "seed " << seed << " cell " << int{cell};
    }
    EXPECT_EQ(machine.complaint(), "") << seed;
  }
}

TEST(MemorySimulation, WhoComesLateGetsItsShare) {
  // Cell 1 wants what cell 0 wants, but 20 s later, when all that can be lent is lent.
  SimulatedMemory machine({cell_that_wants(steady(140)), cell_that_wants(step(20, 140, 80, 10'000)),
                           cell_that_wants(steady(50))},
                          memory);
  machine.run(80);
  EXPECT_GT(machine.borrowed(0), 40U);
  machine.run(200);
  EXPECT_GE(machine.borrowed(1) + 2 * kLeastQuantum, machine.borrowed(0));
  EXPECT_EQ(machine.complaint(), "");
}

TEST(MemorySimulation, SteadyLoadsConverge) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    std::vector<CellModel> cells;
    const std::uint64_t count = 2 + random.below(7);
    for (std::uint64_t i = 0; i < count; ++i) {
      CellModel model = any_cell(random.next());
      model.programs = steady(static_cast<std::uint32_t>(random.below(model.own * 3 / 2)));
      model.files = steady(static_cast<std::uint32_t>(random.below(model.own / 2)));
      cells.push_back(std::move(model));
    }
    SimulatedMemory machine(std::move(cells), memory);
    machine.run(600);
    EXPECT_LT(machine.last_hint(), 120U) << "seed " << seed;
    for (Cell cell = 0; cell < count; ++cell) {
      EXPECT_LE(machine.turns(cell), 4U) << "seed " << seed << " cell " << int{cell};
    }
    EXPECT_EQ(machine.complaint(), "") << seed;
  }
}

TEST(MemorySimulation, NoiseMovesNoMemory) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    std::vector<CellModel> cells;
    for (unsigned i = 0; i < 4; ++i) {
      const auto base = static_cast<std::uint32_t>(random.below(100));
      cells.push_back(cell_that_wants(noisy(steady(base), 8, random.next())));
    }
    cells[0].programs = noisy(steady(150), 8, seed);
    SimulatedMemory machine(std::move(cells), memory);
    machine.run(100);
    const unsigned before = machine.turns(0);
    machine.run(400);
    EXPECT_LE(machine.turns(0), before + 2) << "seed " << seed;
    EXPECT_EQ(machine.complaint(), "") << seed;
  }
}

/// DEMAND, and nothing from round END on.
Demand until(Demand demand, unsigned end) {
  return
      [demand = std::move(demand), end](unsigned round) { return round < end ? demand(round) : 0; };
}

TEST(MemorySimulation, AccountsAndReservesHoldWhateverHappens) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Random random(seed);
    std::vector<CellModel> cells;
    const std::uint64_t count = 2 + random.below(7);
    const bool caches = seed % 2 == 0;
    constexpr unsigned kFailures = 20;
    constexpr unsigned kDown = 10;
    constexpr unsigned kUp = 30;
    constexpr unsigned kEnd = kFailures * (kDown + kUp);
    for (std::uint64_t i = 0; i < count; ++i) {
      CellModel model = any_cell(random.next());
      model.programs = until(std::move(model.programs), kEnd);
      model.files = until(std::move(model.files), kEnd);
      if (!caches) model.most_cache = 0;
      cells.push_back(std::move(model));
    }
    SimulatedMemory machine(std::move(cells), memory, static_cast<unsigned>(random.below(12)));
    for (unsigned i = 0; i < kFailures; ++i) {
      const auto victim = static_cast<Cell>(random.below(count));
      machine.fail(victim);
      machine.run(static_cast<unsigned>(random.below(kDown)));
      machine.bring_back(victim);
      machine.run(static_cast<unsigned>(random.below(kUp)));
    }
    machine.run(kEnd + 240 - machine.round());
    // What caches files stays where it is of use.
    if (!caches) {
      EXPECT_EQ(machine.all_lent(), 0U) << "a minute after the last demand's end, seed " << seed;
    }
    EXPECT_EQ(machine.complaint(), "") << seed;
  }
}

TEST(MemorySimulation, TurnsAreBoundedByTheTurnsOfDemand) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    // Four bursts of 15 s, a minute apart.
    Random random(seed);
    const auto high = static_cast<std::uint32_t>(140 + random.below(100));
    SimulatedMemory machine({cell_that_wants(noisy(bursts(30, high, 240, 60), 4, seed)),
                             cell_that_wants(noisy(steady(20), 4, seed + 1)),
                             cell_that_wants(noisy(steady(30), 4, seed + 2))},
                            memory);
    machine.run(4 * 240);
    EXPECT_LE(machine.turns(0), 2U * 4) << "seed " << seed;
    EXPECT_EQ(machine.all_lent(), 0U) << "seed " << seed;
    EXPECT_EQ(machine.complaint(), "") << seed;
  }
}

TEST(MemorySimulation, ThoseWhoReadFilesBorrowToo) {
  CellModel reader;
  reader.programs = steady(40);
  reader.files = step(20, 160, 20, 10'000);
  SimulatedMemory machine({reader, cell_that_wants(steady(10)), cell_that_wants(steady(10))},
                          memory);
  machine.run(20);
  EXPECT_EQ(machine.all_lent(), 0U);
  machine.run(150);
  EXPECT_LE(machine.lacks(0), 4U);
  EXPECT_EQ(machine.turns(0), 0U);
}

TEST(MemorySimulation, ARecordedBuildBorrowsAndGivesBack) {
  // What a compiler took, scaled so that it needs one and a half times what the cell has.
  const Trace trace = recorded("compile");
  const std::uint32_t peak = *std::max_element(trace.memory.begin(), trace.memory.end());
  const Demand build = replay(trace.memory, 10, 190, peak);
  SimulatedMemory with({cell_that_wants(build), cell_that_wants(steady(20))}, memory);
  SimulatedMemory without({cell_that_wants(build), cell_that_wants(steady(20))},
                          [](const View&, Hints&) {});
  std::uint64_t lacked = 0;
  std::uint64_t lacked_without = 0;
  for (std::size_t i = 0; i < trace.memory.size() + 10; ++i) {
    with.run(1);
    without.run(1);
    lacked += with.lacks(0);
    lacked_without += without.lacks(0);
  }
  EXPECT_LE(lacked * 4, lacked_without);
  with.run(120);
  EXPECT_EQ(with.all_lent(), 0U) << "half a minute after its end";
  EXPECT_EQ(with.complaint(), "");
}

}  // namespace
}  // namespace hive::policy
