// The runs of a campaign that one process does, one after another.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "cellmon/campaign/record.h"
#include "cellmon/cli/campaign/booted_machine.h"
#include "cellmon/cli/campaign/workload.h"

namespace hive::cli {

/// Keeps a machine from one run to the next while all of it is well.
class CampaignRunner {
 public:
  struct Settings {
    const campaign::Campaign& campaign;
    plan::Machine plan;  ///< With the name that this runner's machines have.
    std::uint64_t seed = 0;
    unsigned keep = 1;   ///< Runs of one machine.
    std::string folder;  ///< Of the campaign's output.
    std::string base;    ///< Of the campaign's file.
    std::string run_dir;
    std::function<bool()> stops;  ///< Whether the campaign is to end: a signal may be missed.
  };

  CampaignRunner(Settings settings, const SignalFd& signals);

  /// Does the run that draws DRAWN. Throws Error where the machine does not come up, or is not
  /// right before the fault; and Interrupted.
  campaign::Record run(const campaign::Draw& drawn);

  /// The events of the last run, the machine's start included where it was the first.
  [[nodiscard]] const std::vector<wire::Event>& events() const { return events_; }

 private:
  /// Has a machine ready for the workload. Throws WrongWork, with the machine
  /// kept, where runs before have done harm that was not seen.
  void make_ready();
  void boot();
  /// Ends a machine that is not well. Throws WrongWork, with the machine kept, where the last run
  /// has hurt a survivor.
  void give_up_machine();
  /// Whether nothing has happened since the last run in this machine ended.
  [[nodiscard]] bool is_quiet() const;
  /// What the last run has done to its survivors, by now.
  campaign::Observation look_back();
  /// Makes RECORD that of a run with what was observed.
  void settle(campaign::Record& record, const campaign::Observation& observation);
  /// Makes RECORD that of harm which showed before its fault.
  void book_late_harm(campaign::Record& record, const WrongWork& wrong);
  void wait(Milliseconds time);
  /// Watches until all is well again, or it is too late for that. The fault lasts for DURATION.
  void watch(campaign::Strike strike, Milliseconds duration, campaign::Observation& observation);
  /// Ends the account of a run; without KEEP its machine as well.
  void finish(campaign::Record& record, bool keep);
  void verify(const campaign::Story& story, std::size_t hit);
  [[nodiscard]] bool returns_by_itself(std::size_t cell) const;
  void restart(std::size_t cell);

  Settings settings_;
  const SignalFd& signals_;
  std::unique_ptr<Workload> workload_;
  std::unique_ptr<BootedMachine> machine_;
  std::vector<std::uint64_t> earlier_;  ///< Runs of this machine.
  campaign::Strike last_;               ///< That of the last one.
  std::size_t last_turns_ = 0;          ///< Its story's.
  std::vector<wire::Event> events_;
};

}  // namespace hive::cli
