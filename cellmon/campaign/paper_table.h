// Table 7.4 of the Hive paper (SOSP 1995): its fault injection tests.
#pragma once

#include <span>
#include <string_view>

namespace hive::campaign {

struct PaperRow {
  std::string_view name;  ///< What a campaign's file calls it.
  std::string_view what;
  unsigned tests;
  /// Milliseconds from the fault until recovery had begun on all cells, on a simulated machine of
  /// four 200 MHz processors.
  unsigned average;
  unsigned maximum;
};

/// Its five rows. In all 69 tests the fault was contained.
std::span<const PaperRow> paper_table();

}  // namespace hive::campaign
