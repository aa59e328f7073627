#include "tests/sim/checker.h"

#include <string>
#include <variant>

#include "tests/sim/trace.h"

namespace hive::sim {

using namespace agree;

Checker::Checker(const View& founding, Truth truth) : truth_(std::move(truth)) {
  Agreed first;
  first.view = founding;
  history_.push_back(first);
}

void Checker::voter(CellId from, const Header& header) const {
  if (header.slot > history_.size()) {
    throw Violation(name_of(from) + " acts in slot " + std::to_string(header.slot) +
                    ", before the one before it is decided");
  }
  if (!history_[header.slot - 1].view.has(from, header.life)) {
    throw Violation(name_of(from) + " acts in slot " + std::to_string(header.slot) +
                    ", whose view it is not in");
  }
}

void Checker::sent(CellId from, const Message& message) {
  if (const auto* vote = std::get_if<Vote>(&message)) sent_vote(from, *vote);
  if (const auto* propose = std::get_if<Propose>(&message)) sent_proposal(from, *propose);
  if (const auto* accepted = std::get_if<Accepted>(&message)) sent_acceptance(from, *accepted);
}

void Checker::sent_vote(CellId from, const Vote& vote) const {
  voter(from, vote.header);
  if (!vote.opinion.judged.empty() && !truth_.is_suspended(from)) {
    throw Violation(name_of(from) + " votes while its guest runs");
  }
}

Checker::Round* Checker::find(std::uint64_t slot, std::uint32_t ballot) {
  for (auto round = rounds_.rbegin(); round != rounds_.rend(); ++round) {
    if (round->slot == slot && round->ballot == ballot) return &*round;
  }
  return nullptr;
}

void Checker::sent_proposal(CellId from, const Propose& propose) {
  const std::uint64_t slot = propose.header.slot;
  voter(from, propose.header);
  Round* round = find(slot, propose.ballot);
  if (round == nullptr) {
    rounds_.push_back({slot, propose.ballot, propose.decision, CellSet::of(from)});
    round = &rounds_.back();
  }
  if (round->decision != propose.decision) {
    throw Violation("two proposals in ballot " + std::to_string(propose.ballot) + " of slot " +
                    std::to_string(slot));
  }
}

void Checker::sent_acceptance(CellId from, const Accepted& accepted) {
  voter(from, accepted.header);
  Round* round = find(accepted.header.slot, accepted.ballot);
  if (round == nullptr) throw Violation(name_of(from) + " accepts what nobody proposed");
  round->accepted_by.insert(from);
}

/// That a quorum of the view before stands behind DECISION, the first for its slot.
void Checker::backing(const Decision& decision) {
  const Agreed& before = latest();
  const CellSet members = before.view.members;
  bool alone = members.size() == 1;
  bool half = false;
  for (const Round& round : rounds_) {
    if (round.slot != before.slot || round.decision != decision) continue;
    if (2 * round.accepted_by.size() > members.size()) return;
    bool all_over = 2 * round.accepted_by.size() == members.size();
    (members - round.accepted_by).for_each([&](CellId cell) {
      all_over = all_over && truth_.is_over(cell, before.view.lives[index_of(cell)]);
    });
    half = half || all_over;
  }
  if (!alone && !half) {
    throw Violation("slot " + std::to_string(before.slot) +
                    " is decided without a quorum: " + describe(decision));
  }
  if (half) ++halves_;
}

void Checker::first_decision(const Decision& decision) {
  const Agreed& before = latest();
  backing(decision);
  (decision.evicted | decision.renewed).for_each([&](CellId cell) {
    if (before.on_trial.contains(cell)) {
      ++trials_;
    } else if (truth_.is_healthy(cell, before.view.lives[index_of(cell)])) {
      throw Violation("healthy " + name_of(cell) + " leaves by slot " +
                      std::to_string(before.slot));
    }
  });
  if (!can_follow(before, decision)) {
    throw Violation("slot " + std::to_string(before.slot) +
                    " cannot be decided so: " + describe(decision));
  }
  decisions_.push_back(decision);
  history_.push_back(after(before, decision));
  if (latest().view.members.empty()) throw Violation("nobody is left");
}

void Checker::known(CellId by, const Agreed& agreed) const {
  if (agreed.slot > history_.size() || history_[agreed.slot - 1] != agreed) {
    throw Violation(name_of(by) + " knows another outcome: " + describe(agreed) + ", not " +
                    describe(agreed.slot > history_.size() ? latest() : history_[agreed.slot - 1]));
  }
}

void Checker::decided(CellId by, const Decision& decision, const Agreed& agreed) {
  if (agreed.slot == history_.size() + 1) first_decision(decision);
  known(by, agreed);
  if (decisions_[agreed.slot - 2] != decision) {
    throw Violation(name_of(by) + " decides slot " + std::to_string(agreed.slot - 1) +
                    " otherwise: " + describe(decision) + ", not " +
                    describe(decisions_[agreed.slot - 2]));
  }
}

void Checker::caught_up(CellId by, const Agreed& agreed) { known(by, agreed); }

void Checker::member(CellId cell, const Agreement& agreement) const {
  const bool listed = agreement.view().has(cell, agreement.life());
  if (agreement.is_member() != listed) {
    throw Violation(name_of(cell) + " takes itself for what its view does not say");
  }
  if (!listed && agreement.is_active()) throw Violation(name_of(cell) + " acts from outside");
}

}  // namespace hive::sim
