// The command line of a simulation.
#include "tests/sim/command.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <string>

#include "tests/sim/checker.h"
#include "tests/sim/schedule.h"

namespace hive::sim {
namespace {

struct Totals {
  std::uint64_t schedules = 0;
  std::uint64_t ended = 0;
  std::uint64_t events = 0;
  std::uint64_t slots = 0;
  std::uint64_t views = 0;
  std::uint64_t trials = 0;
  std::uint64_t halves = 0;
  agree::Time longest = 0;

  void add(const ScheduleResult& result) {
    ++schedules;
    ended += result.must_end ? 1 : 0;
    events += result.events;
    slots += result.slots;
    views += result.views;
    trials += result.trials;
    halves += result.halves;
    if (result.must_end) longest = std::max(longest, result.ended_after);
  }
};

void print(const Totals& totals, double seconds) {
  std::printf(
      "%llu schedules: %llu events, %llu decisions, %llu views, %llu false accusers put out, "
      "%llu decisions by a proven half\n"
      "every case closed in %llu of them (in the others no quorum was up), at the latest %.0f ms "
      "after the last failure\n"
      "%.1f s, %.0f schedules/s\n",
      static_cast<unsigned long long>(totals.schedules),
      static_cast<unsigned long long>(totals.events), static_cast<unsigned long long>(totals.slots),
      static_cast<unsigned long long>(totals.views), static_cast<unsigned long long>(totals.trials),
      static_cast<unsigned long long>(totals.halves), static_cast<unsigned long long>(totals.ended),
      static_cast<double>(totals.longest) / 1e6, seconds,
      static_cast<double>(totals.schedules) / seconds);
}

int run(int argc, char** argv, const std::string& what, const MakeExtension& make,
        const std::function<void()>& print_more) {
  CLI::App app("Runs random schedules of " + what + "; exits with 1 at a violation");
  std::uint64_t from = 1;
  std::uint64_t schedules = 1000;
  std::uint64_t seed = 0;
  bool trace = false;
  bool must_fail = false;
  app.add_option("--schedules", schedules, "how many");
  app.add_option("--from", from, "the first one's seed");
  const CLI::Option* one = app.add_option("--seed", seed, "run this one only");
  app.add_flag("--trace", trace, "print all that happens");
  app.add_flag("--must-fail", must_fail, "exit with 1 where no schedule shows a violation");
  CLI11_PARSE(app, argc, argv);
  if (*one) {
    from = seed;
    schedules = 1;
  }

  const auto start = std::chrono::steady_clock::now();
  Totals totals;
  for (std::uint64_t current = from; current < from + schedules; ++current) {
    try {
      totals.add(run_schedule(current, trace, make));
    } catch (const Violation& violation) {
      std::fflush(stdout);
      std::cerr << "seed " << current << ": " << violation.what() << "\n"
                << "replay: " << argv[0] << " --seed " << current << " --trace\n";
      if (must_fail) std::cout << "found after " << totals.schedules << " sound schedules\n";
      return must_fail ? 0 : 1;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  print(totals, took.count());
  if (print_more) print_more();
  return must_fail ? 1 : 0;
}

}  // namespace

int run_simulation(int argc, char** argv, const std::string& what, const MakeExtension& make,
                   const std::function<void()>& print_more) {
  try {
    return run(argc, argv, what, make, print_more);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 1;
  }
}

}  // namespace hive::sim
