// Questions to other monitors: probes, and hints that an answer dispels.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cellmon/member/membership.h"

namespace hive::member {

using agree::Evidence;

void Membership::start_probe(CellId suspect, Time now) {
  if (suspect == settings_.self) return agreement_.probed(suspect, own_evidence_, now);
  if (is_over(suspect)) return agreement_.probed(suspect, Evidence::kMonitorDeath, now);
  Peer& peer = at(suspect);
  peer.is_probe = true;
  if (peer.asked == 0) return ask(suspect, now);
  peer.answer_deadline = std::min(peer.answer_deadline, now + settings_.answer_limit);
}

/// Where there is no link the question waits for one.
void Membership::ask(CellId suspect, Time now) {
  Peer& peer = at(suspect);
  peer.asked = ++last_question_ == 0 ? ++last_question_ : last_question_;
  const Time limit = settings_.answer_limit;
  peer.answer_deadline = now + (peer.is_probe ? limit : patience(suspect, limit));
  peer.has_grace = true;
  if (peer.linked) surroundings_.ask(suspect, peer.asked);
}

void Membership::finish_question(CellId suspect, EvidenceSet evidence, Time now) {
  Peer& peer = at(suspect);
  peer.asked = 0;
  peer.answer_deadline = agree::kNever;
  const EvidenceSet hint = std::exchange(peer.hint, EvidenceSet());
  const EvidenceSet found = evidence.empty() ? evidence : evidence | hint;
  if (peer.watch && found.empty()) peer.watch->restart(now);
  if (std::exchange(peer.is_probe, false)) return agreement_.probed(suspect, found, now);
  if (!found.empty()) raise(suspect, found, now);
}

void Membership::drop_probe(CellId suspect, Time now) {
  Peer& peer = at(suspect);
  if (!std::exchange(peer.is_probe, false)) return;
  if (peer.hint.empty()) {
    peer.asked = 0;
    peer.answer_deadline = agree::kNever;
  } else {
    peer.answer_deadline = now + patience(suspect, settings_.answer_limit);
  }
}

void Membership::hint(CellId suspect, EvidenceSet evidence, Time now) {
  Peer& peer = at(suspect);
  if (!may_accuse(suspect) || suspects().contains(suspect)) return;
  const bool asked = peer.asked != 0;
  peer.hint = peer.hint | evidence;
  if (asked) return;
  surroundings_.tell(
      "hint", fmt::format("{}: {}; its monitor is asked",
                          describe(CellSet::of(suspect), settings_.names), describe(evidence)));
  ask(suspect, now);
}

void Membership::raise(CellId suspect, EvidenceSet evidence, Time now) {
  if (!may_accuse(suspect)) return;
  if (!suspects().contains(suspect)) {
    surroundings_.tell(
        "hint",
        fmt::format("{}: {}", describe(CellSet::of(suspect), settings_.names), describe(evidence)));
  }
  agreement_.accuse(suspect, evidence, now);
}

Time Membership::patience(CellId cell, Time limit) const {
  const CellSet struck = agreement_.agreed().struck[agree::index_of(settings_.self)];
  return struck.contains(cell) ? settings_.surer * limit : limit;
}

bool Membership::is_due(CellId cell, Time now) const {
  return now >= at(cell).answer_deadline || now >= at(cell).link_deadline;
}

void Membership::wait_anew(Time now) {
  // Once each: who is always late accuses late.
  for (Peer& peer : peers_) {
    if (now >= peer.answer_deadline && std::exchange(peer.has_grace, false)) {
      peer.answer_deadline = now + settings_.answer_limit;
    }
    if (now >= peer.link_deadline && std::exchange(peer.link_has_grace, false)) {
      peer.link_deadline = now + settings_.link_limit;
    }
  }
}

void Membership::give_up_waiting(CellId cell, Time now) {
  Peer& peer = at(cell);
  if (now >= peer.answer_deadline) {
    const EvidenceSet lost = peer.linked ? EvidenceSet() : EvidenceSet(Evidence::kLinkLost);
    finish_question(cell, lost | Evidence::kNoAnswer, now);
  }
  if (now >= peer.link_deadline) {
    peer.link_deadline = agree::kNever;
    raise(cell, Evidence::kLinkLost, now);
  }
}

}  // namespace hive::member
