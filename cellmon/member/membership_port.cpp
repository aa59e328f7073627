// What the Agreement asks for, and what becomes of it.
#include <fmt/format.h>

#include <bit>
#include <utility>

#include "cellmon/member/membership.h"

namespace hive::member {

using agree::Evidence;

void Membership::send(CellId to, const agree::Message& message) { surroundings_.send(to, message); }

void Membership::suspend() {
  wants_still_ = answer_suspend_ = true;
  tell_alert();
}

void Membership::probe(CellId suspect) { to_probe_.insert(suspect); }

void Membership::counted(const agree::Vote& vote) {
  if (!vote.opinion.judged.empty()) {
    surroundings_.tell("vote", describe(vote, settings_.names));
  }
}

void Membership::decided(const agree::Decision& decision, const agree::Agreed& agreed) {
  count(decision);
  const std::string outcome = describe(decision, settings_.names);
  if (decision.changes_view()) {
    surroundings_.tell("view", fmt::format("{}; {}{}", describe(agreed.view, settings_.names),
                                           outcome, since_alert()));
  } else if (!outcome.empty()) {
    surroundings_.tell("dismissal", outcome + since_alert());
  }
  decision.cleared.for_each([&](CellId cell) {
    if (at(cell).watch) at(cell).watch->restart(now_);
  });
  note_view(agreed.view);
}

void Membership::count(const agree::Decision& decision) {
  if (!told_suspects_.empty()) figures_.agreements.record(now_ - alert_since_);
  if (!decision.changes_view() && !decision.cleared.empty()) ++figures_.dismissals;
  if (decision.accuser != agree::kNobody) ++figures_.accusers_voted_down;
}

void Membership::caught_up(const agree::Agreed& agreed) {
  if (agreed.view != known_) {
    surroundings_.tell("view", describe(agreed.view, settings_.names) + "; as others decided");
  }
  note_view(agreed.view);
}

void Membership::stalled(unsigned rounds) {
  if (!std::has_single_bit(rounds) || rounds < 4) return;
  surroundings_.tell("no-decision",
                     fmt::format("{} ballots about {} came to nothing: there may be no quorum",
                                 rounds, describe(agreement_.suspects(), settings_.names)));
}

void Membership::refused(CellId suspect, agree::Refusal why) {
  at(suspect).is_hushed = true;
  if (suspect == settings_.self) own_refused_ = true;
  surroundings_.tell(
      "no-alert",
      fmt::format("about {}: {}", describe(CellSet::of(suspect), settings_.names), describe(why)));
}

/// A slot has ended, with VIEW.
void Membership::note_view(const agree::View& view) {
  wants_still_ = answer_suspend_ = false;
  to_probe_ = told_suspects_ = CellSet();
  for (unsigned index = 0; index < settings_.names.size(); ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    drop_probe(cell, now_);
    at(cell).is_hushed = false;
  }
  CellSet failed;
  known_.members.for_each([&](CellId cell) {
    const unsigned index = agree::index_of(cell);
    const bool stays = view.has(cell, known_.lives[index]) &&
                       view.incarnations[index] == known_.incarnations[index];
    if (!stays) failed.insert(cell);
  });
  left_ = left_ || (known_.members.contains(settings_.self) && !is_member());
  if (is_member()) failed_ = failed_ | failed;
  view_changed_ = view_changed_ || view != known_;
  known_ = view;
}

void Membership::accuse_those_that_ended(Time now) {
  view().members.for_each([&](CellId cell) {
    if (is_over(cell) && !suspects().contains(cell)) raise(cell, Evidence::kMonitorDeath, now);
  });
}

void Membership::tell_alert() {
  const CellSet fresh = agreement_.suspects() - told_suspects_;
  if (fresh.empty()) return;
  if (told_suspects_.empty()) {
    alert_since_ = now_;
    ++figures_.alerts;
  }
  told_suspects_ = told_suspects_ | fresh;
  surroundings_.tell("alert", "about " + describe(fresh, settings_.names));
}

std::string Membership::since_alert() const {
  return told_suspects_.empty() ? ""
                                : "; " + describe_time(now_ - alert_since_) + " after the alert";
}

bool Membership::step(Time now) {
  if (!to_probe_.empty()) {
    const CellId suspect = to_probe_.first();
    to_probe_.erase(suspect);
    start_probe(suspect, now);
  } else if (answer_suspend_ && holding_ && still_) {
    answer_suspend_ = false;
    agreement_.suspended(now);
  } else if (std::exchange(view_changed_, false)) {
    accuse_those_that_ended(now);
    if (std::exchange(own_refused_, false) && !own_evidence_.empty()) {
      raise(settings_.self, own_evidence_, now);
    }
  } else if (joining_ && !agreement_.is_joining()) {
    joining_ = !is_member();
    if (joining_) agreement_.join(agreement_.life() + 1, now);
  } else {
    return settle_hold(now);
  }
  return true;
}

bool Membership::settle_hold(Time now) {
  if (std::exchange(left_, false)) {
    recovering_ = false;
    failed_ = CellSet();
    surroundings_.left();
  }
  if (!failed_.empty()) recovering_ = true;
  const bool wanted = wants_still_ || recovering_;
  if (wanted && !holding_) {
    holding_ = true;
    held_since_ = still_since_ = now;
    still_ = surroundings_.suspend();
    ran_ = !still_;
    return true;
  }
  if (!failed_.empty()) surroundings_.recover(std::exchange(failed_, CellSet()));
  if (wanted || !holding_) return false;
  holding_ = false;
  if (ran_ && is_member()) {
    figures_.pauses.record(now - held_since_);
    const std::string whole = describe_time(now - held_since_);
    surroundings_.tell("resumed",
                       still_ ? fmt::format("the guest was suspended for {}; it took {} to stop it",
                                            whole, describe_time(still_since_ - held_since_))
                              : fmt::format("the guest was to be suspended for {}, and had not "
                                            "stopped yet",
                                            whole));
  }
  surroundings_.resume();
  return true;
}

void Membership::run(Time now) {
  now_ = now;
  while (step(now)) {
  }
  tell_alert();
  surroundings_.changed();
}

}  // namespace hive::member
