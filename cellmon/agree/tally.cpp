#include "cellmon/agree/tally.h"

namespace hive::agree {

void Tally::count(CellId voter, const Opinion& opinion) {
  voters_.insert(voter);
  opinions_[index_of(voter)] = opinion;
  proofs_[index_of(voter)] = opinion.over;
}

bool Tally::has_quorum(CellSet members) const {
  return is_quorum(members, voters_ & members, proofs_);
}

bool Tally::is_complete(CellSet awaited, CellSet suspects) const {
  bool complete = voters_.covers(awaited);
  (voters_ & awaited).for_each([&](CellId voter) {
    complete = complete && opinions_[index_of(voter)].judged.covers(suspects);
  });
  return complete;
}

CellSet Tally::suspects() const {
  CellSet suspects;
  voters_.for_each([&](CellId voter) { suspects = suspects | opinions_[index_of(voter)].judged; });
  return suspects;
}

CellSet Tally::judged(CellSet members) const {
  CellSet judged;
  (suspects() & members).for_each([&](CellId suspect) {
    CellSet by;
    (voters_ & members).for_each([&](CellId voter) {
      if (opinions_[index_of(voter)].judged.contains(suspect)) by.insert(voter);
    });
    if (is_quorum(members, by, proofs_)) judged.insert(suspect);
  });
  return judged;
}

CellSet Tally::condemned(CellSet members) const {
  CellSet condemned;
  (suspects() & members).for_each([&](CellId suspect) {
    CellSet against;
    (voters_ & members).for_each([&](CellId voter) {
      const Opinion& opinion = opinions_[index_of(voter)];
      const bool counts =
          members.size() > 2 || opinion.evidence[index_of(suspect)].meets(kConclusive);
      if (opinion.failed.contains(suspect) && counts) against.insert(voter);
    });
    if (is_quorum(members, against, proofs_)) condemned.insert(suspect);
  });
  return condemned;
}

void Tally::name_accuser(const Agreed& agreed, Decision& decision) const {
  bool again = false;
  voters_.for_each([&](CellId voter) {
    CellSet accused = opinions_[index_of(voter)].accused & decision.cleared;
    accused.erase(voter);
    const bool struck = accused.meets(agreed.struck[index_of(voter)]);
    if (accused.empty() || again || (decision.accuser != kNobody && !struck)) return;
    decision.accuser = voter;
    decision.accused = accused;
    again = struck;
  });
}

void Tally::name_joiner(const Agreed& agreed, Decision& decision) const {
  voters_.for_each([&](CellId voter) {
    const Opinion& opinion = opinions_[index_of(voter)];
    Decision wish = decision;
    wish.joiner = opinion.joiner;
    wish.joiner_life = opinion.joiner_life;
    if (wish.joiner_life <= decision.joiner_life || !can_follow(agreed, wish)) return;
    decision = wish;
  });
}

Decision Tally::decide(const Agreed& agreed, CellId leader) const {
  const Opinion* latest = nullptr;
  voters_.for_each([&](CellId voter) {
    const Opinion& opinion = opinions_[index_of(voter)];
    if (opinion.accepted_ballot == 0) return;
    if (latest == nullptr || opinion.accepted_ballot > latest->accepted_ballot) latest = &opinion;
  });
  if (latest != nullptr) return latest->accepted;

  const CellSet members = agreed.view.members;
  Decision decision;
  decision.evicted = condemned(members);
  decision.cleared = judged(members) - decision.evicted;
  if (decision.evicted == members) {
    decision.renewed = CellSet::of(leader);
    decision.evicted.erase(leader);
  }
  name_accuser(agreed, decision);
  if (suspects().empty()) {
    name_joiner(agreed, decision);
  }
  return decision;
}

}  // namespace hive::agree
