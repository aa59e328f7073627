// How the survivors of a failure recover together: docs/recovery.md.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "cellmon/recover/barrier.h"
#include "cellmon/recover/casualties.h"
#include "cellmon/recover/message.h"
#include "cellmon/recover/port.h"
#include "cellmon/recover/restart_policy.h"
#include "cellmon/recover/returns.h"

namespace hive::recover {

struct Settings {
  CellId self{};
  /// A report that has no answer is repeated after `times.retry`; who keeps the others waiting for
  /// `times.patience` is late, the coordinator itself, to the others, after four times that.
  ReturnTimes times;
  std::array<RestartSettings, kMaxCells> restart{};
};

/// One monitor's part in recovery. Pure: time, links and the end of steps are inputs, all that it
/// does goes through its Port. Inputs that do not fit are ignored. Allocates nothing. Not
/// thread-safe.
class Recovery {
 public:
  /// A founder: a member of FOUNDING from the start, its guest booted.
  Recovery(const Settings& settings, const View& founding, Time now, Port& port);
  /// A monitor that was started later: it has no guest, and asks agreement itself to be let in.
  Recovery(const Settings& settings, Port& port);

  /// VIEW is agreed, and this monitor's life is LIFE. Also right after a decision that changes no
  /// view, or one that is known: it is ignored.
  void view(const View& view, agree::Life life, Time now);
  /// The order for STEP of EPOCH is carried out.
  void done(std::uint64_t epoch, Step step, Time now);
  /// What Port::leave() asked for is carried out.
  void left(Time now);
  /// CELL's monitor is known to have ended: by its pidfd.
  void monitor_ended(CellId cell, Time now);
  /// There is a link with a monitor of CELL that is another process than the last one.
  void monitor_started(CellId cell);
  /// CELL is being shut down on request. It is recovered from like any other, but neither brought
  /// back nor a reason to stop the machine, until it was let in again.
  void retire(CellId cell);
  /// MESSAGE came over the link with FROM's monitor.
  void receive(CellId from, const Message& message, Time now);
  void tick(Time now);
  /// When tick() is next needed; kNever when nothing is under way.
  [[nodiscard]] Time deadline() const;

  /// Whether INCARNATION of CELL is a live member: anything that comes from another is refused.
  [[nodiscard]] bool serves(CellId cell, Incarnation incarnation) const;
  /// Whether recovery keeps the guest from running. It may still be running where the step
  /// kSuspend, or leave(), is under way.
  [[nodiscard]] bool holds_guest() const { return holds_; }
  /// Whether the present epoch's recovery is over, for all survivors.
  [[nodiscard]] bool is_complete() const { return released_ == Phase::kResumed; }
  /// What this survivor has still to recover from.
  [[nodiscard]] Casualties casualties() const { return toll_.open(view_); }
  [[nodiscard]] std::uint64_t epoch() const { return view_.epoch; }
  /// The step that was asked for, if one is under way.
  [[nodiscard]] std::optional<Step> step() const { return asked_; }
  [[nodiscard]] Phase passed() const { return passed_; }
  [[nodiscard]] const RestartPolicy& restart_policy(CellId cell) const {
    return restart_[index_of(cell)];
  }
  /// How many messages did not fit, or were of another epoch, and were ignored.
  [[nodiscard]] std::uint64_t ignored() const { return ignored_; }

 private:
  // recovery.cpp: views and what they lead to.
  void count_failures(const View& before, Time now);
  void begin(Time now);
  void go_outside(bool was_member);
  void complete(Time now);
  void boot_if_due(Time now);
  void expect_progress(Time now);
  void name_who_is_late(Time now);

  // recovery_steps.cpp: from step to step, and the barriers.
  [[nodiscard]] bool skips(Step step) const;
  [[nodiscard]] bool must_wait_before(Step step) const;
  void advance(Time now);
  void pass(Phase phase);
  void report(Time now);
  void release(Phase phase, Time now);
  void count(CellId from, Phase phase, Time now);

  [[nodiscard]] bool is_member() const { return view_.has(self(), life_); }
  [[nodiscard]] bool coordinates() const { return is_member() && coordinator_ == self(); }
  [[nodiscard]] CellId self() const { return settings_.self; }
  [[nodiscard]] CellSet participants() const { return view_.members - view_.witnesses; }
  [[nodiscard]] Message message(Kind kind) const;
  void take_report(const Message& report, Time now);
  void take_go(const Message& go, Time now);
  void take_reboot(const Message& reboot, Time now);
  void take_returning(const Message& returning, Time now);
  void rejoin_if_ready();

  static constexpr Time kWait = 4;  ///< Patiences, with the coordinator.

  Settings settings_;
  Port& port_;
  View view_;  ///< Epoch 0: none yet.
  agree::Life life_ = 0;
  Toll toll_;
  RestartPolicies restart_;
  std::uint64_t ignored_ = 0;

  // The own guest.
  bool holds_ = false;
  bool guest_up_ = false;      ///< Booted in the incarnation that is a member.
  bool renewed_ = false;       ///< It is to be booted though it never left: as its policy says.
  bool boot_refused_ = false;  ///< And its policy says no.
  bool leaving_ = false;       ///< Port::leave() has not been answered.
  bool may_rejoin_ = false;    ///< The survivors have recovered from this cell's end.
  bool rejoin_asked_ = false;

  // The epoch under way, for a member that is no witness.
  bool takes_part_ = false;
  bool gated_ = false;  ///< Barriers count: something failed, or this cell has just joined.
  CellId coordinator_ = agree::kNobody;
  Step next_ = kFirstStep;
  std::optional<Step> asked_;
  Phase passed_ = Phase::kNone;    ///< This survivor.
  Phase released_ = Phase::kNone;  ///< All, as far as it was told.
  Phase reported_ = Phase::kNone;  ///< As far as the coordinator was told.
  Time report_at_ = kNever;
  Time late_at_ = kNever;  ///< When to name who keeps this survivor waiting.

  // For the coordinator.
  Barrier barrier_;
  Returns returns_;
};

}  // namespace hive::recover
