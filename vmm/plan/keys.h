// The keys of a plan file: the one table that the check, the JSON Schema and the tests of the
// documentation share.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace hive::plan {

enum class KeyType {
  kName,
  kCells,
  kDefaults,
  kFirewall,
  kRpc,
  kFaults,
  kWitness,
  kRole,
  kPolicy,
  kCpus,
  kFlag,
  kSize,
  kHugePages,
  kOnViolation,
  kDiscard,
  kOnFailure,
  kWatchdog,
  kCpuWeight,
  kKernel,
  kInitrd,
  kText,
  kDisks,
  kCid,
  kPath,
  kFolder,
  kPorts,
  kPort,
  kRate,
  kCalls,
  kNames,
};

enum class Presence {
  kRequired,
  kRequiredOrDefault,  ///< Required, here or under `defaults`.
  kOptional,
};

struct KeySpec {
  std::string_view name;
  KeyType type;
  Presence presence;
  std::string_view fallback;  ///< What an absent optional key stands for, in words.
  std::string_view meaning;   ///< One sentence.
};

/// One kind of mapping in the file.
struct MappingSpec {
  std::string_view what;  ///< "a cell"
  std::vector<KeySpec> keys;

  [[nodiscard]] const KeySpec* find(std::string_view name) const;
};

const MappingSpec& machine_spec();
const MappingSpec& cell_spec();
const MappingSpec& disk_spec();
const MappingSpec& firewall_spec();
const MappingSpec& rpc_spec();
const MappingSpec& calls_spec();
const MappingSpec& port_spec();
/// A cell's keys without those that make sense for one cell only; none is required.
const MappingSpec& defaults_spec();

/// What a value of TYPE is, with an example: "a size such as 256MiB".
std::string_view describe(KeyType type);

/// The one of KNOWN that WORD was most likely meant to be, or nothing when none is near: the least
/// number of typing slips (a letter too many, missing, wrong, or two swapped), at most one in three
/// letters; or the only one that begins with WORD.
std::optional<std::string_view> nearest_word(std::string_view word,
                                             std::span<const std::string_view> known);

/// nearest_word() of the keys of SPEC.
std::optional<std::string_view> nearest_key(std::string_view word, const MappingSpec& spec);

}  // namespace hive::plan
