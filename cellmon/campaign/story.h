// What the machine has made of a fault, as its monitors' events tell.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cellmon/campaign/cells.h"
#include "cellmon/wire/cell_status.h"

namespace hive::campaign {

/// Microseconds; nothing where there was no such thing.
struct Times {
  std::optional<std::int64_t> detection;  ///< From the fault to the first hint or alert of anybody.
  std::optional<std::int64_t>
      everywhere;  ///< From the fault until recovery begins on all survivors.
  std::optional<std::int64_t> agreement;  ///< From the first alert to the last survivor's decision.
  std::optional<std::int64_t> recovery;   ///< From the first such view until all may go on.
  std::optional<std::int64_t> pause;      ///< How long a survivor stood still; the longest.
  std::optional<std::int64_t> rejoin;     ///< From the fault until the cell is a member, and runs.

  friend bool operator==(const Times&, const Times&) = default;
};

/// Who was hit, and when (CLOCK_MONOTONIC, ns).
struct Strike {
  std::string cell;
  std::uint64_t time = 0;
};

struct Story {
  std::string evidence;  ///< The first hint or alert; empty: nobody noticed.
  bool put_out = false;  ///< A survivor knows a view without the cell.
  bool put_out_everywhere = false;
  bool recovered = false;         ///< All have said that they may go on after that view.
  bool returned = false;          ///< All survivors know a later view with it, and it runs.
  bool at_rest = true;            ///< No survivor stands still for a decision.
  std::vector<std::string> lost;  ///< Survivors that a view has put out, or that were started anew;
                                  ///< each view has Wax started anew, which is no loss.
  /// When somebody last raised a doubt that no decision has settled since; CLOCK_MONOTONIC, ns. Its
  /// subject may yet be found well, of which nothing is told.
  std::optional<std::uint64_t> doubt;
  std::size_t turns = 0;  ///< Doubts, decisions and returns so far: what was verified before one of
                          ///< them has to be verified again.
  Times times;
};

/// When the fault struck: the event `fault` of cell CELL, not earlier than SENT; nothing while
/// there is none.
std::optional<std::uint64_t> strike_time(std::span<const wire::Event> events,
                                         const std::string& cell, std::uint64_t sent);

/// The story of STRIKE in a machine of CELLS; EVENTS are each monitor's in order. Takes whatever
/// monitors may say.
Story read_story(std::span<const wire::Event> events, const Strike& strike, const Cells& cells);

}  // namespace hive::campaign
