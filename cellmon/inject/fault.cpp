#include "cellmon/inject/fault.h"

#include <fmt/format.h>

#include "cellmon/inject/values.h"
#include "cellmon/wire/text.h"

namespace hive::inject {
namespace {

constexpr std::size_t kMaxQuoted = 64;

std::string quote(std::string_view text) { return "\"" + wire::printable(text, kMaxQuoted) + "\""; }

template <typename Items>
std::string list_names(const Items& items) {
  std::string names;
  for (const auto& item : items) names += (names.empty() ? "" : ", ") + std::string(item.name);
  return names;
}

const Parameter* find_parameter(const Entry& entry, std::string_view name) {
  for (const std::span<const Parameter> known : {entry.parameters, timing_parameters()}) {
    for (const Parameter& parameter : known) {
      if (parameter.name == name) return &parameter;
    }
  }
  return nullptr;
}

/// Why VALUES do not have the parameters of ENTRY; empty where they do.
std::string check_names(const Entry& entry, const Values& values) {
  for (const auto& [name, value] : values) {
    if (find_parameter(entry, name) != nullptr) continue;
    const std::string known = list_names(entry.parameters);
    return fmt::format("fault {} has no parameter {}; {}", entry.name, quote(name),
                       known.empty() ? "it has none of its own" : "it has " + known);
  }
  for (const Parameter& parameter : entry.parameters) {
    if (!parameter.required || values.contains(std::string(parameter.name))) continue;
    return fmt::format("fault {} needs {}=VALUE: {}", entry.name, parameter.name,
                       parameter.meaning);
  }
  return {};
}

/// Why the place of FAULT, where it has one, does not go with VALUES.
std::string check_memory(const Fault& fault, const Values& values) {
  if (!fault.memory) return {};
  const Where where = fault.memory->where;
  const auto check = [&](const char* name, bool takes, bool needs) -> std::string {
    const bool has = values.contains(name);
    if (has && !takes) return fmt::format("where={} takes no {}", name_of(where), name);
    return !has && needs ? fmt::format("where={} needs {}=VALUE", name_of(where), name) : "";
  };
  const bool ranges = where == Where::kPhysical || where == Where::kVirtual;
  const bool is_cpus =
      where == Where::kVirtual || where == Where::kStack || where == Where::kPageTable;
  const bool is_processes =
      where == Where::kProcess || where == Where::kAddressMap || where == Where::kCowTree;
  for (const std::string& why :
       {check("address", ranges, ranges), check("length", ranges, false),
        check("vcpu", is_cpus || fault.kind == FaultKind::kPageFail, false),
        check("process", is_processes, is_processes)}) {
    if (!why.empty()) return why;
  }
  const bool overflows = ranges && fault.memory->address > ~std::uint64_t{0} - fault.memory->length;
  return overflows ? "address and length go past the last address" : "";
}

}  // namespace

bool is_in_device(FaultKind kind) {
  return kind == FaultKind::kDiskError || kind == FaultKind::kDiskDelay ||
         kind == FaultKind::kDiskTorn || kind == FaultKind::kInterruptLoss;
}

bool replaces_wax(FaultKind kind) {
  return kind == FaultKind::kWaxGarbage || kind == FaultKind::kWaxFlood;
}

bool is_in_packets(FaultKind kind) {
  return kind >= FaultKind::kRpcDrop && kind <= FaultKind::kRpcCorrupt;
}

std::variant<Fault, std::string> parse(std::string_view name, const Values& values,
                                       std::span<const std::string> cells, CellId own) {
  const Entry* entry = find(name);
  if (entry == nullptr) {
    return fmt::format("unknown fault {}; the faults are {}", quote(name), list_names(catalogue()));
  }
  if (std::string why = check_names(*entry, values); !why.empty()) return why;
  Fault fault;
  fault.kind = entry->kind;
  fault.text = entry->name;
  if (fault.kind == FaultKind::kMemoryCorrupt || fault.kind == FaultKind::kPageFail) {
    fault.memory.emplace();
  }
  if (is_in_device(fault.kind)) {
    const bool is_any = fault.kind == FaultKind::kInterruptLoss;
    fault.device.emplace().device = is_any ? cell::kAllDevices : "disk0";
  }
  if (fault.kind == FaultKind::kWildWrites) fault.writes.emplace();
  for (const auto& [parameter, value] : values) {
    const std::string why =
        take_value(*find_parameter(*entry, parameter), value, {cells, own}, fault);
    if (!why.empty()) return fmt::format("{}={} {}", parameter, quote(value), why);
    fault.text += fmt::format(" {}={}", parameter, value);
  }
  if (values.contains("every") != values.contains("times")) {
    return std::string("every=TIME and times=N go together");
  }
  if (std::string why = check_memory(fault, values); !why.empty()) return why;
  return fault;
}

}  // namespace hive::inject
