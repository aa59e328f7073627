// hive campaign: many faults, one after another.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cellmon/campaign/campaign_file.h"
#include "cellmon/campaign/identity.h"
#include "cellmon/campaign/limits.h"
#include "cellmon/campaign/report.h"
#include "cellmon/cli/campaign/campaign_folder.h"
#include "cellmon/cli/campaign/campaign_workers.h"
#include "cellmon/cli/campaign/reference_copies.h"
#include "cellmon/cli/check_file.h"
#include "cellmon/cli/commands.h"
#include "cellmon/cli/host_kvm.h"
#include "cellmon/cli/log_level.h"
#include "cellmon/cli/read_plan.h"
#include "vmm/base/error.h"

namespace hive::cli {
namespace {

namespace fs = std::filesystem;

struct CampaignOptions {
  std::string file;
  std::string out;
  std::optional<std::uint64_t> runs;
  std::optional<std::uint64_t> seed;
  std::optional<unsigned> parallel;
  std::vector<std::uint64_t> only;
  bool report = false;
};

/// A campaign, and the machine that it is on.
struct Loaded {
  campaign::Campaign campaign;
  plan::Machine plan;
  std::string base;
  campaign::Cells cells;
};

/// Nothing where there are faults, which are told.
std::optional<Loaded> load(const CampaignOptions& options) {
  campaign::ParsedCampaign parsed = campaign::parse_campaign(read_plan(options.file));
  for (const plan::Fault& fault : parsed.faults) {
    fmt::print(stderr, "{}\n", describe(fault, options.file));
  }
  if (!parsed.campaign) return std::nullopt;
  Loaded loaded{std::move(*parsed.campaign), {}, {}, {{}}};
  loaded.base = fs::absolute(options.file).parent_path();
  const fs::path plan = fs::path(loaded.base) / loaded.campaign.machine;
  auto machine = check_file(plan);
  if (!machine) return std::nullopt;
  loaded.plan = std::move(*machine);
  loaded.cells = campaign::cells_of(loaded.plan);
  const auto faults = check_cells(loaded.campaign, loaded.cells);
  for (const plan::Fault& fault : faults) {
    fmt::print(stderr, "{}\n", describe(fault, options.file));
  }
  if (!faults.empty()) return std::nullopt;
  if (!loaded.plan.faults) {
    throw Error(plan.string() + ": the plan does not allow faults; say `faults: enabled` in it",
                Error::Kind::kUsage);
  }
  return loaded;
}

/// Why no two machines can be made of PLAN at a time; empty where they can.
std::string only_once(const plan::Machine& plan) {
  for (const plan::Cell& cell : plan.cells) {
    for (const plan::Disk& disk : cell.disks) {
      if (!disk.read_only) return fmt::format("cell {} writes to {}", cell.name, disk.path);
    }
    for (const plan::VsockPort& port : cell.vsock) {
      if (port.caller == plan::VsockPort::Caller::kHost) {
        return fmt::format("cell {} listens at {}", cell.name, port.path);
      }
    }
    if (!cell.host_cpus.empty()) return fmt::format("cell {} is pinned to CPUs", cell.name);
  }
  return {};
}

unsigned choose_parallel(const CampaignOptions& options, const Loaded& loaded) {
  if (!options.only.empty()) return 1;  // In the order that is asked for, in one machine.
  const unsigned asked = options.parallel.value_or(loaded.campaign.parallel);
  const std::string why = only_once(loaded.plan);
  if (asked > 1 && !why.empty()) {
    throw Error(fmt::format("{} machines at a time cannot be: {}; say --parallel 1", asked, why),
                Error::Kind::kUsage);
  }
  if (asked > 0) return asked;
  return why.empty() ? std::max(std::thread::hardware_concurrency(), 1U) : 1;
}

/// What the runs have in common: see CampaignFolder::claim().
std::string identity_of(const Loaded& loaded) {
  std::vector<std::string> copies;
  if (const auto* exec = std::get_if<campaign::ExecWork>(&loaded.campaign.workload)) {
    for (const campaign::Command* command : {&exec->work, &exec->check}) {
      if (command->reference.empty()) continue;
      copies.push_back(read_reference(fs::path(loaded.base) / command->reference));
    }
  }
  const std::string plan = read_plan(fs::path(loaded.base) / loaded.campaign.machine);
  return campaign::identity_of(loaded.campaign, plan, copies);
}

void check_host() {
  check_log_level();
  const KvmReport kvm = judge_kvm(gather_kvm_facts());
  if (!kvm.works) throw Error(kvm.problem + "; " + kvm.remedy);
}

/// The exit status of a campaign that has RECORDS.
int conclude(const CampaignFolder& folder, const campaign::ReportSource& source, JobEnd end) {
  folder.write_report(make_report(source));
  std::uint64_t escapes = 0;
  for (const campaign::Record& record : source.records) {
    escapes += record.outcome == campaign::Outcome::kEscaped ? 1 : 0;
  }
  fmt::print("campaign {}: {} of {} runs, {} escaped; {}/report.html\n", source.campaign.name,
             source.records.size(), source.runs, escapes, folder.path());
  if (end == JobEnd::kInterrupted) {
    fmt::print(stderr, "hive: interrupted; the same command goes on\n");
  }
  const bool all_there = missing_runs(source.runs, source.records).empty();
  return end == JobEnd::kDone && all_there && escapes == 0 ? 0 : 1;
}

int run_campaign(const CampaignOptions& options) {
  const std::optional<Loaded> loaded = load(options);
  if (!loaded) return static_cast<int>(Error::Kind::kUsage);
  const campaign::Campaign& campaign = loaded->campaign;
  const std::uint64_t seed = options.seed.value_or(campaign.seed);
  const std::uint64_t runs = options.runs.value_or(campaign.runs);
  CampaignFolder folder(options.out.empty() ? campaign.name + ".campaign" : options.out);
  std::vector<campaign::Record> records = folder.read();
  check_records(records, campaign, seed, loaded->cells, folder.runs_file());
  folder.claim(identity_of(*loaded), records);
  const bool repeats = !options.only.empty();
  CampaignJob job{campaign,     loaded->plan,
                  folder,       seed,
                  loaded->base, options.file,
                  "runs.jsonl", repeats ? options.only : missing_runs(runs, records)};
  job.parallel = std::min<unsigned>(
      choose_parallel(options, *loaded),
      static_cast<unsigned>(std::min<std::size_t>(job.runs.size(), campaign::kMaxParallel)));
  job.keep = repeats ? static_cast<unsigned>(job.runs.size()) : campaign.keep;
  job.total = repeats ? job.runs.size() : std::max(runs, records.size() + job.runs.size());
  if (repeats) job.records = "repeated.jsonl";
  job.repeats = repeats;
  JobResult result;
  if (!options.report && !job.runs.empty()) {
    check_host();
    result = do_runs(job);
  }
  if (repeats) return result.end == JobEnd::kDone && result.escaped == 0 ? 0 : 1;
  records = folder.read();
  return conclude(folder, {campaign, options.file, seed, runs, loaded->cells.names.size(), records},
                  result.end);
}

}  // namespace

void add_campaign(CLI::App& app, int& exit_status) {
  auto options = std::make_shared<CampaignOptions>();
  CLI::App* command = app.add_subcommand(
      "campaign", "Inject faults into machines, one in each run, and tell what was contained");
  command->add_option("FILE", options->file, "The campaign (YAML)")->required();
  command->add_option("--out", options->out,
                      "Folder for runs and report (default: NAME.campaign); runs that it has are "
                      "not done again");
  command->add_option("--runs", options->runs, "How many, in place of the file's")
      ->check(CLI::Range(std::uint64_t{1}, campaign::kMaxRuns));
  command->add_option("--seed", options->seed, "In place of the file's")
      ->check(CLI::Range(std::uint64_t{0}, static_cast<std::uint64_t>(INT64_MAX)));
  command->add_option("--parallel", options->parallel, "Machines at a time")
      ->check(CLI::Range(1U, campaign::kMaxParallel));
  command
      ->add_option("--only", options->only,
                   "Repeat these runs, in this order, in one machine: 12 or 3,7,12")
      ->delimiter(',');
  command->add_flag("--report", options->report, "Write the report anew, and do no run")
      ->excludes("--only");
  command->callback([options, &exit_status] { exit_status = run_campaign(*options); });
}

}  // namespace hive::cli
