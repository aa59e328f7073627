// A fault campaign: which faults are injected into which machine, under which workload.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "vmm/plan/fault.h"

namespace hive::campaign {

using Milliseconds = std::chrono::milliseconds;

/// A parameter of a fault, and the values one of which is drawn. `kAny` stands for one that is made
/// up: the name of another cell that works, or a number.
struct Choice {
  std::string name;
  std::vector<std::string> values;  ///< At least one.
};

inline constexpr const char* kAny = "any";

/// A fault that can be drawn.
struct FaultSpec {
  plan::Position at;               ///< In the campaign's file.
  std::string fault;               ///< Its name in the catalogue.
  std::string group;               ///< What the report counts it under.
  std::vector<std::string> cells;  ///< It is drawn for one of these; none: for any that works.
  std::vector<Choice> parameters;
  unsigned weight = 1;    ///< How often it is drawn, relative to the others.
  std::string paper_row;  ///< Of Table 7.4 (see paper_table.h), or empty.
  /// What the guest that it hits does as it strikes, in place of an ExecWork's `work`: a command
  /// line. Its output is not looked at. Empty: what the others do.
  std::string meanwhile;
};

/// Micro guests that perform the script of `micro_work` (guests/abi/micro_work.h).
struct MicroWork {
  std::uint64_t seed = 1;   ///< The first cell's; each other one has one more than that before it.
  std::uint32_t pages = 8;  ///< Private pages of each guest that are filled and verified.
};

/// A command line for /bin/sh in a guest, and the file on the host that has the output it has to
/// give; without one the campaign makes that itself, before the first fault.
struct Command {
  std::string line;  ///< Empty: none.
  std::string reference;
};

/// Commands that the guests' agents run.
struct ExecWork {
  std::vector<std::string> cells;  ///< Where they run; none: in all that work.
  std::string prepare;             ///< In each guest once it is up.
  Command work;                    ///< Under way while the fault strikes.
  Command check;                   ///< In the survivors, after recovery.
};

struct Campaign {
  std::string name;
  std::string machine;  ///< Path of the plan, as it is written.
  std::uint64_t runs = 0;
  std::uint64_t seed = 1;
  unsigned parallel = 0;       ///< Machines at a time; 0: as many as the host has CPUs for.
  unsigned keep = 1;           ///< Faults that one machine takes before another is started.
  Milliseconds delay{500};     ///< The fault comes after a random time up to this one.
  Milliseconds settle{1'000};  ///< Watched for as long, though nothing shows.
  Milliseconds limit{60'000};  ///< All must be well again by then.
  Milliseconds boot{600'000};  ///< The guests must be up by then.
  std::variant<MicroWork, ExecWork> workload;
  std::vector<FaultSpec> faults;  ///< At least one.
};

}  // namespace hive::campaign
