#include "cellmon/cli/campaign/workload.h"

#include "cellmon/cli/campaign/exec_workload.h"
#include "cellmon/cli/campaign/micro_workload.h"
#include "cellmon/cli/campaign/wax_workload.h"

namespace hive::cli {
namespace {

std::unique_ptr<Workload> make_work(const campaign::Campaign& campaign, const plan::Machine& plan,
                                    const std::string& folder, const std::string& base) {
  if (const auto* micro = std::get_if<campaign::MicroWork>(&campaign.workload)) {
    return std::make_unique<MicroWorkload>(*micro, plan);
  }
  const auto& exec = std::get<campaign::ExecWork>(campaign.workload);
  ReferenceCopies references(folder + "/reference");
  const auto take = [&](const char* name, const campaign::Command& command) {
    if (command.reference.empty()) return;
    const bool is_absolute = command.reference.front() == '/';
    references.take_file(name, is_absolute ? command.reference : base + "/" + command.reference);
  };
  take("work", exec.work);
  take("check", exec.check);
  return std::make_unique<ExecWorkload>(exec, plan, std::move(references), campaign.limit);
}

}  // namespace

std::unique_ptr<Workload> make_workload(const campaign::Campaign& campaign,
                                        const plan::Machine& plan, const std::string& folder,
                                        const std::string& base) {
  auto work = make_work(campaign, plan, folder, base);
  for (std::size_t index = 0; index < plan.cells.size(); ++index) {
    const plan::Cell& cell = plan.cells[index];
    if (!cell.is_policy()) continue;
    return std::make_unique<WaxWorkload>(std::move(work), index, cell.name);
  }
  return work;
}

}  // namespace hive::cli
