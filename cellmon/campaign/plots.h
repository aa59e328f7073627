// The pictures of a campaign's report, as SVG elements for an HTML page.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "cellmon/campaign/statistics.h"

namespace hive::campaign {

/// How many runs of each class had which outcome: a bar for each.
std::string plot_outcomes(const Statistics& statistics);

struct Curve {
  std::string name;
  std::size_t place;          ///< Of its class: the same one has the same colour in all pictures.
  const Distribution* times;  ///< Not empty; outlives the call.
};

/// The part of the runs, from 0 to 100 %, that took no longer than a time: a curve for each of
/// CURVES (at least one), over a logarithmic axis of milliseconds.
std::string plot_distributions(const std::vector<Curve>& curves);

/// For each class the 95 % upper bound on the probability of an escape, and the share that did
/// escape, on a logarithmic axis.
std::string plot_bounds(const Statistics& statistics);

}  // namespace hive::campaign
