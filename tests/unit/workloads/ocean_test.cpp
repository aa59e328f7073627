// The ocean program's grid, and that it comes out the same however it is partitioned.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <mutex>
#include <set>
#include <vector>

#include "guests/workloads/ocean/grid.h"
#include "guests/workloads/ocean/solver.h"
#include "guests/workloads/team/thread_team.h"
#include "vmm/base/error.h"

namespace {

using hive::workloads::Basin;
using hive::workloads::Colour;
using hive::workloads::OceanResult;
using hive::workloads::OceanTask;
using hive::workloads::Rows;
using hive::workloads::Team;

OceanTask task_of(std::size_t size, unsigned sweeps, double tolerance = 0) {
  return {{size + 2}, sweeps, tolerance};
}

std::vector<OceanResult> solve_in_threads(const OceanTask& task, unsigned workers) {
  std::vector<OceanResult> results(workers);
  hive::workloads::run_in_threads(workers, ocean_area(task, workers),
                                  [&](Team& team) { results[team.rank()] = solve(team, task); });
  return results;
}

/// All of the grid in one piece, by the kernel alone.
std::vector<double> solve_plainly(const OceanTask& task) {
  const std::size_t points = task.basin.points;
  std::vector<double> grid(points * points);
  for (std::size_t row = 0; row < points; ++row) fill_row(task.basin, row, &grid[row * points]);
  for (unsigned sweep = 0; sweep < task.sweeps; ++sweep) {
    for (const Colour colour : {Colour::kRed, Colour::kBlack}) {
      for (std::size_t row = 1; row + 1 < points; ++row) {
        relax_row(task.basin, row, colour, task.basin.best_factor(), &grid[(row - 1) * points],
                  &grid[row * points], &grid[(row + 1) * points]);
      }
    }
  }
  return grid;
}

TEST(Ocean, DealsEachRowToOneWorker) {
  for (const unsigned workers : {1U, 2U, 3U, 7U, 64U}) {
    const Basin basin{64 + 2};
    std::size_t next = 1;
    for (unsigned rank = 0; rank < workers; ++rank) {
      const Rows rows = share_of(basin, workers, rank);
      EXPECT_EQ(rows.first, next);
      EXPECT_GE(rows.count(), 64 / workers);
      EXPECT_LE(rows.count(), 64 / workers + 1);
      next = rows.end;
    }
    EXPECT_EQ(next, 65U);
  }
}

TEST(Ocean, AHalfSweepChangesOneColourOnly) {
  const Basin basin{8};
  const std::vector<double> north(8, 1.0);
  const std::vector<double> south(8, 2.0);
  std::vector<double> row(8, 0.0);
  const double change =
      relax_row(basin, 3, Colour::kRed, 1, north.data(), row.data(), south.data());
  for (std::size_t at = 0; at < 8; ++at) {
    const bool red = at > 0 && at < 7 && (at + 3) % 2 == 1;
    EXPECT_EQ(row[at] != 0, red) << at;
  }
  EXPECT_NEAR(change, 0.75, 0.05);
}

TEST(Ocean, ConvergesToTheSolution) {
  const OceanTask task = task_of(30, 2000, 1e-13);
  const OceanResult result = solve_in_threads(task, 1)[0];
  EXPECT_LT(result.sweeps, 200U) << "over-relaxation converges fast";
  EXPECT_LE(result.change, 1e-13);
  const OceanTask same = task_of(30, result.sweeps);
  const std::vector<double> grid = solve_plainly(same);
  const std::size_t points = same.basin.points;
  for (std::size_t row = 1; row + 1 < points; ++row) {
    for (std::size_t at = 1; at + 1 < points; ++at) {
      const double* here = &grid[row * points + at];
      const double around = here[-1] + here[1] + *(here - points) + here[points];
      EXPECT_NEAR(4 * *here - around, same.basin.wind(row, at), 1e-11);
    }
  }
}

TEST(Ocean, IsTheSameHoweverItIsPartitioned) {
  const OceanTask task = task_of(33, 40);
  hive::workloads::Digest plain;
  const std::vector<double> grid = solve_plainly(task);
  plain.add(grid.data(), grid.size() * sizeof(double));
  std::set<double> changes;
  for (const unsigned workers : {1U, 2U, 4U, 33U}) {
    for (const OceanResult& result : solve_in_threads(task, workers)) {
      EXPECT_EQ(result.digest.text(), plain.text()) << workers;
      EXPECT_EQ(result.sweeps, 40U);
      changes.insert(result.change);
    }
  }
  EXPECT_EQ(changes.size(), 1U) << "all agree on the largest change";
}

TEST(Ocean, EndsForAllWhenAWorkerFails) {
  const OceanTask task = task_of(16, 1000000);
  std::atomic<int> told{0};
  EXPECT_THROW(hive::workloads::run_in_threads(3, ocean_area(task, 3),
                                               [&](Team& team) {
                                                 if (team.rank() == 1) {
                                                   team.meet(0);
                                                   throw hive::Error("this one fails");
                                                 }
                                                 try {
                                                   solve(team, task);
                                                 } catch (const hive::Error&) {
                                                   ++told;
                                                   throw;
                                                 }
                                               }),
               hive::Error);
  EXPECT_EQ(told, 2);
}

}  // namespace
