// The monitor's log.
#pragma once

#include <spdlog/logger.h>

#include <memory>
#include <string>

#include "cellmon/control/bounded_file.h"

namespace hive::control {

/// A log in FILE, which must outlive it: one line each, with time and level, written at once.
std::shared_ptr<spdlog::logger> make_log(BoundedFile& file);

}  // namespace hive::control
