#include "guests/workloads/program.h"

#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <chrono>
#include <exception>
#include <ostream>
#include <utility>

#include "guests/workloads/team/cell_team.h"
#include "guests/workloads/team/thread_team.h"
#include "vmm/base/error.h"

namespace hive::workloads {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

double do_in_cell(const Workers& workers, const Job& job, const sdk::DevicePaths& paths) {
  auto opened = sdk::Machine::open({}, paths);
  if (!opened.ok()) {
    throw Error(opened.failure().message + "; outside of a cell, say --alone");
  }
  const auto machine = std::move(opened).value();
  const hive_machine_info info = machine->info();
  CellTeamOptions options;
  options.workers = workers.count > 0 ? workers.count : info.cells;
  options.rank = workers.rank.value_or(info.cell);
  if (options.rank >= options.workers) {
    throw Error("rank " + std::to_string(options.rank) + " is not one of " +
                    std::to_string(options.workers) + " workers' (0 to " +
                    std::to_string(options.workers - 1) + "); give --rank, or more --workers",
                Error::Kind::kUsage);
  }
  options.section = workers.section;
  options.task = job.key;
  options.size = job.area(options.workers);
  options.gather = milliseconds(workers.gather_seconds);
  options.timeout = milliseconds(workers.timeout_seconds);
  options.with_all = job.with_all;
  CellTeam team(*machine, options);
  const auto start = Clock::now();
  job.work(team);
  return seconds_since(start);
}

}  // namespace

void add_options(CLI::App& app, Workers& workers, const char* section) {
  workers.section = section;
  app.add_flag("--alone", workers.alone,
               "Without cells: the workers are threads of this process, in plain memory");
  app.add_option("--workers", workers.count,
                 "How many work together (default: one for each cell; alone: 1)")
      ->check(CLI::Range(1U, kMaxWorkers));
  app.add_option("--rank", workers.rank,
                 "Which of them this is, from 0 (default: its cell's number)")
      ->check(CLI::Range(0U, kMaxWorkers - 1));
  app.add_option("--section", workers.section,
                 "Workers' sections are called NAME.RANK (default: " + workers.section + ")")
      ->type_name("NAME");
  app.add_option("--gather", workers.gather_seconds,
                 "Seconds within which all workers come (default: 30)")
      ->check(CLI::Range(0.001, 86400.0));
  app.add_option("--timeout", workers.timeout_seconds,
                 "Seconds that a worker may be late later on (default: 30)")
      ->check(CLI::Range(0.001, 86400.0));
  app.add_flag("--time", workers.tell_time, "Print how long it took, too");
}

double do_job(const Workers& workers, const Job& job, const sdk::DevicePaths& paths) {
  if (!workers.alone) return do_in_cell(workers, job, paths);
  if (workers.rank) throw Error("--rank is for workers in cells, not --alone", Error::Kind::kUsage);
  const unsigned count = workers.count > 0 ? workers.count : 1;
  const std::size_t size = job.area(count);
  const auto start = Clock::now();
  run_in_threads(count, size, job.work);
  return seconds_since(start);
}

int run_program(CLI::App& app, int argc, const char* const* argv, std::ostream& out,
                std::ostream& err, const std::function<void()>& work) {
  try {
    app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
      return failed->get_name() + ": " + error.what() + "\nRun with --help for more information.\n";
    });
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      const bool is_help = error.get_exit_code() == 0;
      app.exit(error, out, err);
      return is_help ? 0 : 2;
    }
    work();
    out.flush();
    if (!out) throw Error("cannot write the output; look at where it goes");
    return 0;
  } catch (const Error& error) {
    err << app.get_name() << ": " << error.what() << '\n';
    return error.exit_status();
  } catch (const std::exception& error) {
    err << app.get_name() << ": " << error.what() << '\n';
    return 1;
  }
}

}  // namespace hive::workloads
