#include "cellmon/wire/cpu_status.h"

namespace hive::wire {
namespace {

bool take(const Json& json, const char* key, std::uint64_t& out) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_number_unsigned()) return false;
  out = found->get<std::uint64_t>();
  return true;
}

bool take(const Json& json, const char* key, std::string& out) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

}  // namespace

Json to_json(const CpuStatus& status) {
  return {{"weight", status.weight},   {"usual", status.usual}, {"plan", status.plan},
          {"applied", status.applied}, {"way", status.way},     {"trouble", status.trouble}};
}

std::optional<CpuStatus> parse_cpu(const Json& json) {
  CpuStatus status;
  if (!json.is_object() || !take(json, "weight", status.weight) ||
      !take(json, "usual", status.usual) || !take(json, "plan", status.plan) ||
      !take(json, "applied", status.applied) || !take(json, "way", status.way) ||
      !take(json, "trouble", status.trouble)) {
    return std::nullopt;
  }
  return status;
}

std::string describe_weights(const CpuStatus& status) {
  std::string text = "CPU weight " + std::to_string(status.weight);
  if (status.usual != status.weight) text += ", usually " + std::to_string(status.usual);
  if (status.plan != status.usual) text += ", in the plan " + std::to_string(status.plan);
  return text;
}

}  // namespace hive::wire
