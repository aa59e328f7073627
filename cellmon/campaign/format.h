// The format of a campaign's file: the one table that its reader, its JSON Schema and the tests of
// the documentation share.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace hive::campaign {

enum class KeyType {
  kName,        ///< A word of a-z, 0-9 and '-'.
  kText,        ///< One value that is not empty.
  kNumber,      ///< A whole number within bounds.
  kParallel,    ///< The same, or `auto`.
  kTime,        ///< A whole number with its unit: 500ms, 2s.
  kNames,       ///< A cell's name, or a list of them.
  kFault,       ///< A fault of the catalogue.
  kPaperRow,    ///< A row of Table 7.4.
  kCommand,     ///< A command line, or a mapping of command_spec().
  kParameters,  ///< A mapping of values, or lists of them.
  kFaults,      ///< A list of mappings of fault_spec().
  kWorkload,
  kMicro,
  kExec,
};

struct KeySpec {
  std::string_view name;
  KeyType type;
  std::string_view fallback;  ///< What a missing key stands for, in words; empty: it is required.
  std::string_view example;   ///< Of a value; for messages.
  std::string_view meaning;   ///< One sentence.
  std::uint64_t least = 0;    ///< Of a number.
  std::uint64_t most = 0;

  [[nodiscard]] bool is_required() const { return fallback.empty(); }
};

/// One kind of mapping in the file.
struct MappingSpec {
  std::string_view what;  ///< "a campaign"
  std::vector<KeySpec> keys;

  /// Null where there is no key NAME.
  [[nodiscard]] const KeySpec* find(std::string_view name) const;
  [[nodiscard]] std::vector<std::string_view> names() const;
};

const MappingSpec& campaign_spec();
/// Exactly one of its keys is given.
const MappingSpec& workload_spec();
const MappingSpec& micro_spec();
const MappingSpec& exec_spec();
const MappingSpec& command_spec();
const MappingSpec& fault_spec();

}  // namespace hive::campaign
