// The report on a campaign.
#pragma once

#include <span>
#include <string>

#include "cellmon/campaign/campaign.h"
#include "cellmon/campaign/document.h"
#include "cellmon/campaign/record.h"

namespace hive::campaign {

struct ReportSource {
  const Campaign& campaign;
  std::string file;  ///< The campaign's, as the command line named it.
  std::uint64_t seed = 0;
  std::uint64_t runs = 0;  ///< That were asked for.
  std::size_t cells = 0;   ///< Of the machine.
  std::span<const Record> records;
};

Document make_report(const ReportSource& source);

/// The command that does RECORD's run again, with those that its machine had taken before.
std::string repetition_of(const Record& record, const std::string& file);

}  // namespace hive::campaign
