// Workers that are threads of one process, whose areas are plain memory.
#pragma once

#include <cstddef>
#include <functional>

#include "guests/workloads/team/team.h"

namespace hive::workloads {

/// Runs WORK as so many WORKERS, each with an area of SIZE bytes, and waits for them. The first
/// error of any is thrown once all have ended; the others' meetings then fail.
void run_in_threads(unsigned workers, std::size_t size, const std::function<void(Team&)>& work);

}  // namespace hive::workloads
