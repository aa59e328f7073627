#include "guests/workloads/ocean/solver.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "vmm/base/error.h"

namespace hive::workloads {
namespace {

std::size_t most_rows(const OceanTask& task, unsigned workers) {
  std::size_t most = 0;
  for (unsigned rank = 0; rank < workers; ++rank) {
    most = std::max(most, share_of(task.basin, workers, rank).count());
  }
  return most;
}

class Solver {
 public:
  Solver(Team& team, const OceanTask& task)
      : team_(team),
        task_(task),
        rows_(share_of(task.basin, team.workers(), team.rank())),
        factor_(task.basin.best_factor()),
        most_(most_rows(task, team.workers())),
        grid_(reinterpret_cast<double*>(team.own())),
        north_(task.basin.points),
        south_(task.basin.points) {
    for (std::size_t row = rows_.first; row < rows_.end; ++row) {
      fill_row(task_.basin, row, own_row(row));
    }
  }

  OceanResult run() {
    OceanResult result;
    show_borders();
    do {
      double change = relax(Colour::kRed);
      show_borders();
      change = std::max(change, relax(Colour::kBlack));
      result.change = show_borders(change);
      ++result.sweeps;
    } while (result.sweeps < task_.sweeps && result.change > task_.tolerance);
    add_all_rows(result.digest);
    return result;
  }

 private:
  double* own_row(std::size_t row) { return grid_ + (row - rows_.first) * task_.basin.points; }

  /// Where a worker shows its northernmost or southernmost row after so many HALVES of sweeps: in
  /// two places by turns, so that nobody writes what another still reads.
  [[nodiscard]] std::size_t border(unsigned halves, bool southern) const {
    return (most_ + halves % 2 * 2 + (southern ? 1 : 0)) * task_.basin.points;
  }

  /// Ends half a sweep, whose largest CHANGE it tells: copies the outermost rows to where the
  /// neighbours read them, and waits for all. The largest of all changes.
  double show_borders(double change = 0) {
    const std::size_t points = task_.basin.points;
    std::copy_n(own_row(rows_.first), points, grid_ + border(halves_, false));
    std::copy_n(own_row(rows_.end - 1), points, grid_ + border(halves_, true));
    ++halves_;
    return team_.meet(change);
  }

  /// The numbers at PLACE of OWNER's area into TO: ROW of the grid.
  void read(unsigned owner, std::size_t place, std::size_t row, double* to) {
    const std::size_t points = task_.basin.points;
    team_.copy(owner, place * sizeof(double), to, points * sizeof(double));
    if (!std::all_of(to, to + points, [](double value) { return std::isfinite(value); })) {
      throw Error("row " + std::to_string(row) + ", worker " + std::to_string(owner) +
                  "'s, holds what is no number: its cell has failed, or its memory is corrupted");
    }
  }

  void read_neighbours() {
    const std::size_t last = task_.basin.points - 1;
    if (rows_.first == 1) {
      fill_row(task_.basin, 0, north_.data());
    } else {
      read(team_.rank() - 1, border(halves_ - 1, true), rows_.first - 1, north_.data());
    }
    if (rows_.end == last) {
      fill_row(task_.basin, last, south_.data());
    } else {
      read(team_.rank() + 1, border(halves_ - 1, false), rows_.end, south_.data());
    }
  }

  double relax(Colour colour) {
    read_neighbours();
    double largest = 0;
    for (std::size_t row = rows_.first; row < rows_.end; ++row) {
      const double* north = row == rows_.first ? north_.data() : own_row(row - 1);
      const double* south = row + 1 == rows_.end ? south_.data() : own_row(row + 1);
      largest = std::max(largest,
                         relax_row(task_.basin, row, colour, factor_, north, own_row(row), south));
    }
    return largest;
  }

  void add_row(Digest& digest) { digest.add(north_.data(), task_.basin.points * sizeof(double)); }

  /// After the last meeting, when nobody changes them any more.
  void add_all_rows(Digest& digest) {
    fill_row(task_.basin, 0, north_.data());
    add_row(digest);
    for (unsigned owner = 0; owner < team_.workers(); ++owner) {
      const Rows rows = share_of(task_.basin, team_.workers(), owner);
      for (std::size_t row = rows.first; row < rows.end; ++row) {
        read(owner, (row - rows.first) * task_.basin.points, row, north_.data());
        add_row(digest);
      }
    }
    fill_row(task_.basin, task_.basin.points - 1, north_.data());
    add_row(digest);
  }

  Team& team_;
  const OceanTask& task_;
  Rows rows_;
  double factor_;
  std::size_t most_;     ///< Rows of the largest share.
  double* grid_;         ///< This worker's rows, and behind `most_` of them its borders.
  unsigned halves_ = 0;  ///< Of sweeps, that were shown.
  std::vector<double> north_, south_;
};

}  // namespace

std::size_t ocean_area(const OceanTask& task, unsigned workers) {
  return (most_rows(task, workers) + 4) * task.basin.points * sizeof(double);
}

std::uint64_t ocean_key(const OceanTask& task) {
  Digest digest;
  digest.add("ocean", 5);
  digest.add(&task.basin.points, sizeof task.basin.points);
  digest.add(&task.sweeps, sizeof task.sweeps);
  digest.add(&task.tolerance, sizeof task.tolerance);
  return digest.value();
}

OceanResult solve(Team& team, const OceanTask& task) {
  OceanResult result = Solver(team, task).run();
  team.leave();
  return result;
}

}  // namespace hive::workloads
