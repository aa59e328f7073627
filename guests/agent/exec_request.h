// What an EXEC frame asks for.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hive::agent {

/// The argv in PAYLOAD, a JSON array of strings; nothing unless it has a first string that is not
/// empty and no string contains a NUL.
std::optional<std::vector<std::string>> parse_argv(std::string_view payload);

}  // namespace hive::agent
