#include "vmm/plan/fields.h"

#include <fmt/format.h>

#include "vmm/plan/text.h"

namespace hive::plan {
namespace {

std::string_view describe(YamlNode::Kind kind) {
  switch (kind) {
    case YamlNode::Kind::kNull:
      return "nothing";
    case YamlNode::Kind::kScalar:
      return "a single value";
    case YamlNode::Kind::kList:
      return "a list";
    case YamlNode::Kind::kMapping:
      return "a mapping";
  }
  return "";
}

bool fits(KeyType type, YamlNode::Kind kind) {
  switch (type) {
    case KeyType::kCells:
    case KeyType::kDisks:
    case KeyType::kPorts:
    case KeyType::kCalls:
    case KeyType::kNames:
      return kind == YamlNode::Kind::kList;
    case KeyType::kDefaults:
    case KeyType::kFirewall:
    case KeyType::kRpc:
      return kind == YamlNode::Kind::kMapping;
    case KeyType::kCpus:
      return kind == YamlNode::Kind::kScalar || kind == YamlNode::Kind::kList;
    default:
      return kind == YamlNode::Kind::kScalar;
  }
}

/// Whether ENTRY is what YAML makes of the rest of a CPU list in braces, {cpus: 0,1}: a key without
/// a value. BEFORE is the entry in front of it.
bool is_rest_of_cpus(const Entry& entry, const Entry* before) {
  const auto is_list = [](std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789-") == std::string_view::npos;
  };
  return before != nullptr && entry.value.kind == YamlNode::Kind::kNull && is_list(entry.key) &&
         (before->key == "cpus" || is_list(before->key));
}

std::string list_keys(const MappingSpec& spec) {
  std::string names;
  for (const KeySpec& key : spec.keys) {
    if (!names.empty()) names += ", ";
    names += key.name;
  }
  return names;
}

}  // namespace

Fields::Fields(const YamlNode& node, const MappingSpec& spec, FaultList& faults)
    : spec_(spec), faults_(faults) {
  if (node.kind != YamlNode::Kind::kMapping) {
    faults_.add(node.at,
                node.kind == YamlNode::Kind::kNull
                    ? fmt::format("nothing up to here describes {}", spec.what)
                    : fmt::format("{} is described by {}", spec.what, describe(node.kind)),
                fmt::format("write a mapping with the keys {}", list_keys(spec)));
    return;
  }
  const Entry* before = nullptr;
  for (const Entry& entry : node.entries) {
    const auto [first, is_first] = entries_.emplace(entry.key, &entry);
    if (!is_first) {
      faults_.add(entry.at,
                  fmt::format("key {} is given twice, first at line {}", quote(entry.key),
                              first->second->at.line),
                  "keep one of them");
    } else if (spec.find(entry.key) == nullptr) {
      report_unknown(entry, before);
    }
    before = &entry;
  }
  for (const KeySpec& key : spec.keys) {
    if (key.presence != Presence::kRequired || find(key.name) != nullptr) continue;
    faults_.add(node.at, fmt::format("{} lacks the key '{}'", spec.what, key.name),
                fmt::format("add '{}: ', {}", key.name, plan::describe(key.type)));
  }
}

const Entry* Fields::find(std::string_view key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : found->second;
}

void Fields::report_unknown(const Entry& entry, const Entry* before) const {
  const bool of_cell = &spec_ == &defaults_spec() && cell_spec().find(entry.key) != nullptr;
  if (of_cell) {
    faults_.add(entry.at, fmt::format("key {} cannot be among the defaults", quote(entry.key)),
                "give it to each cell");
    return;
  }
  if (is_rest_of_cpus(entry, before)) {
    faults_.add(
        entry.at, fmt::format("unknown key {} in {}", quote(entry.key), spec_.what),
        "in braces a comma ends the value of 'cpus': write host CPUs as [0, 1] or in quotes");
    return;
  }
  const auto nearest = nearest_key(entry.key, spec_);
  faults_.add(entry.at, fmt::format("unknown key {} in {}", quote(entry.key), spec_.what),
              nearest ? fmt::format("did you mean '{}'?", *nearest)
                      : fmt::format("the keys are {}", list_keys(spec_)));
}

bool Fields::has_right_kind(const Entry& entry, KeyType type) const {
  const YamlNode::Kind kind = entry.value.kind;
  if (fits(type, kind)) return true;
  const std::string remedy = fmt::format("give it {}", plan::describe(type));
  if (kind == YamlNode::Kind::kNull) {
    faults_.add(entry.at, fmt::format("'{}' has no value", entry.key), remedy);
  } else {
    faults_.add(entry.value.at, fmt::format("'{}' is {}", entry.key, describe(kind)), remedy);
  }
  return false;
}

}  // namespace hive::plan
