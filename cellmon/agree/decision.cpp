#include "cellmon/agree/decision.h"

namespace hive::agree {
namespace {

/// What was held against CELL or by it in an earlier incarnation counts no more.
void forget(Agreed& agreed, CellId cell) {
  agreed.on_trial.erase(cell);
  agreed.struck[index_of(cell)] = CellSet();
  for (CellSet& struck : agreed.struck) struck.erase(cell);
}

/// Counts that DECISION's accuser was voted down. With two voters left there is no trial: it takes
/// conclusive evidence to evict, which this is not.
void strike(Agreed& agreed, const Decision& decision) {
  if (decision.accuser == kNobody) return;
  CellSet& struck = agreed.struck[index_of(decision.accuser)];
  if (struck.meets(decision.accused) && agreed.view.members.size() > 2) {
    agreed.on_trial.insert(decision.accuser);
  }
  struck = struck | decision.accused;
}

}  // namespace

bool is_well_formed(const Decision& decision) {
  const bool joins = decision.joiner_life != 0;
  const bool accuses = decision.accuser != kNobody;
  if (joins != is_cell(decision.joiner) || joins != (decision.joiner != kNobody)) return false;
  if (accuses != is_cell(decision.accuser) || accuses == decision.accused.empty()) return false;
  if (joins && !(decision.evicted | decision.renewed | decision.cleared).empty()) return false;
  if (decision.evicted.meets(decision.renewed | decision.cleared)) return false;
  if (decision.renewed.meets(decision.cleared)) return false;
  return decision.cleared.covers(decision.accused) &&
         !decision.accused.contains(decision.accuser) && decision.reserved == Decision().reserved;
}

bool can_follow(const Agreed& agreed, const Decision& decision) {
  const View& view = agreed.view;
  const CellSet named =
      decision.evicted | decision.renewed | decision.cleared | CellSet::of(decision.accuser);
  if (!view.members.covers(named) || decision.evicted == view.members) return false;
  return decision.joiner_life == 0 ||
         (!view.members.contains(decision.joiner) &&
          decision.joiner_life > view.lives[index_of(decision.joiner)]);
}

Agreed after(const Agreed& agreed, const Decision& decision) {
  Agreed next = agreed;
  ++next.slot;
  next.on_trial = next.on_trial - decision.cleared;
  (decision.evicted | decision.renewed).for_each([&](CellId cell) { forget(next, cell); });
  next.view.members = next.view.members - decision.evicted;
  decision.renewed.for_each([&](CellId cell) { ++next.view.incarnations[index_of(cell)]; });
  if (decision.joiner_life != 0) {
    forget(next, decision.joiner);
    next.view.members.insert(decision.joiner);
    ++next.view.incarnations[index_of(decision.joiner)];
    next.view.lives[index_of(decision.joiner)] = decision.joiner_life;
  }
  if (decision.changes_view()) ++next.view.epoch;
  if (next.view.members.contains(decision.accuser)) strike(next, decision);
  if (next.view.members.size() <= 2) next.on_trial = CellSet();
  return next;
}

bool is_well_formed(const Agreed& agreed) {
  const View& view = agreed.view;
  if (agreed.slot == 0 || agreed.slot > kMaxSlot) return false;
  if (view.epoch == 0 || view.epoch > agreed.slot) return false;
  if (view.members.empty() || !view.members.covers(agreed.on_trial)) return false;
  bool sound = true;
  for (const Incarnation incarnation : view.incarnations) {
    sound = sound && incarnation <= agreed.slot;
  }
  view.members.for_each([&](CellId cell) {
    sound = sound && view.lives[index_of(cell)] != 0 && view.incarnations[index_of(cell)] != 0;
  });
  return sound;
}

}  // namespace hive::agree
