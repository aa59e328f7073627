// One fault that is to be injected, from the words in which it is asked for.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cellmon/inject/catalogue.h"
#include "vmm/base/ids.h"

namespace hive::inject {

/// Values by their parameters' names.
using Values = std::map<std::string, std::string>;

struct Fault {
  FaultKind kind{};
  std::optional<CellId> cell;
  std::optional<std::chrono::milliseconds> duration;  ///< From 1 ms to kLongest.
  std::string text;  ///< In words: its name, and its parameters as they were given.
};

inline constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24);

/// The fault called NAME with VALUES, in cell OWN of those called CELLS; or why that is none, for
/// the user. Takes whatever a client sends.
std::variant<Fault, std::string> parse(std::string_view name, const Values& values,
                                       std::span<const std::string> cells, CellId own);

/// A whole number with unit ms or s, from 1 ms to kLongest; nothing where TEXT is none.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

}  // namespace hive::inject
