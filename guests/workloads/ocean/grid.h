// A square grid of numbers that is relaxed to the solution of Poisson's equation, by successive
// over-relaxation with red-black ordering: points of one colour have all their neighbours in the
// other, so it does not matter in which order, or by whom, those of one colour are computed.
#pragma once

#include <cstddef>

namespace hive::workloads {

/// Points in a row or column, those of the border among them. The grid is a basin of side 1: at its
/// northern border the water is driven, at the others it is at rest.
struct Basin {
  std::size_t points = 130;  ///< kLeastPoints to kMostPoints.

  static constexpr std::size_t kLeastPoints = 4;
  static constexpr std::size_t kMostPoints = 16386;

  [[nodiscard]] std::size_t inner() const { return points - 2; }
  /// What border point COLUMN of the northernmost row is held at.
  [[nodiscard]] double driven(std::size_t column) const;
  /// What the wind adds at a point, in units of the grid's spacing squared.
  [[nodiscard]] double wind(std::size_t row, std::size_t column) const;
  /// The factor by which such a grid converges fastest; 1 to 2.
  [[nodiscard]] double best_factor() const;
};

enum class Colour : unsigned { kRed = 0, kBlack = 1 };

/// Rows of a grid, from `first` to before `end`.
struct Rows {
  std::size_t first = 0;
  std::size_t end = 0;

  [[nodiscard]] std::size_t count() const { return end - first; }
};

/// The inner rows of BASIN that are RANK's of WORKERS: as equal shares as can be, in order. There
/// are at least as many inner rows as workers.
Rows share_of(const Basin& basin, unsigned workers, unsigned rank);

/// Relaxes the points of COLOUR in inner row NUMBER of BASIN. Each row has `points` numbers; NORTH
/// is the row with the number before. Gives the largest change.
double relax_row(const Basin& basin, std::size_t number, Colour colour, double factor,
                 const double* north, double* row, const double* south);

/// Fills row NUMBER as it is at the start.
void fill_row(const Basin& basin, std::size_t number, double* row);

}  // namespace hive::workloads
