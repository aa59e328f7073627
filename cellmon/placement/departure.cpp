#include "cellmon/placement/departure.h"

#include <algorithm>
#include <utility>

#include "cellmon/placement/move_fault.h"

namespace hive::placement {
namespace {

using firewall::PageRange;
using firewall::SectionId;
using firewall::SectionRights;
using mesh::MoveFault;
using mesh::MoveStep;
using mesh::MoveWord;

/// What cells but TO have of the FROZEN section once it has moved there from SELF. A home that has
/// made it goes on writing it; as it could write all of it unseen, all counts as written.
SectionRights rights_after(const firewall::FrozenSection& frozen, CellId self, CellId to) {
  SectionRights rights = frozen.rights;
  std::erase_if(rights, [to](const auto& each) { return each.cell == to; });
  if (frozen.section.creator != self) return rights;
  const PageRange all{0, frozen.section.range.count};
  const auto place = std::find_if(rights.begin(), rights.end(),
                                  [self](const auto& each) { return each.cell > self; });
  rights.insert(place, {self, {all}, {all}});
  return rights;
}

}  // namespace

void Departure::begin(const firewall::Section& section, CellId to, Time now) {
  ++number_;
  to_ = to;
  section_ = section;
  rights_.clear();
  their_id_ = {};
  place_ = {};
  frozen_ = rights_taken_ = false;
  state_ = State::kAsking;
  began_ = heard_ = now;
  say(MoveStep::kOffer, now);
}

void Departure::say(MoveStep step, Time now) {
  said_ = step;
  sent_ = now;
  MoveWord word;
  word.number = number_;
  word.life = life_;
  word.epoch = port_.epoch();
  word.step = step;
  word.section = static_cast<std::uint32_t>(section_.id);
  word.creator = static_cast<std::uint32_t>(section_.creator);
  word.first = section_.range.first;
  word.pages = section_.range.count;
  word.holders = firewall::holders_of(rights_).bits();
  if (step == MoveStep::kOffer) {
    section_.name.copy(word.name.data(), word.name.size() - 1);
  }
  port_.send(to_, word, step == MoveStep::kCopy && !rights_taken_ ? &rights_ : nullptr);
}

void Departure::hear(CellId from, const MoveWord& word, Time now) {
  if (word.life != life_) return;
  if (!is_busy() || from != to_ || word.number != number_) {
    const bool holds = word.step == MoveStep::kReserved || word.step == MoveStep::kCopying ||
                       word.step == MoveStep::kCopied;
    if (holds) disown(from, word.number);
    return;
  }
  heard_ = now;
  switch (word.step) {
    case MoveStep::kReserved:
      return take_place(word, now);
    case MoveStep::kCopying:
      rights_taken_ = true;
      return;
    case MoveStep::kCopied:
      return take_copied(word, now);
    case MoveStep::kPublished:
      if (state_ == State::kSwitched) end(/*moved=*/true, {});
      return;
    case MoveStep::kOver:
      return take_refusal(word.fault);
    default:
      return;
  }
}

void Departure::disown(CellId to, std::uint64_t number) {
  MoveWord word;
  word.number = number;
  word.life = life_;
  word.epoch = port_.epoch();
  word.step = MoveStep::kCancel;
  port_.send(to, word, nullptr);
}

void Departure::take_place(const MoveWord& word, Time now) {
  if (state_ != State::kAsking) return;
  if (word.section == 0 || word.pages != section_.range.count) {
    return cancel("the new home offers a place that does not fit", now);
  }
  their_id_ = SectionId{word.section};
  place_ = {word.first, word.pages};
  freeze(now);
}

void Departure::freeze(Time now) {
  auto frozen = port_.freeze(section_.id);
  if (!frozen.ok()) return cancel(frozen.refusal().text, now);
  frozen_ = true;
  rights_ = rights_after(frozen.value(), self_, to_);
  for (firewall::CellRights& each : rights_) each.incarnation = port_.incarnation(each.cell);
  state_ = State::kCopying;
  began_ = now;
  say(MoveStep::kCopy, now);
}

void Departure::take_copied(const MoveWord& word, Time now) {
  if (state_ != State::kCopying || word.section != static_cast<std::uint32_t>(their_id_)) return;
  port_.forward(section_.id, to_, their_id_, place_);
  frozen_ = false;
  state_ = State::kSwitched;
  say(MoveStep::kPublish, now);
}

void Departure::take_refusal(MoveFault fault) {
  if (state_ == State::kSwitched) return end(/*moved=*/true, "but the new home has lost it");
  end(/*moved=*/false, "the new home says: " + std::string(describe(fault)));
}

void Departure::cancel(std::string why, Time now) {
  say(MoveStep::kCancel, now);
  end(/*moved=*/false, std::move(why));
}

void Departure::end(bool moved, std::string why) {
  state_ = State::kIdle;
  rights_.clear();
  if (std::exchange(frozen_, false)) port_.thaw(section_.id);
  port_.ended({section_.name, to_, moved, std::move(why)});
}

void Departure::tick(Time now) {
  if (!is_busy()) return;
  if (state_ == State::kAsking || state_ == State::kCopying) {
    if (now - heard_ > kPatience) return cancel("the new home does not answer", now);
    if (now - began_ > kCopyLimit) return cancel("the copy takes too long", now);
  }
  if (now - sent_ >= kRetry) say(said_, now);
}

void Departure::gone(CellId cell) {
  if (!is_busy() || cell != to_) return;
  if (state_ == State::kSwitched) return end(/*moved=*/true, "but the new home has failed");
  end(/*moved=*/false, "the new home is gone");
}

void Departure::dropped(CellId cell, Time now) {
  if (state_ != State::kCopying || !firewall::holders_of(rights_).contains(cell)) return;
  cancel("a cell that could write the section has ended", now);
}

void Departure::view_changed(Time now) {
  if (state_ != State::kAsking && state_ != State::kCopying) return;
  cancel("cells have failed, or come back", now);
}

void Departure::sections_ended(Time now) {
  frozen_ = false;
  if (state_ == State::kAsking || state_ == State::kCopying) cancel("the section has ended", now);
}

}  // namespace hive::placement
