// A YAML file as a tree that remembers where each of its parts stands.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "vmm/plan/fault.h"

namespace hive::plan {

struct Entry;

struct YamlNode {
  enum class Kind { kNull, kScalar, kList, kMapping };

  Kind kind = Kind::kNull;
  Position at;
  std::string text;             ///< Of a scalar.
  bool quoted = false;          ///< Of a scalar: it is a string, whatever it looks like.
  std::vector<YamlNode> items;  ///< Of a list.
  std::vector<Entry> entries;   ///< Of a mapping, in file order, repeated keys included.
};

struct Entry {
  std::string key;
  Position at;  ///< Of the key.
  YamlNode value;
};

/// Exactly one of the two is set.
struct Document {
  std::optional<YamlNode> root;
  std::optional<Fault> fault;
};

/// Reads one YAML 1.2 document of at most kMaxFileSize bytes. Whatever TEXT is, this returns, in
/// time and memory in proportion to its size. Beside broken YAML, the parts of the language that
/// have no use in a plan are a fault: aliases (and with them expansion bombs), tags, keys that are
/// not plain words, several documents, and nesting deeper than kMaxDepth.
Document read_document(std::string_view text);

}  // namespace hive::plan
