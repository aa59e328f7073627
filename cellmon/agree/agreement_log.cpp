// From one slot to the next.
#include <algorithm>

#include "cellmon/agree/agreement.h"

namespace hive::agree {

/// Applies what is decided and begins what is due, until there is nothing more to do at once.
void Agreement::settle(Time now) {
  go_on(now);
  // A member without a link to this one cannot tell it what it decides with others.
  const CellSet missing = members() - linked_ - CellSet::of(settings_.self);
  if (!member_ || missing.empty()) {
    poll_deadline_ = kNever;
  } else if (poll_deadline_ == kNever) {
    poll_deadline_ = now + kPoll * settings_.round;
  } else if (now >= poll_deadline_) {
    broadcast(Ask{header(Kind::kAsk)});
    poll_deadline_ = now + kPoll * settings_.round;
  }
}

void Agreement::go_on(Time now) {
  for (;;) {
    if (decided_) {
      const Decision decision = *decided_;
      apply(decision);
      continue;
    }
    if (active_ || !member_) return;
    begin_next(now);
    if (!active_) return;
  }
}

void Agreement::apply(const Decision& decision) {
  const View before = view();
  const bool led = leads();
  agreed_ = after(agreed_, decision);
  const CellSet named = decision.evicted | decision.renewed | decision.cleared;
  failed_ = failed_ - named;
  finish(before);
  port_.decided(decision, agreed_);
  if (led && decision.joiner != kNobody) inform(decision.joiner);
}

void Agreement::adopt(const Agreed& agreed) {
  const View before = view();
  const bool was_member = member_;
  agreed_ = agreed;
  finish(before);
  port_.caught_up(agreed_);
  // What others decided before this monitor knew that it is one of them went past it.
  if (member_ && !was_member) broadcast(Ask{header(Kind::kAsk)});
}

/// What the decision left open stays for the next slot, if it is about one of SAME and can still
/// count.
void Agreement::keep_open_cases(CellSet same) {
  failed_ = member_ ? failed_ & same : CellSet();
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (members().size() == 2 && !evidence_[index].meets(kConclusive)) failed_.erase(cell);
    if (!failed_.contains(cell)) evidence_[index] = {};
    if (wishes_[index] <= view().lives[index]) wishes_[index] = 0;
  }
  accused_ = accused_ & failed_;
  judged_ = failed_;
}

/// Leaves the slot behind. What is known of members of the view BEFORE holds for those that are
/// still the same.
void Agreement::finish(const View& before) {
  CellSet same;
  members().for_each([&](CellId cell) {
    if (before.has(cell, view().lives[index_of(cell)])) same.insert(cell);
  });
  member_ = view().has(settings_.self, settings_.life);
  if (view().lives[index_of(settings_.self)] >= settings_.life) joining_ = false;
  over_ = over_ & same;
  keep_open_cases(same);
  suspects_ = CellSet();
  active_ = suspend_asked_ = halted_ = proposed_ = false;
  acceptor_ = Acceptor();
  rounds_ = 0;
  deadline_ = collect_deadline_ = kNever;
  tally_.clear();
  accepted_by_ = CellSet();
  decided_.reset();
}

/// Begins the next slot if there is something to decide.
void Agreement::begin_next(Time now) {
  const CellSet suspects = (failed_ | superseded() | agreed_.on_trial) & members();
  if (suspects.empty() && next_joiner() == kNobody) return;
  (void)note_suspects(suspects);
  (void)skip_unreachable(now);
  if (!failed_.empty() && !leads()) broadcast(alert());
}

/// Members of which a later life has asked to join.
CellSet Agreement::superseded() const {
  CellSet superseded;
  members().for_each([&](CellId cell) {
    if (wishes_[index_of(cell)] > view().lives[index_of(cell)]) superseded.insert(cell);
  });
  return superseded;
}

/// The lowest cell that wants to be let in and is no member, or nobody.
CellId Agreement::next_joiner() const {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    const CellId cell{static_cast<std::uint8_t>(index)};
    if (wishes_[index] > view().lives[index] && !members().contains(cell)) return cell;
  }
  return kNobody;
}

/// Who was a member may know what PEER has missed: that it is out.
void Agreement::ask_to_join(CellId peer) {
  if (agreed_.slot != 0) inform(peer);
  send(peer, Join{header(Kind::kJoin)});
}

void Agreement::ask_to_join(Time now) {
  linked_.for_each([&](CellId peer) { ask_to_join(peer); });
  join_deadline_ = now + settings_.round;
}

}  // namespace hive::agree
