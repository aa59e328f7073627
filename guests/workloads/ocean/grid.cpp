#include "guests/workloads/ocean/grid.h"

#include <algorithm>
#include <cmath>

namespace hive::workloads {

double Basin::driven(std::size_t column) const {
  const double x = static_cast<double>(column) / static_cast<double>(points - 1);
  return 4 * x * (1 - x);
}

double Basin::wind(std::size_t row, std::size_t column) const {
  const double spacing = 1 / static_cast<double>(points - 1);
  const double x = static_cast<double>(column) * spacing;
  const double y = static_cast<double>(row) * spacing;
  return spacing * spacing * (x - y) * (1 + x * y);
}

double Basin::best_factor() const {
  // 2 / (1 + sin(pi / (points - 1))), with the sine's series: only arithmetic that IEEE 754 defines
  // to the last bit gives the same everywhere.
  const double angle = 3.14159265358979323846 / static_cast<double>(points - 1);
  const double square = angle * angle;
  const double sine = angle * (1 - square / 6 * (1 - square / 20 * (1 - square / 42)));
  return 2 / (1 + sine);
}

Rows share_of(const Basin& basin, unsigned workers, unsigned rank) {
  const std::size_t rows = basin.inner();
  return {1 + rows * rank / workers, 1 + rows * (rank + 1) / workers};
}

double relax_row(const Basin& basin, std::size_t number, Colour colour, double factor,
                 const double* north, double* row, const double* south) {
  double largest = 0;
  const std::size_t start = 1 + (number + static_cast<unsigned>(colour)) % 2;
  for (std::size_t at = start; at + 1 < basin.points; at += 2) {
    const double around = north[at] + south[at] + row[at - 1] + row[at + 1];
    const double change = factor * ((around + basin.wind(number, at)) / 4 - row[at]);
    row[at] += change;
    largest = std::max(largest, std::fabs(change));
  }
  return largest;
}

void fill_row(const Basin& basin, std::size_t number, double* row) {
  std::fill(row, row + basin.points, 0.0);
  if (number == 0) {
    for (std::size_t at = 0; at < basin.points; ++at) row[at] = basin.driven(at);
  }
}

}  // namespace hive::workloads
