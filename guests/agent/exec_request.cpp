#include "guests/agent/exec_request.h"

#include <nlohmann/json.hpp>

namespace hive::agent {

std::optional<std::vector<std::string>> parse_argv(std::string_view payload) {
  const auto json = nlohmann::json::parse(payload, nullptr, false);
  if (!json.is_array()) return std::nullopt;
  std::vector<std::string> argv;
  for (const auto& element : json) {
    const auto* text = element.get_ptr<const std::string*>();
    if (text == nullptr || text->find('\0') != std::string::npos) return std::nullopt;
    argv.push_back(*text);
  }
  if (argv.empty() || argv.front().empty()) return std::nullopt;
  return argv;
}

}  // namespace hive::agent
