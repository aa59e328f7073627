// What the programs have in common: their workers' options, and how they come to a team.
#pragma once

#include <CLI/App.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>

#include "guests/sdk/device.h"
#include "guests/sdk/machine.h"
#include "guests/workloads/team/team.h"

namespace hive::workloads {

/// Where a program's workers are, as its command line says.
struct Workers {
  bool alone = false;            ///< Threads of this process, in plain memory.
  unsigned count = 0;            ///< 0: one for each cell of the machine, or alone 1.
  std::optional<unsigned> rank;  ///< Of this one; else its cell's number.
  std::string section;
  double gather_seconds = 30;
  double timeout_seconds = 30;
  bool tell_time = false;
};

/// Adds the options of WORKERS, whose sections are called SECTION unless told otherwise.
void add_options(CLI::App& app, Workers& workers, const char* section);

/// What the workers do.
struct Job {
  std::uint64_t key = 0;                              ///< See CellTeamOptions::task.
  bool with_all = true;                               ///< Likewise.
  std::function<std::size_t(unsigned workers)> area;  ///< Its size; throws Error for a count that
                                                      ///< makes no sense.
  std::function<void(Team&)> work;                    ///< In each worker; of threads, all at once.
};

/// Does JOB as one of WORKERS, or as all of them where they are alone. Throws Error. PATHS are
/// where the machine's device is. How long it took from when the workers had come together, in
/// seconds.
double do_job(const Workers& workers, const Job& job, const sdk::DevicePaths& paths);

/// One program's life: parses the words, runs WORK and prints errors after NAME. The exit status:
/// 0, 1 where it failed, 2 for a wrong command line.
int run_program(CLI::App& app, int argc, const char* const* argv, std::ostream& out,
                std::ostream& err, const std::function<void()>& work);

}  // namespace hive::workloads
