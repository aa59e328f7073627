#include "vmm/plan/schema_parts.h"

#include <fmt/format.h>

#include <utility>

#include "vmm/plan/limits.h"

namespace hive::plan {

SchemaJson name_schema() {
  return {{"type", "string"},
          {"pattern", fmt::format("^[a-z0-9][a-z0-9-]{{0,{}}}$", kMaxNameLength - 1)}};
}

void MappingSchema::add(std::string_view name, std::string_view meaning, std::string_view fallback,
                        bool is_required, SchemaJson value) {
  std::string description(meaning);
  if (!fallback.empty()) description += fmt::format(" Default: {}.", fallback);
  value["description"] = std::move(description);
  properties_[std::string(name)] = std::move(value);
  if (is_required) required_.push_back(name);
}

SchemaJson MappingSchema::take() {
  SchemaJson schema = {{"type", "object"}, {"properties", std::move(properties_)}};
  if (!required_.empty()) schema["required"] = std::move(required_);
  schema["additionalProperties"] = false;
  properties_ = SchemaJson::object();
  required_ = SchemaJson::array();
  return schema;
}

}  // namespace hive::plan
