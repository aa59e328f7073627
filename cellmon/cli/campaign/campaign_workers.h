// The processes that do a campaign's runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "cellmon/cli/campaign/campaign_folder.h"
#include "vmm/plan/plan.h"

namespace hive::cli {

struct CampaignJob {
  const campaign::Campaign& campaign;
  const plan::Machine& plan;
  const CampaignFolder& folder;
  std::uint64_t seed = 0;
  std::string base;                 ///< Folder of the campaign's file.
  std::string file;                 ///< The campaign's, as the command line named it.
  std::string records;              ///< The file of FOLDER that records go to.
  std::vector<std::uint64_t> runs;  ///< That are to be done.
  std::uint64_t total = 0;  ///< Of all that there are, those that were done before included.
  unsigned parallel = 1;    ///< Processes, each with a machine of its own.
  unsigned keep = 1;
  bool repeats = false;  ///< They are runs that were done before.
};

/// How the runs ended.
enum class JobEnd { kDone, kInterrupted, kFailed };

struct JobResult {
  JobEnd end = JobEnd::kDone;
  std::uint64_t escaped = 0;  ///< Of these runs.
};
/// Does the runs, and shows on standard output how far they are. What goes wrong, and what was not
/// contained, is told on standard error. All machines are down when it returns. Throws Error.
JobResult do_runs(const CampaignJob& job);

}  // namespace hive::cli
