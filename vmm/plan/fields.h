// Reading a mapping of the plan file by its key table.
#pragma once

#include <map>
#include <optional>
#include <string_view>

#include "vmm/plan/document.h"
#include "vmm/plan/fault.h"
#include "vmm/plan/keys.h"

namespace hive::plan {

/// A value read from the file and its place. Given without a value: it was there, but faulty, and
/// the fault is on the list.
template <typename T>
struct Field {
  std::optional<T> value;
  Position at;
  bool given = false;
};

/// The entries of one mapping, checked against its key table: unknown, repeated and missing keys
/// are reported on construction. NODE and SPEC must outlive it.
class Fields {
 public:
  Fields(const YamlNode& node, const MappingSpec& spec, FaultList& faults);

  /// Reads KEY's value by READ_VALUE, a function (const YamlNode&, FaultList&) -> std::optional<T>,
  /// which is called only with a node of a kind that fits the key. Nothing is given for a KEY that
  /// the table lacks.
  template <typename T, typename Read>
  Field<T> read(std::string_view key, Read read_value) const {
    const Entry* entry = find(key);
    const KeySpec* key_spec = spec_.find(key);
    if (entry == nullptr || key_spec == nullptr) return {};
    Field<T> field{std::nullopt, entry->value.at, true};
    if (has_right_kind(*entry, key_spec->type)) field.value = read_value(entry->value, faults_);
    return field;
  }

 private:
  [[nodiscard]] const Entry* find(std::string_view key) const;
  [[nodiscard]] bool has_right_kind(const Entry& entry, KeyType type) const;
  void report_unknown(const Entry& entry, const Entry* before) const;

  const MappingSpec& spec_;
  FaultList& faults_;
  std::map<std::string_view, const Entry*> entries_;
};

}  // namespace hive::plan
