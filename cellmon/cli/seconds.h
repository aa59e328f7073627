// Options that are a number of seconds.
#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <string>

namespace hive::cli {

/// The most seconds that an option takes: a day.
inline constexpr int kMaxSeconds = 86'400;

/// Adds option NAME with HELP to COMMAND. What is not a number from 0 to kMaxSeconds is refused
/// when the command line is parsed. SECONDS holds the default.
void add_seconds(CLI::App& command, const std::string& name, double& seconds,
                 const std::string& help);

/// SECONDS, from 0 to kMaxSeconds, without the parts of a millisecond.
std::chrono::milliseconds to_milliseconds(double seconds);

}  // namespace hive::cli
