// Members of JSON objects in packets, which may be hostile.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace hive::cell {

/// The string member KEY of OBJECT; empty where it is missing or no string.
std::string_view text_member(const nlohmann::json& object, const char* key);

/// The whole number KEY of OBJECT into VALUE, where it is there. False where it is none, or out of
/// the bounds LEAST and MOST.
bool take_number(const nlohmann::json& object, const char* key, std::uint64_t least,
                 std::uint64_t most, std::optional<std::uint64_t>& value);

}  // namespace hive::cell
