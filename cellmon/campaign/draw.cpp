#include "cellmon/campaign/draw.h"

#include <fmt/format.h>

#include "cellmon/campaign/campaign_file.h"
#include "cellmon/inject/catalogue.h"
#include "vmm/base/random.h"
#include "vmm/plan/text.h"

namespace hive::campaign {
namespace {

const FaultSpec& choose(const Campaign& campaign, Random& random) {
  std::uint64_t sum = 0;
  for (const FaultSpec& spec : campaign.faults) sum += spec.weight;
  std::uint64_t at = random.below(sum);
  for (const FaultSpec& spec : campaign.faults) {
    if (at < spec.weight) return spec;
    at -= spec.weight;
  }
  return campaign.faults.back();
}

bool is_cell(std::string_view fault, std::string_view parameter) {
  const inject::Entry* entry = inject::find(fault);
  if (entry == nullptr) return false;
  for (const inject::Parameter& each : entry->parameters) {
    if (each.name == parameter) return each.kind == inject::ValueKind::kCell;
  }
  return false;
}

/// What kAny stands for, for PARAMETER of a fault in cell OWN.
std::string make_up(std::string_view fault, std::string_view parameter, const std::string& own,
                    const Cells& cells, Random& random) {
  constexpr std::uint64_t kNumbers = 0x7fff'ffff;
  if (!is_cell(fault, parameter)) return std::to_string(1 + random.below(kNumbers));
  std::vector<std::string> others;
  for (const std::string& cell : cells.workers()) {
    if (cell != own) others.push_back(cell);
  }
  return others.empty() ? own : others[random.below(others.size())];
}

bool is_among(const std::string& name, std::span<const std::string> names) {
  for (const std::string& each : names) {
    if (each == name) return true;
  }
  return false;
}

/// Why VALUES are none for SPEC's fault in cell OWN of CELLS; empty where they are.
std::string refusal(const FaultSpec& spec, const inject::Values& values,
                    std::span<const std::string> cells, CellId own) {
  const auto result = inject::parse(spec.fault, values, cells, own);
  const auto* why = std::get_if<std::string>(&result);
  return why == nullptr ? "" : *why;
}

/// Why SPEC's fault takes not all of its values in cell OWN of CELLS; empty where it does. Looks at
/// each value once, with the first ones of the other parameters.
std::string refusal_in(const FaultSpec& spec, const Cells& cells, std::size_t own) {
  Random random(0);
  const auto id = static_cast<CellId>(own);
  const auto made_up = [&](const std::string& name, const std::string& value) {
    return value == kAny ? make_up(spec.fault, name, cells.names[own], cells, random) : value;
  };
  inject::Values values;
  for (const Choice& choice : spec.parameters) {
    values[choice.name] = made_up(choice.name, choice.values.front());
  }
  std::string why = refusal(spec, values, cells.names, id);
  for (const Choice& choice : spec.parameters) {
    const std::string first = values[choice.name];
    for (std::size_t i = 1; i < choice.values.size() && why.empty(); ++i) {
      values[choice.name] = made_up(choice.name, choice.values[i]);
      why = refusal(spec, values, cells.names, id);
    }
    values[choice.name] = first;
  }
  return why;
}

/// A run is one fault, at a time that the campaign draws and knows.
void check_timing(const FaultSpec& spec, plan::FaultList& faults) {
  for (const inject::Parameter& timing : inject::timing_parameters()) {
    for (const Choice& choice : spec.parameters) {
      if (choice.name != timing.name) continue;
      faults.add(spec.at,
                 fmt::format("'{}' would have the fault come at another time", choice.name),
                 "leave it out: a run is one fault, after a time up to the campaign's 'delay'");
    }
  }
}

/// Faults that put a rogue in Wax's place are for its cell, and have an end, as the machine is to
/// be as it was.
void check_rogue(const FaultSpec& spec, const Cells& cells, plan::FaultList& faults) {
  const inject::Entry* entry = inject::find(spec.fault);
  if (entry == nullptr || !inject::replaces_wax(entry->kind)) return;
  bool hits_wax = !spec.cells.empty();
  for (const std::string& cell : spec.cells) hits_wax = hits_wax && cells.is_policy(cell);
  if (!hits_wax) {
    faults.add(spec.at, fmt::format("{} is for the cell that runs Wax", spec.fault),
               cells.policy.empty() ? "give the plan a cell with 'role: policy', and name it"
                                    : fmt::format("say 'cells: [{}]'", cells.policy));
  }
  for (const Choice& choice : spec.parameters) {
    if (choice.name == "for") return;
  }
  faults.add(spec.at, fmt::format("{} would last for good", spec.fault),
             "give a time, such as 'parameters: {for: 500ms}'");
}

void check_spec(const FaultSpec& spec, const Cells& cells, plan::FaultList& faults) {
  check_rogue(spec, cells, faults);
  const std::vector<std::string> workers = cells.workers();
  const std::span<const std::string> where = spec.cells.empty() ? workers : spec.cells;
  for (const std::string& cell : spec.cells) {
    if (is_among(cell, cells.names)) continue;
    faults.add(spec.at, fmt::format("the machine has no cell {}", plan::quote(cell)),
               "name cells of the plan, or leave 'cells' out");
  }
  for (std::size_t own = 0; own < cells.names.size(); ++own) {
    if (!is_among(cells.names[own], where)) continue;
    const std::string why = refusal_in(spec, cells, own);
    if (why.empty()) continue;
    faults.add(spec.at, fmt::format("in cell {}: {}", cells.names[own], why),
               "give 'parameters' that the fault takes, or 'cells' that it fits");
    return;
  }
}

/// A command is for guests that take part in the work; EXEC names them, or leaves that to the plan.
void check_meanwhile(const FaultSpec& spec, const ExecWork& exec, const Cells& cells,
                     plan::FaultList& faults) {
  if (spec.meanwhile.empty()) return;
  const std::vector<std::string> workers = cells.workers();
  const std::span<const std::string> able = exec.cells.empty() ? workers : exec.cells;
  for (const std::string& cell : spec.cells.empty() ? workers : spec.cells) {
    if (is_among(cell, able)) continue;
    faults.add(spec.at,
               fmt::format("'meanwhile' would run nothing in cell {}, which takes no part in the "
                           "workload",
                           plan::quote(cell)),
               "name cells of the workload in 'cells', or leave 'meanwhile' out");
    return;
  }
}

}  // namespace

Draw draw(const Campaign& campaign, const Cells& cells, std::uint64_t seed, std::uint64_t run) {
  Random mixer(seed);
  Random random(mixer.next() ^ Random(run).next());
  const FaultSpec& spec = choose(campaign, random);
  Draw drawn;
  drawn.run = run;
  drawn.fault = spec.fault;
  drawn.group = spec.group;
  drawn.paper_row = spec.paper_row;
  drawn.meanwhile = spec.meanwhile;
  const std::vector<std::string> where = spec.cells.empty() ? cells.workers() : spec.cells;
  drawn.cell = where[random.below(where.size())];
  for (const Choice& choice : spec.parameters) {
    const std::string& value = choice.values[random.below(choice.values.size())];
    drawn.parameters[choice.name] =
        value == kAny ? make_up(spec.fault, choice.name, drawn.cell, cells, random) : value;
  }
  const auto most = static_cast<std::uint64_t>(campaign.delay.count());
  // What the guest is to do as the fault strikes has to have begun.
  const std::uint64_t least = spec.meanwhile.empty() ? 0 : most / 2;
  drawn.delay = Milliseconds(least + random.below(most - least + 1));
  return drawn;
}

std::string describe(const Draw& drawn) {
  std::string text = drawn.fault;
  for (const auto& [name, value] : drawn.parameters) text += fmt::format(" {}={}", name, value);
  return fmt::format("{} in {}", text, drawn.cell);
}

Milliseconds duration_of(const Draw& drawn) {
  const auto found = drawn.parameters.find("for");
  if (found == drawn.parameters.end()) return Milliseconds(0);
  return inject::parse_duration(found->second).value_or(Milliseconds(0));
}

std::vector<plan::Fault> check_cells(const Campaign& campaign, const Cells& cells) {
  plan::FaultList faults;
  for (const FaultSpec& spec : campaign.faults) {
    check_timing(spec, faults);
    check_spec(spec, cells, faults);
    if (const auto* exec = std::get_if<ExecWork>(&campaign.workload)) {
      check_meanwhile(spec, *exec, cells, faults);
    }
  }
  if (const auto* exec = std::get_if<ExecWork>(&campaign.workload)) {
    for (const std::string& cell : exec->cells) {
      if (is_among(cell, cells.workers())) continue;
      faults.add({},
                 fmt::format("the workload names cell {}{}", plan::quote(cell),
                             cells.is_policy(cell) ? ", which runs Wax" : ""),
                 "name cells of the plan that work, or leave 'cells' out");
    }
  }
  return faults.sorted();
}

}  // namespace hive::campaign
