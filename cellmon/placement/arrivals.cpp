#include "cellmon/placement/arrivals.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "cellmon/placement/move_fault.h"

namespace hive::placement {

using firewall::SectionRights;
using mesh::MoveFault;
using mesh::MoveStep;
using mesh::MoveWord;

void Arrivals::hear(CellId from, const MoveWord& word, const std::optional<SectionRights>& rights,
                    Time now) {
  const auto last = lasts_.find(from);
  if (last != lasts_.end() && word.life < last->second.life) return;
  const auto found = arrivals_.find(from);
  if (found != arrivals_.end()) {
    Arrival& arrival = found->second;
    if (word.life < arrival.life) return;
    if (word.life == arrival.life && word.number < arrival.number) return;
    if (word.life > arrival.life) {
      gone(from);
    } else if (word.number == arrival.number) {
      arrival.heard = now;
      return follow(from, arrival, word, rights);
    } else if (word.number > arrival.number) {
      drop(from, MoveFault::kCancelled);  // A source is at one move at a time.
    }
  }
  const auto over = lasts_.find(from);
  if (over != lasts_.end() && word.life == over->second.life &&
      word.number <= over->second.number) {
    if (word.number == over->second.number) answer_last(from);
    return;
  }
  if (word.step == MoveStep::kOffer) return take_offer(from, word, now);
  note_last(from, word.life, word.number, MoveFault::kCancelled);
  answer_last(from);
}

bool Arrivals::awaits_rights(CellId from, const MoveWord& word) const {
  const auto found = arrivals_.find(from);
  if (found == arrivals_.end()) return false;
  const Arrival& arrival = found->second;
  return arrival.state == State::kReserved && word.life == arrival.life &&
         word.number == arrival.number && word.pages == arrival.section.range.count;
}

void Arrivals::take_offer(CellId from, const MoveWord& word, Time now) {
  const auto refuse = [&](MoveFault fault) {
    note_last(from, word.life, word.number, fault);
    answer_last(from);
  };
  if (word.epoch != port_.epoch()) return refuse(MoveFault::kOtherView);
  if (!port_.has_guest()) return refuse(MoveFault::kNoGuest);
  const auto place = port_.reserve(word);
  if (!place.ok()) return refuse(fault_of(place.refusal().reason));
  Arrival& arrival = arrivals_[from];
  arrival = {State::kReserved, word.number, word.life, place.value(), {}, {}, now, now};
  say(from, arrival, MoveStep::kReserved);
}

void Arrivals::follow(CellId from, Arrival& arrival, const MoveWord& word,
                      const std::optional<SectionRights>& rights) {
  switch (word.step) {
    case MoveStep::kOffer:
      if (arrival.state == State::kReserved) say(from, arrival, MoveStep::kReserved);
      return;
    case MoveStep::kCopy:
      if (arrival.state == State::kReserved) return take_rights(from, arrival, word, rights);
      return say(from, arrival,
                 arrival.state == State::kReady ? MoveStep::kCopied : MoveStep::kCopying);
    case MoveStep::kPublish:
      if (arrival.state != State::kReady) return;
      publish(from, arrival);
      return answer_last(from);
    case MoveStep::kCancel:
      drop(from, MoveFault::kCancelled);
      return answer_last(from);
    default:
      return;
  }
}

void Arrivals::take_rights(CellId from, Arrival& arrival, const MoveWord& word,
                           const std::optional<SectionRights>& rights) {
  if (!rights || word.pages != arrival.section.range.count) {
    drop(from, MoveFault::kNotCopied);
    return answer_last(from);
  }
  const bool knows_all =
      std::all_of(rights->begin(), rights->end(), [this](const firewall::CellRights& each) {
        return port_.incarnation(each.cell) == each.incarnation;
      });
  if (!knows_all) {
    drop(from, MoveFault::kOtherView);
    return answer_last(from);
  }
  arrival.rights = *rights;
  arrival.state = State::kCopying;
  say(from, arrival, MoveStep::kCopying);
  port_.copy(from, {word.first, word.pages}, arrival.section.range);
}

void Arrivals::copied(CellId from, bool is_whole) {
  const auto found = arrivals_.find(from);
  if (found == arrivals_.end() || found->second.state != State::kCopying) return;
  if (is_whole) {
    found->second.state = State::kReady;
    return say(from, found->second, MoveStep::kCopied);
  }
  drop(from, MoveFault::kNotCopied);
  answer_last(from);
}

void Arrivals::publish(CellId from, Arrival& arrival) {
  SectionRights kept;
  SectionRights lost;
  for (firewall::CellRights& each : arrival.rights) {
    const bool is_over =
        arrival.dropped.contains(each.cell) || port_.incarnation(each.cell) != each.incarnation;
    (is_over ? lost : kept).push_back(std::move(each));
  }
  if (!port_.admit(from, arrival.section.id, kept, lost)) return drop(from, MoveFault::kNotCopied);
  note_last(from, arrival.life, arrival.number, MoveFault::kNone);
  arrivals_.erase(from);
}

void Arrivals::drop(CellId from, MoveFault fault) {
  const auto found = arrivals_.find(from);
  if (found == arrivals_.end()) return;
  const Arrival& arrival = found->second;
  if (arrival.state == State::kCopying) port_.stop_copying(from);
  port_.release(arrival.section.id);
  note_last(from, arrival.life, arrival.number, fault);
  arrivals_.erase(found);
}

void Arrivals::note_last(CellId from, std::uint64_t life, std::uint64_t number, MoveFault fault) {
  lasts_[from] = {life, number, fault};
}

void Arrivals::answer_last(CellId from) {
  const Last& last = lasts_.at(from);
  MoveWord word;
  word.number = last.number;
  word.life = last.life;
  word.epoch = port_.epoch();
  word.step = last.fault == MoveFault::kNone ? MoveStep::kPublished : MoveStep::kOver;
  word.fault = last.fault;
  port_.send(from, word);
}

void Arrivals::say(CellId from, const Arrival& arrival, MoveStep step) {
  MoveWord word;
  word.number = arrival.number;
  word.life = arrival.life;
  word.epoch = port_.epoch();
  word.step = step;
  word.section = static_cast<std::uint32_t>(arrival.section.id);
  word.first = arrival.section.range.first;
  word.pages = arrival.section.range.count;
  port_.send(from, word);
}

void Arrivals::tick(Time now) {
  std::vector<CellId> silent;
  for (auto& [from, arrival] : arrivals_) {
    if (arrival.state != State::kReady) {
      if (now - arrival.heard > kPatience) silent.push_back(from);
    } else if (now - arrival.heard > kAskAfter && now - arrival.asked > kAskAfter) {
      arrival.asked = now;
      say(from, arrival, MoveStep::kCopied);
    }
  }
  for (const CellId from : silent) drop(from, MoveFault::kCancelled);
}

void Arrivals::gone(CellId cell) {
  dropped(cell);
  drop(cell, MoveFault::kCancelled);
}

void Arrivals::dropped(CellId cell) {
  for (auto& [from, arrival] : arrivals_) arrival.dropped.insert(cell);
}

void Arrivals::sections_ended() {
  while (!arrivals_.empty()) {
    const CellId from = arrivals_.begin()->first;
    drop(from, MoveFault::kCancelled);
    answer_last(from);
  }
}

}  // namespace hive::placement
