// The command line of a simulation.
#pragma once

#include <functional>
#include <string>

#include "tests/sim/schedule.h"

namespace hive::sim {

/// Runs schedules of WHAT, as the arguments say, with what MAKE makes, and prints what they came
/// to, and what PRINT_MORE does. Returns the program's exit code.
int run_simulation(int argc, char** argv, const std::string& what, const MakeExtension& make = {},
                   const std::function<void()>& print_more = {});

}  // namespace hive::sim
