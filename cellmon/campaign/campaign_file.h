// From a campaign's file to a campaign.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "vmm/plan/fault.h"

namespace hive::campaign {

/// The keys that a file may have: of the campaign, of a fault in it, and of each kind of workload.
std::span<const std::string_view> campaign_keys();
std::span<const std::string_view> fault_keys();
std::span<const std::string_view> exec_keys();
std::span<const std::string_view> micro_keys();

struct ParsedCampaign {
  std::optional<Campaign> campaign;
  std::vector<plan::Fault> faults;  ///< By position; empty exactly where there is a campaign.
};

inline constexpr std::uint64_t kMaxRuns = 1'000'000;
inline constexpr unsigned kMaxParallel = 64;

/// Reads the YAML of a campaign (docs/campaigns.md). Takes whatever a file may hold.
ParsedCampaign parse_campaign(std::string_view text);

/// What of CAMPAIGN does not fit a machine of CELLS, in the order of the plan: cells that it has
/// not, parameters with values that no fault of the catalogue takes there.
std::vector<plan::Fault> check_cells(const Campaign& campaign, std::span<const std::string> cells);

}  // namespace hive::campaign
