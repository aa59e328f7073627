// The folder that a campaign writes to.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "cellmon/campaign/record.h"
#include "cellmon/campaign/report.h"
#include "cellmon/wire/cell_status.h"
#include "vmm/base/unique_fd.h"

namespace hive::cli {

/// Has runs.jsonl and the identity of its runs, report.md and report.html, evidence of what was not
/// contained, and reference copies. One campaign at a time writes to it.
class CampaignFolder {
 public:
  /// Makes PATH where it is not there. Throws Error, also where another campaign has it.
  explicit CampaignFolder(std::string path);

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string runs_file() const { return path_ + "/runs.jsonl"; }

  /// The records that are there. Cuts a last line off that was not finished. Throws Error where a
  /// line is no record.
  std::vector<campaign::Record> read();

  /// Makes the folder one for runs with IDENTITY (see identity.h) if it has none yet. Throws Error
  /// where it has runs of another one, or RECORDS of an unknown one.
  void claim(const std::string& identity, std::span<const campaign::Record> records) const;

  /// Adds RECORD to file NAME, such as runs.jsonl, at once. Any process that has this object may.
  /// Throws Error.
  void append(const std::string& name, const campaign::Record& record) const;
  /// Keeps the events of a run, which REPEATS another one or not. Throws Error.
  void keep_events(const campaign::Record& record, bool repeats,
                   std::span<const wire::Event> events) const;
  /// Throws Error.
  void write_report(const campaign::Document& report) const;

 private:
  std::string path_;
  UniqueFd folder_;  ///< Locked.
};

/// Which of RUNS, from 0 on, RECORDS have not.
std::vector<std::uint64_t> missing_runs(std::uint64_t runs,
                                        std::span<const campaign::Record> records);

/// Refuses RECORDS that have a run twice, or are of another campaign than CAMPAIGN with SEED on
/// CELLS. Throws Error.
void check_records(const std::vector<campaign::Record>& records, const campaign::Campaign& campaign,
                   std::uint64_t seed, const campaign::Cells& cells, const std::string& file);

}  // namespace hive::cli
