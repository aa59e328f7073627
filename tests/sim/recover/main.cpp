// Runs recovery, on top of agreement, over random schedules; see --help.
#include <cstdio>

#include "tests/sim/command.h"
#include "tests/sim/recover/survivors.h"

int main(int argc, char** argv) {
  hive::sim::RecoveryTotals totals;
  const auto make = [&](hive::sim::World& world, std::function<bool(hive::CellId)> can_lose) {
    return std::make_unique<hive::sim::Survivors>(world, std::move(can_lose), totals);
  };
  const auto print = [&] {
    std::printf(
        "%llu recoveries, %llu interrupted by a later view, %llu crashes in the midst of one\n"
        "%llu pages discarded, %llu cells booted again, %llu monitors replaced\n",
        static_cast<unsigned long long>(totals.recoveries),
        static_cast<unsigned long long>(totals.interrupted),
        static_cast<unsigned long long>(totals.crashes),
        static_cast<unsigned long long>(totals.discards),
        static_cast<unsigned long long>(totals.boots),
        static_cast<unsigned long long>(totals.replaced));
  };
  return hive::sim::run_simulation(argc, argv, "recovery after agreement", make, print);
}
