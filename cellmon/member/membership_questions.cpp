// Questions to other monitors: probes, and hints that an answer dispels.
#include <fmt/format.h>

#include <utility>

#include "cellmon/member/membership.h"

namespace hive::member {

using agree::Evidence;

void Membership::start_probe(CellId suspect, Time now) {
  if (suspect == settings_.self) return agreement_.probed(suspect, own_evidence_, now);
  if (is_over(suspect)) return agreement_.probed(suspect, Evidence::kMonitorDeath, now);
  at(suspect).is_probe = true;
  if (at(suspect).asked == 0) ask(suspect, now);
}

/// Where there is no link the question waits for one.
void Membership::ask(CellId suspect, Time now) {
  Peer& peer = at(suspect);
  peer.asked = ++last_question_ == 0 ? ++last_question_ : last_question_;
  peer.answer_deadline = now + settings_.answer_limit;
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
