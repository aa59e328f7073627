// From a campaign's file to a campaign.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "cellmon/campaign/cells.h"
#include "vmm/plan/fault.h"

namespace hive::campaign {

struct ParsedCampaign {
  std::optional<Campaign> campaign;
  std::vector<plan::Fault> faults;  ///< By position; empty exactly where there is a campaign.
};

/// Reads the YAML of a campaign (docs/campaigns.md). Takes whatever a file may hold.
ParsedCampaign parse_campaign(std::string_view text);

/// What of CAMPAIGN does not fit a machine of CELLS: cells that it has not, or that do no work;
/// parameters with values that no fault of the catalogue takes there.
std::vector<plan::Fault> check_cells(const Campaign& campaign, const Cells& cells);

}  // namespace hive::campaign
