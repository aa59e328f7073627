#include "cellmon/wire/view_status.h"

#include <limits>

namespace hive::wire {
namespace {

bool has(const Json& json, const char* key, bool (Json::*is)() const noexcept) {
  return json.is_object() && json.contains(key) && (json[key].*is)();
}

std::optional<ViewStatus::Member> parse_member(const Json& json) {
  if (!has(json, "cell", &Json::is_string)) return std::nullopt;
  if (!has(json, "incarnation", &Json::is_number_unsigned)) return std::nullopt;
  const auto incarnation = json["incarnation"].get<std::uint64_t>();
  if (incarnation > std::numeric_limits<Incarnation>::max()) return std::nullopt;
  return ViewStatus::Member{json["cell"].get<std::string>(), static_cast<Incarnation>(incarnation)};
}

std::optional<ViewStatus::Watched> parse_watched(const Json& json) {
  if (!has(json, "cell", &Json::is_string)) return std::nullopt;
  if (!has(json, "suspicion", &Json::is_number)) return std::nullopt;
  return ViewStatus::Watched{json["cell"].get<std::string>(), json["suspicion"].get<double>()};
}

std::optional<std::string> parse_name(const Json& json) {
  return json.is_string() ? std::optional(json.get<std::string>()) : std::nullopt;
}

/// Reads the list in member KEY, each element by PARSE. False when it is none.
template <typename List, typename Parse>
bool take_list(const Json& json, const char* key, List& list, Parse parse) {
  if (!has(json, key, &Json::is_array)) return false;
  for (const Json& each : json[key]) {
    auto element = parse(each);
    if (!element) return false;
    list.push_back(std::move(*element));
  }
  return true;
}

}  // namespace

Json to_json(const ViewStatus& status) {
  Json members = Json::array();
  for (const auto& member : status.members) {
    members.push_back({{"cell", member.cell}, {"incarnation", member.incarnation}});
  }
  Json watched = Json::array();
  for (const auto& each : status.watched) {
    watched.push_back({{"cell", each.cell}, {"suspicion", each.suspicion}});
  }
  return {{"epoch", status.epoch},         {"member", status.member},
          {"suspended", status.suspended}, {"members", std::move(members)},
          {"suspects", status.suspects},   {"watched", std::move(watched)}};
}

std::optional<ViewStatus> parse_view(const Json& json) {
  ViewStatus status;
  if (!has(json, "epoch", &Json::is_number_unsigned) || !has(json, "member", &Json::is_boolean) ||
      !has(json, "suspended", &Json::is_boolean)) {
    return std::nullopt;
  }
  status.epoch = json["epoch"].get<std::uint64_t>();
  status.member = json["member"].get<bool>();
  status.suspended = json["suspended"].get<bool>();
  if (!take_list(json, "members", status.members, parse_member) ||
      !take_list(json, "suspects", status.suspects, parse_name) ||
      !take_list(json, "watched", status.watched, parse_watched)) {
    return std::nullopt;
  }
  return status;
}

}  // namespace hive::wire
