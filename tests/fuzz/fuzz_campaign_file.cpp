// Campaign files: whatever the text, reading it ends with a campaign or faults, and what is drawn
// from a campaign keeps to its bounds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "cellmon/campaign/campaign_file.h"
#include "cellmon/campaign/draw.h"
#include "vmm/plan/text.h"

namespace {

using namespace hive;

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::string> kCells{"alpha", "beta", "gamma"};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const campaign::ParsedCampaign parsed = campaign::parse_campaign(text);
  check(parsed.campaign.has_value() == parsed.faults.empty());
  for (const plan::Fault& fault : parsed.faults) check(plan::is_clean(describe(fault, "f")));
  if (!parsed.campaign) return 0;
  check(!parsed.campaign->faults.empty() && parsed.campaign->runs > 0);
  if (!campaign::check_cells(*parsed.campaign, kCells).empty()) return 0;
  for (std::uint64_t run = 0; run < 4; ++run) {
    const campaign::Draw drawn = campaign::draw(*parsed.campaign, kCells, size, run);
    check(std::find(kCells.begin(), kCells.end(), drawn.cell) != kCells.end());
    check(drawn.delay <= parsed.campaign->delay);
  }
  return 0;
}
