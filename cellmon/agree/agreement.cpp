#include "cellmon/agree/agreement.h"

#include <algorithm>

namespace hive::agree {

Agreement::Agreement(const Settings& settings, const View& founding, Port& port)
    : settings_(settings), port_(port), member_(founding.has(settings.self, settings.life)) {
  agreed_.view = founding;
}

Agreement::Agreement(const Settings& settings, Port& port) : settings_(settings), port_(port) {
  agreed_.slot = 0;
}

void Agreement::accuse(CellId suspect, EvidenceSet evidence, Time now) {
  if (!member_) return port_.refused(suspect, Refusal::kNotMember);
  if (!members().contains(suspect)) return port_.refused(suspect, Refusal::kNoSuchMember);
  if (evidence.empty()) return port_.refused(suspect, Refusal::kNoEvidence);
  if (members().size() == 2 && !evidence.meets(kConclusive)) {
    return port_.refused(suspect, Refusal::kInconclusive);
  }
  const EvidenceSet known = evidence_[index_of(suspect)];
  if (active_ && accused_.contains(suspect) && (known | evidence) == known) return;
  accused_.insert(suspect);
  judge(suspect, evidence);
  const bool fresh = note_suspects(CellSet::of(suspect));
  const bool moved = skip_unreachable(now);
  if (fresh && !(moved && leads())) broadcast(alert());
  if (!moved) vote(now);
  settle(now);
}

void Agreement::suspended(Time now) {
  if (!active_ || !suspend_asked_ || halted_) return;
  halted_ = true;
  vote(now);
  settle(now);
}

void Agreement::probed(CellId suspect, EvidenceSet evidence, Time now) {
  if (!active_ || !suspects_.contains(suspect)) return;
  judge(suspect, evidence);
  vote(now);
  settle(now);
}

void Agreement::join(Life life, Time now) {
  if (member_) return;
  settings_.life = life;
  joining_ = true;
  ask_to_join(now);
}

void Agreement::link_up(CellId peer, Time now) {
  if (!is_cell(peer) || peer == settings_.self) return;
  linked_.insert(peer);
  if (joining_) ask_to_join(peer);
  if (member_) send(peer, Ask{header(Kind::kAsk)});
  if (active_) send(peer, alert());
  settle(now);
}

void Agreement::link_lost(CellId peer, Time now) {
  if (!linked_.contains(peer)) return;
  linked_.erase(peer);
  if (!member_) return;
  // It may have had a decision for this monitor. Two others are enough to hear of it.
  CellSet others = (members() & linked_) - CellSet::of(settings_.self);
  for (unsigned asked = 0; asked < 2 && !others.empty(); ++asked) {
    send(others.first(), Ask{header(Kind::kAsk)});
    others.erase(others.first());
  }
  if (active_ && !skip_unreachable(now)) propose(now);
  settle(now);
}

void Agreement::tick(Time now) {
  if (joining_ && now >= join_deadline_) ask_to_join(now);
  if (active_ && now >= deadline_) {
    ++rounds_;
    port_.stalled(rounds_);
    // Suspects get their turn now: who suspects all others must not be the only one to lead.
    const CellSet mute = over_ | (members() - linked_ - CellSet::of(settings_.self));
    enter(next_ballot(view(), ballot() + 1, mute), now);
  } else if (active_ && now >= collect_deadline_) {
    propose(now);
  }
  settle(now);
}

Time Agreement::deadline() const {
  Time next = std::min(joining_ ? join_deadline_ : kNever, poll_deadline_);
  if (active_) next = std::min({next, deadline_, proposed_ ? kNever : collect_deadline_});
  return next;
}

Header Agreement::header(Kind kind) const {
  Header header;
  header.kind = kind;
  header.from = settings_.self;
  header.life = settings_.life;
  header.slot = agreed_.slot;
  return header;
}

Time Agreement::patience() const { return settings_.round << std::min(rounds_, 6U); }

void Agreement::send(CellId to, const Message& message) { port_.send(to, message); }

void Agreement::broadcast(const Message& message) {
  (members() - CellSet::of(settings_.self)).for_each([&](CellId peer) { send(peer, message); });
}

Alert Agreement::alert() const {
  Alert alert;
  alert.header = header(Kind::kAlert);
  alert.ballot = ballot();
  alert.suspects = suspects_;
  return alert;
}

void Agreement::inform(CellId peer) {
  State state;
  state.header = header(Kind::kState);
  state.agreed = agreed_;
  send(peer, state);
}

}  // namespace hive::agree
