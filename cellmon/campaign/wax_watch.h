// Whether Wax works: it advises all through a campaign, and does no workload.
#pragma once

#include <cstdint>
#include <optional>

#include "cellmon/campaign/draw.h"
#include "cellmon/campaign/verdict.h"
#include "cellmon/wire/cell_status.h"

namespace hive::campaign {

/// Follows the incarnations of Wax by its monitor's events, and their rounds. Who is asked has to
/// do rounds from then on: a monitor ends one that is for an earlier view within fewer.
class WaxWatch {
 public:
  /// Rounds of one incarnation that answer.
  static constexpr std::uint64_t kRounds = 2;

  explicit WaxWatch(std::string cell) : cell_(std::move(cell)) {}

  /// The fault DRAWN comes next.
  void begin(const Draw& drawn);
  /// Wax's cell has told EVENT.
  void note(const wire::Event& event);
  /// From now on rounds count.
  void ask();
  /// As many incarnations has Wax's monitor started, and the last of them has done ROUNDS.
  void note_rounds(std::uint64_t incarnations, std::uint64_t rounds);

  /// Whether Wax has done rounds since it was asked: a later incarnation than the one that the
  /// fault has ended, and no rogue.
  [[nodiscard]] bool is_answered() const { return is_answered_; }
  /// What it comes to.
  [[nodiscard]] CellLook look() const;

 private:
  struct Rounds {
    std::uint64_t incarnations = 0;
    std::uint64_t rounds = 0;
  };

  /// Whether the incarnation that runs is one that can answer.
  [[nodiscard]] bool is_present() const;

  std::string cell_;
  std::optional<Milliseconds> ends_;     ///< So long after the fault's event the next one starts.
  std::optional<std::uint64_t> struck_;  ///< CLOCK_MONOTONIC, ns.
  std::uint64_t started_ = 0;            ///< The last one, the same.
  bool runs_ = false;
  bool is_answered_ = false;
  std::optional<Rounds> first_;  ///< Seen since it was asked.
};

}  // namespace hive::campaign
