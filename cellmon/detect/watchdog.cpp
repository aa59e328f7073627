#include "cellmon/detect/watchdog.h"

#include <algorithm>

namespace hive::detect {
namespace {

Time since(Time before, Time now) { return now > before ? now - before : 0; }

}  // namespace

void Watchdog::restart() {
  last_.reset();
  elapsed_ = excused_ = 0;
  note_life();
  look_is_due_ = false;
  spells_.clear();
}

void Watchdog::take_answer() {
  std::fill(spells_.begin(), spells_.end(), Spell());
  elapsed_ = excused_ = 0;
}

void Watchdog::note_life() {
  still_ = still_excused_ = 0;
  unanswered_ = 0;
}

void Watchdog::skip(const GuestSample& sample, Time now) {
  if (!last_ || last_->vcpus.size() != sample.vcpus.size()) return restart();
  if (shows_life(sample, since(last_time_, now))) note_life();
  if (sample.answers != last_->answers) take_answer();
  look_is_due_ = false;
  last_ = sample;
  last_time_ = now;
}

void Watchdog::observe(const GuestSample& sample, Time own_delay, Time now) {
  if (settings_.limit == 0) return;
  if (!last_ || last_->vcpus.size() != sample.vcpus.size()) {
    restart();
    spells_.resize(sample.vcpus.size());
    last_ = sample;
    last_time_ = now;
    return;
  }
  const Time passed = since(last_time_, now);
  const Time charged = since(own_delay, passed);
  Time starved = 0;
  for (std::size_t index = 0; index < spells_.size(); ++index) {
    const VcpuSample& before = last_->vcpus[index];
    const VcpuSample& after = sample.vcpus[index];
    extend(spells_[index], before, after, passed, charged);
    starved = std::max(starved, since(before.waited, after.waited));
  }
  const Time held = starved + since(last_->held_up, sample.held_up);
  elapsed_ += charged;
  excused_ += held;
  still_ += charged;
  still_excused_ += held;
  unanswered_ += look_is_due_ ? 1 : 0;
  // One that is dead may be looked at for ever.
  if (has_looked(sample)) unanswered_ = std::min(unanswered_, kLooks);
  if (shows_life(sample, passed)) note_life();
  if (sample.answers != last_->answers) take_answer();
  if (!sample.expects_answers) elapsed_ = excused_ = 0;
  last_ = sample;
  last_time_ = now;
  look_is_due_ = wants_look();
}

bool Watchdog::has_looked(const GuestSample& sample) const {
  for (std::size_t index = 0; index < sample.vcpus.size(); ++index) {
    if (sample.vcpus[index].looks != last_->vcpus[index].looks) return true;
  }
  return false;
}

bool Watchdog::shows_life(const GuestSample& sample, Time passed) const {
  if (sample.answers != last_->answers) return true;
  for (std::size_t index = 0; index < sample.vcpus.size(); ++index) {
    const VcpuSample& before = last_->vcpus[index];
    const VcpuSample& after = sample.vcpus[index];
    // One that is kept out runs for moments as well, when it is told to answer.
    if (since(before.ran, after.ran) > passed / 20) return true;
    // One that was not started answers for no guest. One that is dead leaves it to be looked at.
    const std::uint64_t exits = after.exits - before.exits;
    const std::uint64_t looks = after.looks - before.looks;
    const bool left = exits != 0 || looks != 0;
    if (left && !after.unstarted && !(after.is_dead() && exits == looks)) return true;
  }
  return false;
}

void Watchdog::extend(Spell& spell, const VcpuSample& before, const VcpuSample& now, Time passed,
                      Time charged) const {
  const Time ran = since(before.ran, now.ran);
  // A look from before may have found it at something else.
  const bool looked = now.looks != before.looks && spell.spun >= settings_.limit / 2;
  // A twentieth may be idle. What was busy before makes up for no more of it than that.
  const Time busy = ran + since(before.waited, now.waited) + passed / 20;
  spell.idle = since(busy, spell.idle + passed);
  spell.spun += std::min(ran, charged);
  const bool has_halted = looked && spell.looks != 0 && now.halts != spell.halts;
  if (looked) {
    ++spell.looks;
    spell.unmasked = spell.unmasked || !now.masked;
    spell.halts = now.halts;
  }
  if (spell.idle > kSlack || has_halted || (looked && now.user)) spell = Spell();
}

bool Watchdog::wants_look() const {
  if (settings_.limit == 0) return false;
  if (standstill() >= settings_.limit / 2 && unanswered_ < kMostLooks) return true;
  if (has_agent() && silence() < settings_.limit / 2) return false;
  return std::any_of(spells_.begin(), spells_.end(),
                     [this](const Spell& spell) { return spell.spun >= settings_.limit / 2; });
}

bool Watchdog::is_stuck(const Spell& spell) const {
  if (spell.looks < kLooks || (spell.unmasked && !has_agent())) return false;
  const bool in_doubt = spell.unmasked || has_agent() != settings_.has_agent;
  const Time limit = settings_.limit * (in_doubt ? kPatience : 1);
  return spell.spun >= limit && (!has_agent() || silence() >= limit);
}

bool Watchdog::stands_still() const {
  return unanswered_ >= kLooks && standstill() >= settings_.limit + kSlack;
}

bool Watchdog::is_dead() const {
  bool dead = false;
  for (const VcpuSample& vcpu : last_->vcpus) {
    if (!vcpu.unstarted && !vcpu.is_dead()) return false;
    dead = dead || vcpu.is_dead();
  }
  return dead;
}

std::optional<Hang> Watchdog::hang() const {
  if (settings_.limit == 0) return std::nullopt;
  for (std::size_t index = 0; index < spells_.size(); ++index) {
    const Spell& spell = spells_[index];
    if (is_stuck(spell)) return Hang{silence(), 0, false, index, spell.spun, !spell.unmasked};
  }
  if (stands_still()) {
    const Time silent = silence() < settings_.limit ? 0 : silence();
    return Hang{silent, standstill(), is_dead(), 0, 0, false};
  }
  return std::nullopt;
}

}  // namespace hive::detect
