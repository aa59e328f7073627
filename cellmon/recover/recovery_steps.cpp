// From step to step, the barriers between them, and what other monitors say.
#include <algorithm>

#include "cellmon/recover/recovery.h"

namespace hive::recover {

/// Where nothing has failed there is nothing to do but to let in who joined. A guest that is not up
/// has nothing to be held or told.
bool Recovery::skips(Step step) const {
  if (step == Step::kResume || step == Step::kAgents) {
    return !guest_up_ || (step == Step::kAgents && toll_.open(view_).empty());
  }
  return step < Step::kAdmit && toll_.open(view_).empty();
}

bool Recovery::must_wait_before(Step step) const {
  if (!gated_) return false;
  if (step > Step::kAgents) return released_ < Phase::kClean;
  return step > Step::kRevoke && released_ < Phase::kFenced;
}

/// Asks for the next step that is to be done now, if any.
void Recovery::advance(Time now) {
  while (takes_part_ && !asked_ && next_ <= kLastStep && !must_wait_before(next_)) {
    const Step step = next_;
    next_ = step_after(step);
    if (skips(step)) {
      pass(barrier_after(step));
      continue;
    }
    asked_ = step;
    port_.perform({view_.epoch, step, toll_.open(view_)});
  }
  if (passed_ > reported_) report(now);
}

void Recovery::done(std::uint64_t epoch, Step step, Time now) {
  if (epoch != view_.epoch || asked_ != step) return;
  asked_.reset();
  if (step == Step::kResume) holds_ = false;
  pass(barrier_after(step));
  advance(now);
}

void Recovery::pass(Phase phase) { passed_ = std::max(passed_, phase); }

/// Says how far it is, until it is told that all are as far.
void Recovery::report(Time now) {
  report_at_ = kNever;
  reported_ = passed_;
  if (passed_ == Phase::kNone || released_ >= passed_) return;
  if (coordinates()) return count(self(), passed_, now);
  Message report = message(Kind::kReport);
  report.phase = passed_;
  port_.send(coordinator_, report);
  report_at_ = now + settings_.times.retry;
}

/// For the coordinator: FROM has come to PHASE.
void Recovery::count(CellId from, Phase phase, Time now) {
  barrier_.note(from, phase);
  const Phase reached = barrier_.reached();
  Message go = message(Kind::kGo);
  go.phase = reached;
  if (reached > released_) {
    (participants() - CellSet::of(self())).for_each([&](CellId to) { port_.send(to, go); });
    release(reached, now);
  } else if (from != self() && phase <= released_) {
    go.phase = released_;  // it has missed that
    port_.send(from, go);
  }
}

/// All have come to PHASE, this survivor among them.
void Recovery::release(Phase phase, Time now) {
  released_ = phase;
  expect_progress(now);
  if (released_ >= passed_) report_at_ = kNever;
  if (released_ >= Phase::kClean) toll_.settle(view_);
  if (released_ == Phase::kResumed) return complete(now);
  advance(now);
}

void Recovery::receive(CellId from, const Message& message, Time now) {
  const bool known = agree::is_cell(from) && from != self() && message.from == from;
  if (!known) {
    ++ignored_;
    return;
  }
  switch (message.kind) {
    case Kind::kReport:
      return take_report(message, now);
    case Kind::kGo:
      return take_go(message, now);
    case Kind::kReboot:
      return take_reboot(message, now);
    case Kind::kReturning:
      return take_returning(message, now);
  }
  ++ignored_;
}

void Recovery::take_report(const Message& report, Time now) {
  if (!coordinates() || report.epoch != view_.epoch || !view_.has(report.from, report.life)) {
    ++ignored_;
    return;
  }
  count(report.from, report.phase, now);
}

void Recovery::take_go(const Message& go, Time now) {
  // Nobody can have counted this survivor further than it is.
  if (!takes_part_ || go.epoch != view_.epoch || go.from != coordinator_ ||
      !view_.has(go.from, go.life) || go.phase > passed_) {
    ++ignored_;
    return;
  }
  if (go.phase > released_) release(go.phase, now);
}

void Recovery::take_reboot(const Message& reboot, Time /*now*/) {
  const bool behind =
      view_.epoch != 0 &&
      (reboot.epoch < view_.epoch || reboot.incarnation != view_.incarnations[index_of(self())]);
  if (is_member() || behind) {
    ++ignored_;  // one that does not know yet that it is out is asked again
    return;
  }
  Message answer = message(Kind::kReturning);
  answer.epoch = reboot.epoch;
  answer.incarnation = reboot.incarnation;
  port_.send(reboot.from, answer);
  may_rejoin_ = true;
  rejoin_if_ready();
}

void Recovery::take_returning(const Message& returning, Time now) {
  const unsigned index = index_of(returning.from);
  if (!coordinates() || returning.epoch != view_.epoch || view_.members.contains(returning.from) ||
      returning.incarnation != view_.incarnations[index]) {
    ++ignored_;
    return;
  }
  returns_.coming(returning.from, now);
}

}  // namespace hive::recover
