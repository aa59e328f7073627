// What other monitors say.
#include <variant>

#include "cellmon/agree/agreement.h"

namespace hive::agree {

void Agreement::receive(CellId from, const Message& message, Time now) {
  const Header& header = header_of(message);
  if (!is_cell(from) || header.from != from || from == settings_.self) {
    ++ignored_;
    return;
  }
  std::visit([&](const auto& each) { take(each, now); }, message);
  settle(now);
}

/// Whether what HEADER is of is about the slot under way, and from one of its voters. Else sees to
/// it that who is behind catches up.
bool Agreement::is_current(const Header& header) {
  if (header.slot < agreed_.slot) {
    // Also by one that is no member any more: it may be the only one left that knows.
    inform(header.from);
    return false;
  }
  if (member_ && header.slot > agreed_.slot) {
    send(header.from, Ask{this->header(Kind::kAsk)});
    return false;
  }
  if (member_ && view().has(header.from, header.life) && !decided_) return true;
  ++ignored_;
  return false;
}

void Agreement::take(const Alert& alert, Time now) {
  if (!is_current(alert.header)) return;
  const bool fresh = note_suspects(alert.suspects);
  if (alert.ballot > ballot()) return enter(alert.ballot, now);
  if (alert.ballot < ballot()) send(alert.header.from, this->alert());
  if (!fresh) return;
  if (leads()) broadcast(this->alert());
  vote(now);
}

void Agreement::take(const Vote& vote, Time now) {
  if (!is_current(vote.header)) return;
  const bool can_count =
      leader_of(view(), vote.ballot) == settings_.self &&
      (vote.opinion.accepted_ballot == 0 || can_follow(agreed_, vote.opinion.accepted));
  if (!can_count) {
    ++ignored_;
    return;
  }
  const bool fresh = note_suspects(vote.opinion.judged);
  if (vote.ballot < ballot()) return send(vote.header.from, alert());
  const bool calls = vote.ballot > ballot();
  if (calls) move_to(vote.ballot, now);
  if (calls || fresh) broadcast(alert());
  if (proposed_) return;
  tally_.count(vote.header.from, vote.opinion);
  port_.counted(vote);
  if (calls || fresh) this->vote(now);
  propose(now);
}

void Agreement::take(const Propose& propose, Time now) {
  if (!is_current(propose.header)) return;
  if (leader_of(view(), propose.ballot) != propose.header.from ||
      !can_follow(agreed_, propose.decision)) {
    ++ignored_;
    return;
  }
  if (propose.ballot > ballot()) move_to(propose.ballot, now);
  if (!acceptor_.accept(propose.ballot, propose.decision)) {
    return send(propose.header.from, alert());
  }
  (void)note_suspects(propose.decision.evicted | propose.decision.renewed);
  Accepted accepted;
  accepted.header = header(Kind::kAccepted);
  accepted.ballot = propose.ballot;
  accepted.over = over_;
  send(propose.header.from, accepted);
}

void Agreement::take(const Accepted& accepted, Time /*now*/) {
  // Those that come after the decision are of an old slot, and no news.
  if (!member_ || accepted.header.slot != agreed_.slot) return;
  if (!is_current(accepted.header)) return;
  if (!leads() || !proposed_ || accepted.ballot != ballot()) return;
  count_acceptance(accepted.header.from, accepted.over);
}

void Agreement::take(const Decided& decided, Time /*now*/) {
  if (!member_ || decided.header.slot < agreed_.slot) return;
  if (!is_current(decided.header)) return;
  if (can_follow(agreed_, decided.decision)) {
    decided_ = decided.decision;
  } else {
    ++ignored_;
  }
}

void Agreement::take(const Ask& ask, Time /*now*/) {
  if (ask.header.slot < agreed_.slot) inform(ask.header.from);
}

void Agreement::take(const State& state, Time /*now*/) {
  if (state.agreed.slot <= agreed_.slot) return;
  // Who led a ballot of a slot that is decided lets its voters know.
  const CellSet waiting = leads() ? tally_.voters() - CellSet::of(settings_.self) : CellSet();
  adopt(state.agreed);
  if (member_) waiting.for_each([&](CellId voter) { inform(voter); });
}

void Agreement::take(const Join& join, Time now) {
  const CellId cell = join.header.from;
  if (!member_) return;
  const Life known = view().lives[index_of(cell)];
  // It is in, or was already and is out again: then that life is spent.
  if (join.header.life <= known) return inform(cell);
  Life& wish = wishes_[index_of(cell)];
  if (join.header.life <= wish) return;
  wish = join.header.life;
  // Its earlier life is over: that is known now, whatever is being decided.
  if (members().contains(cell)) accuse(cell, Evidence::kSuperseded, now);
}

}  // namespace hive::agree
