// Faults of the command line, as people are told of them.
#pragma once

#include <CLI/App.hpp>

namespace hive::cli {

/// Throws Error (kUsage) when the first argument is a word, but no subcommand of APP; tells the one
/// that may be meant.
void refuse_unknown_command(const CLI::App& app, int argc, const char* const* argv);

/// What CLI11's ERROR is told as.
std::string describe_usage_error(const CLI::App* app, const CLI::Error& error);

}  // namespace hive::cli
