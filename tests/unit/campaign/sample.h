// A campaign's file, and events, for the tests.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/campaign_file.h"
#include "cellmon/campaign/cells.h"
#include "cellmon/wire/cell_status.h"

namespace hive::campaign::testing {

inline const std::vector<std::string> kCells{"alpha", "beta", "gamma"};

/// The same, and Wax in their middle.
inline const Cells kWithWax{{"alpha", "beta", "wax", "gamma"}, "wax"};

inline constexpr std::string_view kSample = R"(campaign: sample
machine: trio.yaml
runs: 100
seed: 7
workload: {micro: {seed: 5, pages: 4}}
faults:
  - {fault: vmm-kill, weight: 3, paper: random-time}
  - {fault: vmm-stop, class: short stop, cells: [beta], parameters: {for: [200ms, 1s]}}
  - {fault: false-accusation, parameters: {cell: any}}
)";

inline Campaign sample() { return parse_campaign(kSample).campaign.value(); }

/// An event of CELL, MS milliseconds after the clock's start.
inline wire::Event event(std::uint64_t ms, const std::string& cell, const std::string& kind,
                         const std::string& detail = {}) {
  return {1, 0, ms * 1'000'000, cell, kind, detail};
}

}  // namespace hive::campaign::testing
