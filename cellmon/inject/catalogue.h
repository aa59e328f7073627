// The faults that can be injected into a machine whose plan has `faults: enabled`.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace hive::inject {

enum class FaultKind : std::uint8_t {
  kVmmKill,
  kVmmStop,
  kMonitorKill,
  kMonitorStop,
  kHeartbeatFreeze,
  kFalseAccusation,
};

/// What a parameter's value says.
enum class ValueKind : std::uint8_t {
  kCell,      ///< The name of another cell of the machine.
  kDuration,  ///< A whole number with its unit: 500ms, 2s.
};

struct Parameter {
  std::string_view name;
  ValueKind kind;
  bool required;
  std::string_view meaning;
};

struct Entry {
  FaultKind kind;
  std::string_view name;
  std::string_view meaning;
  std::span<const Parameter> parameters;
};

/// All faults, in the order in which people are told of them.
std::span<const Entry> catalogue();
/// Null where there is none of that name.
const Entry* find(std::string_view name);
const Entry& entry_of(FaultKind kind);

}  // namespace hive::inject
