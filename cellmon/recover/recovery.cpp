#include "cellmon/recover/recovery.h"

#include <algorithm>

namespace hive::recover {
namespace {

/// Where no cell is left, a witness sees to it that they come back.
CellId coordinator_of(const View& view) {
  const CellId coordinator = agree::recovery_coordinator(view);
  return agree::is_cell(coordinator) ? coordinator : view.members.first();
}

}  // namespace

Recovery::Recovery(const Settings& settings, const View& founding, Time now, Port& port)
    : settings_(settings),
      port_(port),
      view_(founding),
      life_(agree::kFounder),
      guest_up_(true),
      takes_part_(founding.members.contains(settings.self) &&
                  !founding.witnesses.contains(settings.self)),
      coordinator_(coordinator_of(founding)),
      next_(step_after(kLastStep)),
      passed_(Phase::kResumed),
      released_(Phase::kResumed),
      returns_(settings.times) {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    restart_[index] = RestartPolicy(settings.restart[index]);
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (founding.members.contains(cell)) restart_[index].up(now);
  }
  toll_.settle(founding);
}

Recovery::Recovery(const Settings& settings, Port& port)
    : settings_(settings),
      port_(port),
      may_rejoin_(true),
      rejoin_asked_(true),
      returns_(settings.times) {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    restart_[index] = RestartPolicy(settings.restart[index]);
  }
}

/// Each survivor counts the failures of all cells, so that a new coordinator knows them.
void Recovery::count_failures(const View& before, Time now) {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (before.epoch != 0 && ended(view_, cell) > ended(before, cell)) restart_[index].failed(now);
    if (!view_.members.contains(cell)) continue;
    const bool was_up =
        before.members.contains(cell) && before.incarnations[index] == view_.incarnations[index];
    if (!was_up) restart_[index].up(now);
    if (!before.has(cell, view_.lives[index])) returns_.joined(cell);
  }
}

void Recovery::view(const View& view, agree::Life life, Time now) {
  if (view.epoch <= view_.epoch) return;
  const View before = view_;
  const bool was_member = is_member();
  view_ = view;
  life_ = life;
  count_failures(before, now);
  returns_.clear();
  asked_.reset();
  next_ = kFirstStep;
  passed_ = released_ = reported_ = Phase::kNone;
  report_at_ = late_at_ = kNever;
  takes_part_ = is_member() && !view.witnesses.contains(self());
  if (!is_member()) return go_outside(was_member);
  may_rejoin_ = rejoin_asked_ = false;
  // Who was let in has nothing of what failed before.
  if (!was_member) toll_.settle(view);
  coordinator_ = coordinator_of(view);
  if (coordinates()) barrier_.begin(participants());
  if (takes_part_) return begin(now);
  if (coordinates()) release(Phase::kResumed, now);
}

void Recovery::begin(Time now) {
  const Casualties open = toll_.open(view_);
  if (open.cells.contains(self())) {
    guest_up_ = boot_refused_ = false;
    renewed_ = true;
  }
  gated_ = !open.empty() || !guest_up_;
  holds_ = holds_ || !open.empty();
  expect_progress(now);
  advance(now);
}

/// This cell's incarnation is over, or was before.
void Recovery::go_outside(bool was_member) {
  renewed_ = boot_refused_ = false;
  if (leaving_ || (!was_member && !guest_up_)) return;
  guest_up_ = may_rejoin_ = rejoin_asked_ = false;
  holds_ = leaving_ = true;
  port_.leave();
}

void Recovery::left(Time /*now*/) {
  if (!leaving_) return;
  leaving_ = false;
  rejoin_if_ready();
}

void Recovery::rejoin_if_ready() {
  if (leaving_ || !may_rejoin_ || rejoin_asked_) return;
  rejoin_asked_ = true;
  port_.rejoin();
}

/// All survivors of the epoch have resumed.
void Recovery::complete(Time now) {
  late_at_ = kNever;
  if (coordinates()) {
    port_.recovered(view_.epoch);
    returns_.begin(view_, restart_, port_);
    returns_.tick(message(Kind::kReboot), view_, restart_, now, port_);
  }
  boot_if_due(now);
}

/// A cell that was let in boots at once; one that stayed a member though its guest failed, as its
/// restart policy says.
void Recovery::boot_if_due(Time now) {
  if (!takes_part_ || !is_complete() || guest_up_ || boot_refused_) return;
  const RestartPolicy& policy = restart_[index_of(self())];
  const OnFailure verdict = renewed_ ? policy.on_failure() : OnFailure::kReboot;
  if (verdict != OnFailure::kReboot) {
    boot_refused_ = true;
    if (verdict == OnFailure::kStopMachine) port_.stop_machine(self());
    return;
  }
  if (renewed_ && now < policy.due()) return;
  guest_up_ = true;
  renewed_ = holds_ = false;
  port_.boot(view_.incarnations[index_of(self())]);
}

/// The coordinator knows who is late, and is soon told; the others can only tell that it is.
void Recovery::expect_progress(Time now) {
  late_at_ = now + (coordinates() ? 1 : kWait) * settings_.times.patience;
}

void Recovery::name_who_is_late(Time now) {
  expect_progress(now);
  if (!coordinates()) return port_.late(CellSet::of(coordinator_));
  const auto next = static_cast<Phase>(static_cast<unsigned>(released_) + 1);
  port_.late(barrier_.missing(next));
}

void Recovery::retire(CellId cell) {
  if (agree::is_cell(cell)) returns_.retire(cell);
}

void Recovery::monitor_ended(CellId cell, Time now) {
  if (!agree::is_cell(cell)) return;
  returns_.ended(cell, now);
  if (coordinates() && is_complete()) tick(now);
}

void Recovery::monitor_started(CellId cell) {
  if (agree::is_cell(cell)) returns_.started(cell);
}

void Recovery::tick(Time now) {
  if (takes_part_ && now >= report_at_) report(now);
  if (now >= late_at_) name_who_is_late(now);
  if (coordinates() && is_complete()) {
    returns_.tick(message(Kind::kReboot), view_, restart_, now, port_);
  }
  boot_if_due(now);
}

Time Recovery::deadline() const {
  Time next = std::min({report_at_, late_at_, returns_.deadline()});
  if (takes_part_ && is_complete() && renewed_ && !boot_refused_) {
    next = std::min(next, restart_[index_of(self())].due());
  }
  return next;
}

bool Recovery::serves(CellId cell, Incarnation incarnation) const {
  return takes_part_ && agree::is_cell(cell) && incarnation != 0 && view_.members.contains(cell) &&
         !view_.witnesses.contains(cell) && view_.incarnations[index_of(cell)] == incarnation;
}

Message Recovery::message(Kind kind) const {
  Message message;
  message.kind = kind;
  message.from = self();
  message.epoch = view_.epoch;
  message.life = life_;
  return message;
}

}  // namespace hive::recover
