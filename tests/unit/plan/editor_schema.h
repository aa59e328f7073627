// A JSON Schema as an editor has it: held against YAML by a validator that is not Hive's.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "tests/unit/plan/sample_plans.h"

namespace hive::plan::testing {

class EditorSchema {
 public:
  /// SCHEMA: JSON, draft 7. Throws where it is none.
  explicit EditorSchema(std::string_view schema) {
    const auto json = nlohmann::json::parse(schema);
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(json), schema_);
  }

  bool accepts(std::string_view yaml) {
    const Document document = read_document(yaml);
    if (!document.root) return false;
    const auto json = to_json(*document.root);
    return valijson::Validator().validate(schema_, valijson::adapters::NlohmannJsonAdapter(json),
                                          nullptr);
  }

 private:
  valijson::Schema schema_;
};

}  // namespace hive::plan::testing
