// Reading a plan's text from a file, or from a pipe that the shell gives.
#pragma once

#include <chrono>
#include <string>

namespace hive::cli {

/// How long a plan may take to come where it is no regular file.
inline constexpr std::chrono::milliseconds kReadLimit{5'000};

/// The beginning of the file at PATH: one byte more than a plan may have, at most. A pipe or a
/// terminal has LIMIT for all of it. Throws Error (kUsage) when it cannot be read.
std::string read_plan(const std::string& path, std::chrono::milliseconds limit = kReadLimit);

}  // namespace hive::cli
