// One random schedule, from its seed.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "cellmon/agree/agreement.h"
#include "tests/sim/world.h"

namespace hive::sim {

struct ScheduleResult {
  unsigned members = 0;
  std::uint64_t events = 0;
  std::uint64_t slots = 0;
  std::uint64_t views = 0;
  std::uint64_t trials = 0;     ///< False accusers that had to leave.
  std::uint64_t halves = 0;     ///< Decisions by half of the voters, the others proven over.
  bool must_end = false;        ///< A quorum was up in the end.
  agree::Time ended_after = 0;  ///< From the last failure to quiet, in that case.
};

/// Makes what monitors do besides agreeing, and is told which cells the machine can lose at a time.
using MakeExtension =
    std::function<std::unique_ptr<Extension>(World& world, std::function<bool(CellId)> can_lose)>;

/// Runs schedule SEED; throws Violation.
ScheduleResult run_schedule(std::uint64_t seed, bool trace, const MakeExtension& make = {});

}  // namespace hive::sim
