// One slot's ballots: suspects, votes, proposals.
#include <algorithm>

#include "cellmon/agree/agreement.h"

namespace hive::agree {

/// Who should not lead: it may not answer, or its own case is being decided.
CellSet Agreement::unreachable() const {
  CellSet reachable = (members() & linked_) - suspects_ - over_;
  if (!suspects_.contains(settings_.self)) reachable.insert(settings_.self);
  return members() - reachable;
}

bool Agreement::leads() const {
  return active_ && ballot() != 0 && leader_of(view(), ballot()) == settings_.self;
}

void Agreement::move_to(std::uint32_t ballot, Time now) {
  active_ = true;
  (void)acceptor_.promise(ballot);
  tally_.clear();
  collect_deadline_ = kNever;
  proposed_ = false;
  accepted_by_ = CellSet();
  deadline_ = now + patience();
}

void Agreement::enter(std::uint32_t ballot, Time now) {
  move_to(ballot, now);
  if (leads()) broadcast(alert());
  vote(now);
}

/// Goes on to the first ballot that may have a leader, if that is a later one. Whether it was.
/// Where nobody seems fit to lead, time decides.
bool Agreement::skip_unreachable(Time now) {
  const std::uint32_t next = next_ballot(view(), std::max(ballot(), 1U), unreachable());
  if (next <= ballot()) return false;
  enter(next, now);
  return true;
}

/// Adds SUSPECTS to those of this slot; whether any was new.
bool Agreement::note_suspects(CellSet suspects) {
  const CellSet fresh = (suspects & members()) - suspects_;
  if (fresh.empty()) return false;
  suspects_ = suspects_ | fresh;
  const CellSet overtaken = superseded();
  fresh.for_each([&](CellId suspect) {
    if (overtaken.contains(suspect)) judge(suspect, Evidence::kSuperseded);
    if (agreed_.on_trial.contains(suspect)) judge(suspect, Evidence::kFalseAccuser);
    if (!judged_.contains(suspect)) port_.probe(suspect);
  });
  if (suspend_asked_) return true;
  suspend_asked_ = true;
  halted_ = settings_.witness;
  if (!halted_) port_.suspend();
  return true;
}

void Agreement::judge(CellId suspect, EvidenceSet evidence) {
  judged_.insert(suspect);
  if (evidence.empty()) return;
  failed_.insert(suspect);
  EvidenceSet& known = evidence_[index_of(suspect)];
  known = known | evidence;
  if (known.meets(kVoterIsOver) && suspect != settings_.self) over_.insert(suspect);
}

/// Only who has suspended its guest, and knows about every suspect, votes.
bool Agreement::is_ready() const {
  return active_ && (suspects_.empty() || (halted_ && judged_.covers(suspects_)));
}

Opinion Agreement::opinion() const {
  Opinion opinion;
  opinion.judged = judged_ & suspects_;
  opinion.failed = failed_ & suspects_;
  opinion.accused = accused_ & opinion.failed;
  opinion.over = over_;
  opinion.joiner = next_joiner();
  if (opinion.joiner != kNobody) opinion.joiner_life = wishes_[index_of(opinion.joiner)];
  opinion.accepted_ballot = acceptor_.accepted_ballot();
  opinion.accepted = acceptor_.accepted();
  opinion.failed.for_each(
      [&](CellId suspect) { opinion.evidence[index_of(suspect)] = evidence_[index_of(suspect)]; });
  return opinion;
}

void Agreement::vote(Time now) {
  if (!is_ready()) return;
  Vote vote;
  vote.header = header(Kind::kVote);
  vote.ballot = ballot();
  vote.opinion = opinion();
  if (!leads()) return send(leader_of(view(), ballot()), vote);
  if (proposed_) return;
  tally_.count(settings_.self, vote.opinion);
  port_.counted(vote);
  propose(now);
}

void Agreement::propose(Time now) {
  if (!leads() || proposed_ || decided_ || !tally_.has_quorum(members())) return;
  if (collect_deadline_ == kNever) collect_deadline_ = now + patience() / 4;
  // A suspect may be well, and has a vote: only who cannot vote is not waited for.
  const CellSet awaited = ((members() & linked_) - over_) | CellSet::of(settings_.self);
  const bool settled = !suspects_.empty() && tally_.condemned(members()).covers(suspects_);
  if (!settled && !tally_.is_complete(awaited, suspects_) && now < collect_deadline_) return;
  Propose propose;
  propose.header = header(Kind::kPropose);
  propose.ballot = ballot();
  propose.decision = tally_.decide(agreed_, settings_.self);
  proposed_ = true;
  broadcast(propose);
  (void)acceptor_.accept(ballot(), propose.decision);
  count_acceptance(settings_.self, over_);
}

void Agreement::count_acceptance(CellId voter, CellSet over) {
  accepted_by_.insert(voter);
  accepted_proofs_[index_of(voter)] = over;
  if (decided_ || !is_quorum(members(), accepted_by_, accepted_proofs_)) return;
  Decided decided;
  decided.header = header(Kind::kDecided);
  decided.decision = acceptor_.accepted();
  broadcast(decided);
  decided_ = decided.decision;
}

}  // namespace hive::agree
