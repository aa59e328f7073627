// Bringing failed cells back, for who coordinates.
#pragma once

#include <array>

#include "cellmon/agree/view.h"
#include "cellmon/recover/port.h"
#include "cellmon/recover/restart_policy.h"

namespace hive::recover {

using RestartPolicies = std::array<RestartPolicy, kMaxCells>;

struct ReturnTimes {
  Time retry = 5'000'000;         ///< Between two requests to a monitor that has not answered.
  Time patience = 1'000'000'000;  ///< How long it may take to answer.
  Time coming = 60'000'000'000;   ///< How long it, or a new one, may take to be let in.
};

/// The cells that are out and are to come back. Who is out follows from the view, so a new
/// coordinator does what the last one has not.
class Returns {
 public:
  explicit Returns(const ReturnTimes& times) : times_(times) {}

  /// What was under way ends, with its epoch.
  void clear();
  /// The survivors of VIEW have recovered: sees to the cells that are out of it, as POLICIES say.
  void begin(const View& view, const RestartPolicies& policies, Port& port);
  /// CELL's monitor has said that it will come.
  void coming(CellId cell, Time now);
  /// CELL's monitor is known to have ended, whether it is out yet or not: nobody is there to ask.
  void ended(CellId cell, Time now);
  /// CELL has another monitor, which can be asked.
  void started(CellId cell) { ended_.erase(cell); }
  /// CELL was shut down on request: it is left alone until it was let in again.
  void retire(CellId cell);
  /// CELL has a new monitor, which was let in.
  void joined(CellId cell);
  /// Does what is due. REQUEST, with the incarnation by VIEW, goes to monitors that are asked.
  /// Who does not come in time has failed once more, and is replaced.
  void tick(const Message& request, const View& view, RestartPolicies& policies, Time now,
            Port& port);
  /// When tick() is next needed.
  [[nodiscard]] Time deadline() const;

 private:
  enum class Stage : std::uint8_t {
    kNone,
    kWaiting,  ///< Until `next`.
    kAsked,    ///< Its monitor is asked at `next`, until `until`.
    kComing,   ///< Is to be let in, until `next`.
  };
  struct Absence {
    Stage stage = Stage::kNone;
    Time next = kNever;
    Time until = kNever;
  };

  void start(CellId cell, Absence& absence, Time now, Port& port);

  ReturnTimes times_;
  CellSet ended_;  ///< Cells whose monitors are gone, and that this monitor has not replaced.
  CellSet retired_;
  std::array<Absence, kMaxCells> absences_{};
};

}  // namespace hive::recover
