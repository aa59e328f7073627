#include "cellmon/inject/fault.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cellmon/wire/text.h"

namespace hive::inject {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxQuoted = 64;

std::string quote(std::string_view text) { return "\"" + wire::printable(text, kMaxQuoted) + "\""; }

template <typename Items>
std::string list_names(const Items& items) {
  std::string names;
  for (const auto& item : items) names += (names.empty() ? "" : ", ") + std::string(item.name);
  return names;
}

const Parameter* find_parameter(const Entry& entry, std::string_view name) {
  for (const Parameter& parameter : entry.parameters) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

/// Why VALUES do not have the parameters of ENTRY; empty where they do.
std::string check_names(const Entry& entry, const Values& values) {
  for (const auto& [name, value] : values) {
    if (find_parameter(entry, name) != nullptr) continue;
    const std::string known = list_names(entry.parameters);
    return fmt::format("fault {} has no parameter {}; {}", entry.name, quote(name),
                       known.empty() ? "it has none" : "it has " + known);
  }
  for (const Parameter& parameter : entry.parameters) {
    if (!parameter.required || values.contains(std::string(parameter.name))) continue;
    return fmt::format("fault {} needs {}=VALUE: {}", entry.name, parameter.name,
                       parameter.meaning);
  }
  return {};
}

std::optional<CellId> find_cell(std::string_view name, std::span<const std::string> cells,
                                CellId own) {
  const auto found = std::find(cells.begin(), cells.end(), name);
  const auto number = static_cast<CellId>(found - cells.begin());
  if (found == cells.end() || number == own) return std::nullopt;
  return number;
}

}  // namespace

std::optional<milliseconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc() || (unit != "ms" && unit != "s")) return std::nullopt;
  const std::int64_t scale = unit == "s" ? 1000 : 1;
  if (number < 1 || number > kLongest.count() / scale) return std::nullopt;
  return milliseconds(number * scale);
}

std::variant<Fault, std::string> parse(std::string_view name, const Values& values,
                                       std::span<const std::string> cells, CellId own) {
  const Entry* entry = find(name);
  if (entry == nullptr) {
    return fmt::format("unknown fault {}; the faults are {}", quote(name), list_names(catalogue()));
  }
  if (std::string why = check_names(*entry, values); !why.empty()) return why;
  Fault fault{entry->kind, {}, {}, std::string(entry->name)};
  for (const auto& [parameter, value] : values) {
    if (find_parameter(*entry, parameter)->kind == ValueKind::kCell) {
      fault.cell = find_cell(value, cells, own);
      if (!fault.cell) {
        return fmt::format("{}={} names no other cell of the machine", parameter, quote(value));
      }
    } else {
      fault.duration = parse_duration(value);
      if (!fault.duration) {
        return fmt::format("{}={} is no time from 1ms to {}s; write such as 500ms or 2s", parameter,
                           quote(value), kLongest.count() / 1000);
      }
    }
    fault.text += fmt::format(" {}={}", parameter, value);
  }
  return fault;
}

}  // namespace hive::inject
