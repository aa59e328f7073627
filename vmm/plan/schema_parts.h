// What the JSON Schemas of Hive's formats have in common.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace hive::plan {

/// Keeps keys in the order of their table.
using SchemaJson = nlohmann::ordered_json;

/// What a name is: kMaxNameLength of a-z, 0-9 and '-' at most, not first a '-'.
SchemaJson name_schema();

/// The schema of a mapping, put together key by key.
class MappingSchema {
 public:
  /// Of a key NAME: what it means, its default in words (empty: none to be told of), whether it has
  /// to be there, and what its value is like.
  void add(std::string_view name, std::string_view meaning, std::string_view fallback,
           bool is_required, SchemaJson value);
  /// It, with no other keys. Leaves none here.
  SchemaJson take();

 private:
  SchemaJson properties_ = SchemaJson::object();
  SchemaJson required_ = SchemaJson::array();
};

}  // namespace hive::plan
