// The offline check of a plan file, as `hive check` and `hive up` do it.
#pragma once

#include <optional>
#include <string>

#include "vmm/plan/check.h"

namespace hive::cli {

/// Where built images are: environment variable HIVE_IMAGES, or images/ in the build folder that
/// this program is in. Absolute.
std::string images_folder();

/// Reads the plan at PATH and checks it against this host. Throws Error (kUsage) when the file
/// cannot be read, and Error when the host cannot be looked at.
plan::CheckResult check_plan(const std::string& path);

/// check_plan() for commands: prints each fault on standard error as "PATH:LINE:COLUMN: ..." and,
/// when there is any, returns nothing.
std::optional<plan::Machine> check_file(const std::string& path);

}  // namespace hive::cli
