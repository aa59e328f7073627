#include "vmm/plan/rpc_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string_view>

#include "vmm/plan/limits.h"
#include "vmm/plan/text.h"
#include "vmm/plan/values.h"

namespace hive::plan {
namespace {

/// A list of more entries than the machine can have cells repeats some.
bool is_too_long(const YamlNode& list, FaultList& faults) {
  if (list.items.size() <= kMaxCells) return false;
  faults.add(list.at, fmt::format("the list has {} entries", list.items.size()),
             fmt::format("a machine has at most {} cells: name each once", kMaxCells));
  return true;
}

std::optional<std::vector<Field<std::string>>> read_names(const YamlNode& list, FaultList& faults) {
  if (is_too_long(list, faults)) return std::nullopt;
  std::vector<Field<std::string>> names;
  for (const YamlNode& item : list.items) {
    Field<std::string> name{std::nullopt, item.at, true};
    if (item.kind == YamlNode::Kind::kScalar) {
      name.value = read_name(item, faults);
    } else {
      faults.add(item.at, "this is not a cell's name",
                 fmt::format("write {}", describe(KeyType::kNames)));
    }
    names.push_back(std::move(name));
  }
  return names;
}

std::optional<std::vector<CallsKeys>> read_calls(const YamlNode& list, FaultList& faults) {
  if (is_too_long(list, faults)) return std::nullopt;
  std::vector<CallsKeys> calls;
  for (const YamlNode& item : list.items) {
    const Fields fields(item, calls_spec(), faults);
    calls.push_back({fields.read<std::string>("from", read_name),
                     fields.read<std::vector<Field<std::string>>>("to", read_names)});
  }
  return calls;
}

/// Finds cells by their names.
class Names {
 public:
  Names(std::span<const PlannedCell> cells, FaultList& faults) : faults_(faults) {
    for (const PlannedCell& planned : cells) {
      if (planned.keys.name.value) cells_.emplace(planned.cell.name, planned.cell.id);
    }
  }

  std::optional<CellId> find(const Field<std::string>& name) {
    if (!name.value) return std::nullopt;
    const auto found = cells_.find(*name.value);
    if (found != cells_.end()) return found->second;
    std::vector<std::string_view> known;
    std::string list;
    for (const auto& [cell, id] : cells_) {
      known.push_back(cell);
      list += (list.empty() ? "" : ", ") + cell;
    }
    const auto nearest = nearest_word(*name.value, known);
    faults_.add(name.at, fmt::format("the machine has no cell {}", quote(*name.value)),
                nearest ? fmt::format("did you mean '{}'?", *nearest)
                        : fmt::format("its cells are {}", list));
    return std::nullopt;
  }

 private:
  std::map<std::string, CellId> cells_;
  FaultList& faults_;
};

std::vector<CellId> plan_callees(const CallsKeys& keys, std::optional<CellId> from, Names& names,
                                 FaultList& faults) {
  std::vector<CellId> to;
  std::set<CellId> seen;
  for (const auto& name : keys.to.value.value_or(std::vector<Field<std::string>>{})) {
    const auto cell = names.find(name);
    if (!cell) continue;
    if (cell == from) {
      faults.add(name.at, fmt::format("cell {} is to call itself", quote(*name.value)),
                 "leave it out: a guest needs no leave for that");
    } else if (!seen.insert(*cell).second) {
      faults.add(name.at, fmt::format("cell {} is listed twice", quote(*name.value)),
                 "list each cell once");
    }
    to.push_back(*cell);
  }
  return to;
}

}  // namespace

std::optional<RpcKeys> read_rpc(const YamlNode& node, FaultList& faults) {
  const Fields fields(node, rpc_spec(), faults);
  return RpcKeys{fields.read<std::vector<CallsKeys>>("calls", read_calls),
                 fields.read<std::uint32_t>("packets_per_second", read_rate)};
}

Rpc plan_rpc(const RpcKeys& keys, std::span<const PlannedCell> cells, FaultList& faults) {
  Rpc rpc;
  rpc.packets_per_second = keys.packets_per_second.value.value_or(kDefaultPacketRate);
  if (!keys.calls.value) return rpc;
  rpc.calls.emplace();
  Names names(cells, faults);
  std::map<CellId, Position> seen;
  for (const CallsKeys& each : *keys.calls.value) {
    const auto from = names.find(each.from);
    std::vector<CellId> to = plan_callees(each, from, names, faults);
    if (!from) continue;
    const auto [first, is_first] = seen.emplace(*from, each.from.at);
    if (!is_first) {
      faults.add(each.from.at,
                 fmt::format("what cell {} may call is listed twice, first at line {}",
                             quote(*each.from.value), first->second.line),
                 "list all that it may call in one entry");
    }
    rpc.calls->push_back({*from, std::move(to)});
  }
  return rpc;
}

bool may_call(const Machine& machine, CellId from, CellId to) {
  const auto is_policy = [&](CellId cell) {
    return machine.cells[static_cast<std::size_t>(cell)].is_policy();
  };
  if (from == to || is_policy(from) || is_policy(to)) return false;
  if (!machine.rpc.calls) return true;
  for (const Calls& each : *machine.rpc.calls) {
    if (each.from != from) continue;
    return std::find(each.to.begin(), each.to.end(), to) != each.to.end();
  }
  return false;
}

}  // namespace hive::plan
