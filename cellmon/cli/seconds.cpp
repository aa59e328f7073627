#include "cellmon/cli/seconds.h"

#include <cstdint>
#include <cstdlib>
#include <functional>

namespace hive::cli {
namespace {

/// CLI::Range takes what is not a number ("nan") for one in its range.
std::string fault_of(const std::string& text) {
  char* end = nullptr;
  const double seconds = std::strtod(text.c_str(), &end);
  if (!text.empty() && *end == '\0' && seconds >= 0 && seconds <= kMaxSeconds) return {};
  return "a number of seconds from 0 to " + std::to_string(kMaxSeconds) + " is needed, not '" +
         text + "'";
}

}  // namespace

void add_seconds(CLI::App& command, const std::string& name, double& seconds,
                 const std::string& help) {
  command.add_option(name, seconds, help)
      ->check(CLI::Validator(std::function<std::string(std::string&)>(
                                 [](std::string& text) { return fault_of(text); }),
                             "0 to " + std::to_string(kMaxSeconds)))
      ->capture_default_str();
}

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

}  // namespace hive::cli
