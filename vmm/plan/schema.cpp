#include "vmm/plan/schema.h"

#include <utility>

#include "policy/policy.h"
#include "vmm/base/ids.h"
#include "vmm/plan/keys.h"
#include "vmm/plan/limits.h"
#include "vmm/plan/schema_parts.h"
#include "vmm/plan/words.h"

namespace hive::plan {
namespace {

using Json = SchemaJson;

Json cpus_schema() {
  const Json count = {{"type", "integer"}, {"minimum", 1}, {"maximum", kMaxVcpus}};
  const Json cpu = {{"type", "integer"}, {"minimum", 0}, {"maximum", kMaxHostCpu}};
  const Json list = {{"type", "array"},
                     {"items", cpu},
                     {"minItems", 1},
                     {"maxItems", kMaxVcpus},
                     {"uniqueItems", true}};
  const Json text = {{"type", "string"},
                     {"pattern", "^[0-9]+(-[0-9]+(,[0-9]+(-[0-9]+)?)*|(,[0-9]+(-[0-9]+)?)+)$"}};
  return {{"oneOf", Json::array({count, list, text})}};
}

Json list_schema(const char* item, std::size_t least, std::size_t most) {
  return {{"type", "array"},
          {"items", {{"$ref", std::string("#/definitions/") + item}}},
          {"minItems", least},
          {"maxItems", most}};
}

template <typename T, std::size_t kCount>
Json words_schema(const Words<T, kCount>& words) {
  Json known = Json::array();
  for (const auto& [word, meaning] : words) known.push_back(word);
  return {{"enum", std::move(known)}};
}

Json policies_schema() {
  Json known = Json::array();
  for (const policy::Policy& each : policy::policies()) known.push_back(each.name);
  return {{"enum", std::move(known)}};
}

Json type_schema(KeyType type) {
  switch (type) {
    case KeyType::kName:
      return name_schema();
    case KeyType::kCells:
      return list_schema("cell", 1, kMaxCells);
    case KeyType::kDefaults:
      return {{"$ref", "#/definitions/defaults"}};
    case KeyType::kFirewall:
      return {{"$ref", "#/definitions/firewall"}};
    case KeyType::kRpc:
      return {{"$ref", "#/definitions/rpc"}};
    case KeyType::kFaults:
      return words_schema(kFaultsWords);
    case KeyType::kWitness:
      return words_schema(kWitnessWords);
    case KeyType::kRole:
      return words_schema(kRoleWords);
    case KeyType::kPolicy:
      return policies_schema();
    case KeyType::kCpus:
      return cpus_schema();
    case KeyType::kFlag:
      return {{"type", "boolean"}};
    case KeyType::kSize:
      return {{"type", "string"}, {"pattern", "^[0-9]+([KMGT]i)?B$"}};
    case KeyType::kHugePages:
      return words_schema(kHugePagesWords);
    case KeyType::kOnViolation:
      return words_schema(kOnViolationWords);
    case KeyType::kDiscard:
      return words_schema(kDiscardWords);
    case KeyType::kOnFailure:
      return words_schema(kOnFailureWords);
    case KeyType::kWatchdog:
      return {{"type", "string"},
              {"pattern", "^(none|([2-9]|[1-9][0-9]{1,2}|[12][0-9]{3}|3[0-5][0-9]{2}|3600)s)$"}};
    case KeyType::kCpuWeight:
      return {{"type", "integer"}, {"minimum", kMinCpuWeight}, {"maximum", kMaxCpuWeight}};
    case KeyType::kText:
      return {{"type", "string"}};
    case KeyType::kDisks:
      return list_schema("disk", 0, kMaxDisks);
    case KeyType::kCid:
      return {{"type", "integer"}, {"minimum", kFirstCellCid}, {"maximum", kMaxCid}};
    case KeyType::kPorts:
      return list_schema("port", 0, kMaxPorts);
    case KeyType::kPort:
      return {{"type", "integer"}, {"minimum", 1}, {"maximum", kMaxPort}};
    case KeyType::kRate:
      return {{"type", "integer"}, {"minimum", kMinPacketRate}, {"maximum", kMaxPacketRate}};
    case KeyType::kCalls:
      return list_schema("calls", 0, kMaxCells);
    case KeyType::kNames:
      return {{"type", "array"},
              {"items", type_schema(KeyType::kName)},
              {"maxItems", kMaxCells},
              {"uniqueItems", true}};
    case KeyType::kKernel:
    case KeyType::kInitrd:
    case KeyType::kPath:
    case KeyType::kFolder:
      return {{"type", "string"}, {"minLength", 1}, {"maxLength", kMaxPathLength}};
  }
  return {};
}

Json mapping_schema(const MappingSpec& spec) {
  MappingSchema schema;
  for (const KeySpec& key : spec.keys) {
    // Beside a $ref, draft 7 ignores everything: hence allOf.
    Json value = type_schema(key.type);
    if (value.contains("$ref")) value = {{"allOf", Json::array({std::move(value)})}};
    schema.add(key.name, key.meaning, key.fallback, key.presence == Presence::kRequired,
               std::move(value));
  }
  return schema.take();
}

/// That each key which a cell may leave to the defaults is there, or in every cell but Wax's.
Json here_or_in_defaults() {
  Json all = Json::array();
  for (const KeySpec& key : cell_spec().keys) {
    if (key.presence != Presence::kRequiredOrDefault) continue;
    const Json required = {{"required", {key.name}}};
    const Json defaults = {{"required", {"defaults"}}, {"properties", {{"defaults", required}}}};
    const Json wax = {{"required", {"role"}}, {"properties", {{"role", {{"const", "policy"}}}}}};
    const Json items = {{"anyOf", Json::array({required, wax})}};
    const Json cells = {{"properties", {{"cells", {{"items", items}}}}}};
    all.push_back({{"anyOf", Json::array({cells, defaults})}});
  }
  return all;
}

/// A vsock port: the guest calls or the host does.
Json port_schema() {
  Json schema = mapping_schema(port_spec());
  const Json path = {{"required", {"path"}}};
  const Json listen = {{"required", {"listen"}}};
  schema["oneOf"] = Json::array({path, listen});
  return schema;
}

}  // namespace

std::string json_schema() {
  Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                 {"title", "A Hive machine"}};
  schema.update(mapping_schema(machine_spec()));
  schema["allOf"] = here_or_in_defaults();
  schema["definitions"] = {{"cell", mapping_schema(cell_spec())},
                           {"defaults", mapping_schema(defaults_spec())},
                           {"disk", mapping_schema(disk_spec())},
                           {"firewall", mapping_schema(firewall_spec())},
                           {"rpc", mapping_schema(rpc_spec())},
                           {"calls", mapping_schema(calls_spec())},
                           {"port", port_schema()}};
  return schema.dump(2) + "\n";
}

}  // namespace hive::plan
