// What a machine's guests do while a fault strikes, and how it is told whether they did it right.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cellmon/campaign/campaign.h"
#include "cellmon/campaign/draw.h"
#include "cellmon/campaign/verdict.h"
#include "cellmon/cli/campaign/monitors.h"

namespace hive::cli {

/// A cell's work is wrong though no fault has been injected since it was right last.
class WrongWork : public Error {
 public:
  using Error::Error;
};

/// Of one machine at a time. The calls come in this order for each run: prepare(), begin(), the
/// fault, and ask() with looks() until all have answered.
class Workload : public MonitorListener {
 public:
  /// Makes the cells that were started since the last run ready. Throws WrongWork where a cell is
  /// not right before the fault, and Error.
  virtual void prepare(Monitors& machine) = 0;
  /// Begins what is to be under way when the fault DRAWN strikes.
  virtual void begin(Monitors& machine, const campaign::Draw& drawn) = 0;
  /// Has the cells verify their work. EXPECTED says of each cell whether it can be asked. What was
  /// asked before does not count any more.
  virtual void ask(Monitors& machine, const std::vector<bool>& expected) = 0;
  /// Goes on with what was asked for; whether all cells that were asked have answered.
  virtual bool has_answers(Monitors& machine) = 0;
  /// What the cells' answers come to; who was not asked, or has not answered, is silent.
  [[nodiscard]] virtual std::vector<campaign::CellLook> looks() const = 0;
  /// The machine is gone.
  virtual void reset() = 0;
};

/// The workload of CAMPAIGN on PLAN. FOLDER keeps reference copies; BASE is the folder that the
/// campaign's paths start at.
std::unique_ptr<Workload> make_workload(const campaign::Campaign& campaign,
                                        const plan::Machine& plan, const std::string& folder,
                                        const std::string& base);

}  // namespace hive::cli
