#include <array>
#include <cstdio>
#include <ostream>
#include <string>

#include "guests/workloads/ocean/solver.h"
#include "guests/workloads/program.h"
#include "guests/workloads/programs.h"
#include "vmm/base/error.h"

namespace hive::workloads {
namespace {

constexpr const char* kFooter = R"(
The same in each cell of a machine; each needs `shared` memory for its part of the grid:
  hive-ocean --size 512 --sweeps 200
The digest is that of the grid's numbers, and the same for any number of workers. One whose cell
fails ends the others: its part of the grid is gone.)";

std::string with_digits(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.6e", number);
  return text.data();
}

void work(const Workers& workers, const OceanTask& task, std::ostream& out,
          const sdk::DevicePaths& paths) {
  OceanResult result;
  Job job;
  job.key = ocean_key(task);
  job.area = [&](unsigned count) {
    if (count > task.basin.inner()) {
      throw Error("a grid of " + std::to_string(task.basin.inner()) +
                      " rows has not one for each of " + std::to_string(count) +
                      " workers; give a larger --size",
                  Error::Kind::kUsage);
    }
    return ocean_area(task, count);
  };
  job.work = [&](Team& team) {
    const OceanResult own = solve(team, task);
    if (!workers.alone || team.rank() == 0) result = own;
  };
  const double seconds = do_job(workers, job, paths);
  out << "ocean: " << task.basin.inner() << 'x' << task.basin.inner() << ", " << result.sweeps
      << " sweeps, last change " << with_digits(result.change) << ", digest "
      << result.digest.text() << '\n';
  if (workers.tell_time) out << "time: " << with_digits(seconds) << " s\n";
}

}  // namespace

int run_ocean(int argc, const char* const* argv, std::ostream& out, std::ostream& err,
              const sdk::DevicePaths& paths) {
  CLI::App app("Currents in a basin: a grid solver whose rows are dealt over cells", "hive-ocean");
  Workers workers;
  OceanTask task;
  std::size_t size = 128;
  app.add_option("--size", size, "Rows and columns, without the border (default: 128)")
      ->check(CLI::Range(Basin::kLeastPoints - 2, Basin::kMostPoints - 2));
  app.add_option("--sweeps", task.sweeps, "How often each point is relaxed at most (default: 100)")
      ->check(CLI::Range(1U, 10000000U));
  app.add_option("--tolerance", task.tolerance,
                 "End when no point changes by more in a sweep (default: 0)")
      ->check(CLI::Range(0.0, 1.0));
  add_options(app, workers, "ocean");
  app.footer(kFooter);
  return run_program(app, argc, argv, out, err, [&] {
    task.basin.points = size + 2;
    work(workers, task, out, paths);
  });
}

}  // namespace hive::workloads
