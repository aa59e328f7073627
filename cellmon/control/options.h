// The command line of hive-cellmon.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace hive::control {

struct Options {
  int plan_fd = -1;      ///< Holds the machine's plan (JSON), from its current offset to its end.
  int ready_fd = -1;     ///< A pipe that is told when the monitor serves, or why it cannot.
  std::size_t cell = 0;  ///< Which cell of the plan.
  std::string run_dir;   ///< Folder of the machines' folders; exists.
  std::uint64_t life =
      1;  ///< Of this process (agree::Life): 1 where the machine is started with it.
  /// What is left to a monitor that is started in place of another one (heritage.h), or -1.
  int heritage_fd = -1;
  std::string vmm;  ///< The VMM's program; empty: hive-vmm beside this program.
};

/// Throws Error (kUsage). ARGUMENTS exclude the program's name.
Options parse_options(std::span<const char* const> arguments);

}  // namespace hive::control
