// Runs the agreement of monitors over random schedules; see --help.
#include "tests/sim/command.h"

int main(int argc, char** argv) {
  return hive::sim::run_simulation(argc, argv, "agreement between monitors");
}
