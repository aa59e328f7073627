#include "cellmon/campaign/paper_table.h"

#include <array>

namespace hive::campaign {

std::span<const PaperRow> paper_table() {
  static constexpr std::array<PaperRow, 5> kRows{{
      {"process-creation", "node failure during process creation", 20, 16, 21},
      {"cow-search", "node failure during copy-on-write search", 9, 10, 11},
      {"random-time", "node failure at a random time", 20, 21, 45},
      {"address-map", "corrupt pointer in a process address map", 8, 38, 65},
      {"cow-tree", "corrupt pointer in a copy-on-write tree", 12, 401, 760},
  }};
  return kRows;
}

}  // namespace hive::campaign
