#include "vmm/cell/json_members.h"

#include <nlohmann/json.hpp>

namespace hive::cell {

std::string_view text_member(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  const auto* text = found == object.end() ? nullptr : found->get_ptr<const std::string*>();
  return text == nullptr ? std::string_view() : *text;
}

bool take_number(const nlohmann::json& object, const char* key, std::uint64_t least,
                 std::uint64_t most, std::optional<std::uint64_t>& value) {
  const auto found = object.find(key);
  if (found == object.end()) return true;
  if (!found->is_number_unsigned()) return false;
  value = found->get<std::uint64_t>();
  return *value >= least && *value <= most;
}

}  // namespace hive::cell
