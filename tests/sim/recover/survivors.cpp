#include "tests/sim/recover/survivors.h"

#include <algorithm>

namespace hive::sim {

using agree::CellSet;
using agree::index_of;
using recover::OnFailure;
using recover::Phase;

namespace {

recover::DiscardPolicy any_policy(Random& random) {
  return random.percent(50) ? recover::DiscardPolicy::kWritable : recover::DiscardPolicy::kWritten;
}

}  // namespace

Survivors::Survivors(World& world, std::function<bool(CellId)> can_lose, RecoveryTotals& totals)
    : world_(world),
      random_(world.random()),
      can_lose_(std::move(can_lose)),
      totals_(totals),
      policy_(any_policy(random_)) {
  const agree::View& founding = world.latest_view();
  world.all().for_each([&](CellId cell) {
    const bool odd = random_.percent(5);
    on_failure_.push_back(!odd                  ? OnFailure::kReboot
                          : random_.percent(70) ? OnFailure::kLeave
                                                : OnFailure::kStopMachine);
    sites_.push_back(std::make_unique<Site>(*this, cell, policy_));
    site(cell).guest_exists = !founding.witnesses.contains(cell);
    world.all().for_each([&](CellId home) { site(cell).mapped[index_of(home)] = 1; });
  });
  world.all().for_each([&](CellId cell) {
    site(cell).recovery =
        std::make_unique<recover::Recovery>(settings(cell), founding, 0, site(cell));
  });
  for (unsigned act = 0; act < 40; ++act) stir();
}

recover::Settings Survivors::settings(CellId cell) const {
  recover::Settings settings;
  settings.self = cell;
  settings.times = {5 * kMilli, 100 * kMilli, 2'000 * kMilli};
  for (unsigned index = 0; index < on_failure_.size(); ++index) {
    settings.restart[index] = {on_failure_[index], kMilli, 100 * kMilli, 50 * kMilli};
  }
  return settings;
}

void Survivors::viewed(CellId cell) {
  const Node& node = world_.node(cell);
  recover::Recovery& recovery = *site(cell).recovery;
  const bool interrupts =
      node.agreement->view().epoch > recovery.epoch() && !recovery.casualties().empty();
  if (interrupts) ++totals_.interrupted;
  recovery.view(node.agreement->view(), node.agreement->life(), world_.now());
  // A guest that agreement had suspended does not run before recovery holds it.
  site(cell).held = site(cell).held || (recovery.holds_guest() && node.stood_still);
  after_input(cell);
  stir();
}

void Survivors::started(CellId cell) {
  Site& site = this->site(cell);
  site.recovery = std::make_unique<recover::Recovery>(settings(cell), site);
  site.tick_at = agree::kNever;
}

/// Its VMM ends with it, and with both all that they contributed.
void Survivors::killed(CellId cell) {
  Site& site = this->site(cell);
  site.guest_exists = false;
  site.held = false;
  site.task = 0;
  site.memory.clear();
  site.mapped = {};
}

void Survivors::saw_end(CellId observer, CellId cell) {
  site(observer).recovery->monitor_ended(cell, world_.now());
  after_input(observer);
}

void Survivors::later(Time time, CellId cell, std::function<void()> work) {
  world_.post(time, cell, [this, cell, work = std::move(work)] {
    work();
    after_input(cell);
    stir();
  });
}

void Survivors::after_input(CellId cell) {
  if (!world_.node(cell).alive) return;
  Site& site = this->site(cell);
  const Time due = site.recovery->deadline();
  if (due == agree::kNever || due >= site.tick_at) return;
  site.tick_at = std::max(due, world_.now());
  later(site.tick_at, cell, [this, cell, time = site.tick_at] {
    Site& late = this->site(cell);
    if (late.tick_at == time) late.tick_at = agree::kNever;
    late.recovery->tick(world_.now());
  });
}

bool Survivors::may_crash(CellId cell) {
  if (calm_ || !random_.percent(2)) return false;
  const CellId coordinator = agree::recovery_coordinator(world_.node(cell).agreement->view());
  const CellId other{static_cast<std::uint8_t>(random_.below(sites_.size()))};
  const CellId victim = random_.percent(40)                                  ? cell
                        : random_.percent(50) && agree::is_cell(coordinator) ? coordinator
                                                                             : other;
  if (!can_lose_(victim)) return false;
  ++totals_.crashes;
  const bool dies = random_.percent(70);
  world_.at(world_.now(), dies ? What::kKill : What::kFailGuest, victim);
  return dies && victim == cell;
}

/// Whether CELL's guest executes instructions.
bool Survivors::runs(CellId cell) const {
  const Site& site = this->site(cell);
  return site.guest_exists && !site.held && !world_.node(cell).suspended;
}

void Survivors::stir() {
  const CellId cell{static_cast<std::uint8_t>(random_.below(sites_.size()))};
  const CellId other{static_cast<std::uint8_t>(random_.below(sites_.size()))};
  Site& site = this->site(cell);
  if (!runs(cell)) return;
  if (world_.node(cell).runs() && random_.percent(50)) {
    // As its guest asks for, its monitor grants; but to nobody who is not there.
    const Incarnation incarnation = this->site(other).incarnation;
    const bool fits = site.recovery->serves(other, incarnation) && this->site(other).guest_exists;
    if (fits) site.memory.grant(other, incarnation, random_.below(Memory::kPages));
  }
  for (unsigned writes = 0; writes < 3; ++writes) write(cell);
}

/// WRITER's guest, perhaps gone wild, writes somewhere, and reads what it sees there.
void Survivors::write(CellId writer) {
  const CellId home{static_cast<std::uint8_t>(random_.below(sites_.size()))};
  if (world_.node(home).witness) return;
  const Site& site = this->site(writer);
  const Incarnation seen = site.mapped[index_of(home)];
  const agree::View& view = world_.node(writer).agreement->view();
  const bool fenced = site.recovery->passed() >= Phase::kFenced;
  if (world_.node(writer).is_member() && fenced && seen != 0 &&
      seen <= recover::ended(view, home)) {
    throw Violation(name_of(writer) + "'s guest runs and sees memory of a " + name_of(home) +
                    " that has failed");
  }
  if (!this->site(home).guest_exists) return;
  this->site(home).memory.write(writer, site.incarnation, random_.below(Memory::kPages));
}

CellSet Survivors::survivors_of(CellId cell) const {
  const agree::View& view = world_.node(cell).agreement->view();
  CellSet survivors;
  (view.members - view.witnesses).for_each([&](CellId member) {
    const Node& node = world_.node(member);
    if (node.alive && node.life == view.lives[index_of(member)]) survivors.insert(member);
  });
  return survivors;
}

void Survivors::check_all_passed(CellId cell, Phase phase, const std::string& what) const {
  const std::uint64_t epoch = site(cell).recovery->epoch();
  survivors_of(cell).for_each([&](CellId member) {
    const recover::Recovery& other = *site(member).recovery;
    if (other.epoch() < epoch || (other.epoch() == epoch && other.passed() < phase)) {
      throw Violation(name_of(cell) + " " + what + " in epoch " + std::to_string(epoch) + ", and " +
                      name_of(member) + " has not come so far");
    }
  });
}

bool Survivors::is_quiet(CellSet core) const {
  if (machine_stopped_) return true;
  const agree::View& view = world_.latest_view();
  bool quiet = true;
  core.for_each([&](CellId cell) {
    if (view.witnesses.contains(cell)) return;
    const recover::Recovery& recovery = *site(cell).recovery;
    const bool up = site(cell).guest_exists || on_failure_[index_of(cell)] != OnFailure::kReboot;
    quiet = quiet && recovery.epoch() == view.epoch && recovery.is_complete() && up &&
            (!recovery.holds_guest() || !site(cell).guest_exists) && site(cell).task == 0;
    // Whoever holds something that a failed cell could have written has dropped it.
    if (recovery.is_complete()) site(cell).memory.check_discarded(view.epoch);
  });
  (world_.all() - view.members).for_each([&](CellId cell) {
    quiet = quiet && on_failure_[index_of(cell)] != OnFailure::kReboot;
  });
  return quiet;
}

}  // namespace hive::sim
