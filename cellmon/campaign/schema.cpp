#include "cellmon/campaign/schema.h"

#include <utility>

#include "cellmon/campaign/format.h"
#include "cellmon/campaign/limits.h"
#include "cellmon/campaign/paper_table.h"
#include "cellmon/inject/catalogue.h"
#include "vmm/plan/schema_parts.h"

namespace hive::campaign {
namespace {

using plan::SchemaJson;

/// A text without quotes may look like anything.
SchemaJson text_schema() {
  return {{"type", {"string", "number", "boolean"}}, {"minLength", 1}, {"maxLength", kMaxText}};
}

SchemaJson one_or_list(const SchemaJson& one, std::size_t most) {
  const SchemaJson list = {{"type", "array"}, {"items", one}, {"minItems", 1}, {"maxItems", most}};
  return {{"anyOf", SchemaJson::array({one, list})}};
}

SchemaJson number_schema(const KeySpec& key) {
  return {{"type", "integer"}, {"minimum", key.least}, {"maximum", key.most}};
}

SchemaJson catalogue_schema() {
  SchemaJson names = SchemaJson::array();
  for (const inject::Entry& entry : inject::catalogue()) names.push_back(entry.name);
  return {{"enum", std::move(names)}};
}

SchemaJson paper_schema() {
  SchemaJson names = SchemaJson::array();
  for (const PaperRow& row : paper_table()) names.push_back(row.name);
  return {{"enum", std::move(names)}};
}

SchemaJson mapping_schema(const MappingSpec& spec);

SchemaJson faults_schema() {
  return {{"type", "array"},
          {"items", {{"$ref", "#/definitions/fault"}}},
          {"minItems", 1},
          {"maxItems", kMaxFaultSpecs}};
}

SchemaJson workload_schema() {
  SchemaJson schema = mapping_schema(workload_spec());
  schema["minProperties"] = 1;
  schema["maxProperties"] = 1;
  return schema;
}

SchemaJson value_schema(const KeySpec& key) {
  switch (key.type) {
    case KeyType::kName:
      return plan::name_schema();
    case KeyType::kText:
      return text_schema();
    case KeyType::kNumber:
      return number_schema(key);
    case KeyType::kParallel:
      return {{"anyOf", SchemaJson::array({number_schema(key), {{"const", "auto"}}})}};
    case KeyType::kTime:
      return {{"type", "string"}, {"pattern", "^0*[1-9][0-9]*(ms|s)$"}};
    case KeyType::kNames:
      return one_or_list(plan::name_schema(), kMaxNames);
    case KeyType::kFault:
      return catalogue_schema();
    case KeyType::kPaperRow:
      return paper_schema();
    case KeyType::kCommand:
      return {{"anyOf", SchemaJson::array({text_schema(), mapping_schema(command_spec())})}};
    case KeyType::kParameters:
      return {{"type", "object"},
              {"additionalProperties", one_or_list(text_schema(), kMaxValues)},
              {"maxProperties", kMaxParameters}};
    case KeyType::kFaults:
      return faults_schema();
    case KeyType::kWorkload:
      return workload_schema();
    case KeyType::kMicro:
      return mapping_schema(micro_spec());
    case KeyType::kExec:
      return mapping_schema(exec_spec());
  }
  return {};
}

SchemaJson mapping_schema(const MappingSpec& spec) {
  plan::MappingSchema schema;
  for (const KeySpec& key : spec.keys) {
    schema.add(key.name, key.meaning, key.fallback, key.is_required(), value_schema(key));
  }
  return schema.take();
}

/// What the `parameters` of a fault of ENTRY may have, and must. Not the times of the catalogue's
/// timing_parameters(): a campaign draws them.
SchemaJson parameters_of(const inject::Entry& entry) {
  SchemaJson properties = SchemaJson::object();
  SchemaJson required = SchemaJson::array();
  for (const inject::Parameter& each : entry.parameters) {
    properties[std::string(each.name)] = {{"description", each.meaning}};
    if (each.required) required.push_back(each.name);
  }
  SchemaJson parameters = {{"properties", std::move(properties)}, {"additionalProperties", false}};
  SchemaJson then = {{"properties", SchemaJson::object()}};
  if (!required.empty()) {
    parameters["required"] = std::move(required);
    then["required"] = {"parameters"};
  }
  then["properties"]["parameters"] = std::move(parameters);
  return then;
}

SchemaJson fault_schema() {
  SchemaJson schema = mapping_schema(fault_spec());
  schema["allOf"] = SchemaJson::array();
  for (const inject::Entry& entry : inject::catalogue()) {
    const SchemaJson is_it = {{"properties", {{"fault", {{"const", entry.name}}}}},
                              {"required", {"fault"}}};
    schema["allOf"].push_back({{"if", is_it}, {"then", parameters_of(entry)}});
  }
  return schema;
}

}  // namespace

std::string json_schema() {
  SchemaJson schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                       {"title", "A Hive fault campaign"}};
  schema.update(mapping_schema(campaign_spec()));
  schema["definitions"] = {{"fault", fault_schema()}};
  return schema.dump(2) + "\n";
}

}  // namespace hive::campaign
