#include "cellmon/sharing/lending.h"

#include <algorithm>
#include <utility>

namespace hive::sharing {

using agree::Time;

std::uint64_t Lending::lent() const {
  std::uint64_t sum = 0;
  for (const Account& account : accounts_) sum += account.lent();
  return sum;
}

std::uint64_t Lending::promised() const {
  std::uint64_t sum = 0;
  for (const Account& account : accounts_) sum += account.promised;
  return sum;
}

Lending::Blocks Lending::lendable() const {
  const std::uint64_t taken = reserve_ + std::uint64_t{by_hand_} + lent() + promised();
  return taken < own_ ? static_cast<Blocks>(own_ - taken) : 0;
}

Lending::Blocks Lending::wish() const {
  // What a borrower says that it holds may be wrong: it takes nothing of the reserve. What was
  // asked for by hand may.
  const std::uint64_t most = std::max(own_ - std::min(own_, reserve_), by_hand_);
  return static_cast<Blocks>(std::min(by_hand_ + lent() + promised(), most));
}

void Lending::set_granted(Account& account, Blocks blocks) {
  if (account.granted == blocks) return;
  account.granted = blocks;
  account.unrefuted = std::max(account.unrefuted, blocks);
  account.said = false;
  account.seen = false;
}

void Lending::recall(Account& account) {
  account.promised = 0;
  set_granted(account, 0);
}

void Lending::grant_what_is_given() {
  // The target may be on its way down, or not have arrived: what is given now may be taken back.
  const std::uint64_t safe = std::min({given_, confirmed_, target_});
  for (;;) {
    const std::uint64_t covered = by_hand_ + lent();
    if (safe <= covered) return;
    Account* first = nullptr;
    for (Account& account : accounts_) {
      if (account.promised == 0) continue;
      if (first == nullptr || account.order < first->order) first = &account;
    }
    if (first == nullptr) return;
    const auto blocks =
        static_cast<Blocks>(std::min<std::uint64_t>(first->promised, safe - covered));
    first->promised -= blocks;
    set_granted(*first, first->granted + blocks);
  }
}

void Lending::recall_what_is_taken() {
  std::uint64_t granted = 0;
  for (const Account& account : accounts_) granted += account.granted;
  while (granted > given_) {
    const auto last = std::max_element(accounts_.begin(), accounts_.end(),
                                       [](const Account& left, const Account& right) {
                                         return std::pair(left.granted != 0, left.order) <
                                                std::pair(right.granted != 0, right.order);
                                       });
    const auto blocks =
        static_cast<Blocks>(std::min<std::uint64_t>(last->granted, granted - given_));
    set_granted(*last, last->granted - blocks);
    granted -= blocks;
    uncovered_ += blocks;
  }
}

void Lending::settle(Time now) {
  if (runs_) {
    recall_what_is_taken();
    grant_what_is_given();
  }
  for (unsigned index = 0; index < kMaxCells; ++index) watch(index, now);
  if (runs_ && target_ != confirmed_) return;
  const Blocks wished = wish();
  if (wished != target_) target_changed_ = now;
  target_ = wished;
  if (!runs_) confirmed_ = target_;
}

void Lending::watch(unsigned index, Time now) {
  Account& account = accounts_[index];
  if (account.lent() == account.granted) {
    account.due = agree::kNever;
    account.overdue = false;
  } else if (account.due == agree::kNever) {
    account.due = now + kRecallLimit;
  }
  if (!account.settled() || account.announced == account.granted) return;
  if (events_[index].blocks != 0) return;  // Another time: that one is to be told first.
  const bool more = account.granted > account.announced;
  events_[index] = {
      more ? Event::Kind::kGranted : Event::Kind::kReturned,
      more ? account.granted - account.announced : account.announced - account.granted};
  account.announced = account.granted;
}

void Lending::vmm_started(Time now) {
  vmm_ended(now);
  runs_ = true;
}

void Lending::vmm_ended(Time now) {
  runs_ = false;
  given_ = 0;
  for (Account& account : accounts_) recall(account);
  settle(now);
}

bool Lending::note_balloon(Blocks target, Blocks given, Time now) {
  if (!runs_ || given > own_ || (target != target_ && target != confirmed_)) return false;
  if (target == target_) confirmed_ = target_;
  given_ = given;
  settle(now);
  return true;
}

void Lending::set_by_hand(Blocks blocks, Time now) {
  by_hand_ = std::min(blocks, own_);
  settle(now);
}

void Lending::promise(CellId borrower, Blocks blocks, Time now) {
  Account& account = accounts_[agree::index_of(borrower)];
  account.promised += blocks;
  account.promised_at = now;
  account.order = ++promises_;
  settle(now);
}

void Lending::recall(CellId borrower, Time now) {
  recall(accounts_[agree::index_of(borrower)]);
  settle(now);
}

void Lending::gone(CellId borrower, Time now) {
  Account& account = accounts_[agree::index_of(borrower)];
  const Blocks announced = account.announced;
  account = Account{};
  account.announced = announced;
  settle(now);
}

bool Lending::hear(CellId borrower, const mesh::LoanWord& word, Time now) {
  Account& account = accounts_[agree::index_of(borrower)];
  if (word.life != account.life) {
    // Grants name the life that they are for: an earlier one's are void, and so is what it held.
    account.life = word.life;
    account.promised = account.granted = account.unrefuted = account.held = 0;
    account.said = account.seen = false;
  }
  // It can hold no more than it held or was granted. What it was lent before this process began, or
  // before it was gone, is its own to say.
  const Blocks most = account.known ? account.lent() : own_ - std::min(own_, reserve_);
  account.held = std::min(word.held, most);
  if (!account.known) account.announced = std::max(account.announced, account.held);
  if (account.said && !account.seen && word.seen >= account.since) {
    account.seen = account.known = true;
    account.unrefuted = account.granted;
  }
  // It has seen the grant and holds less: it has given that back and takes it only as a new grant.
  if (account.seen && account.held < account.granted) set_granted(account, account.held);
  settle(now);
  return word.held <= most;
}

void Lending::told(CellId borrower, std::uint64_t number) {
  Account& account = accounts_[agree::index_of(borrower)];
  if (account.said) return;
  account.said = true;
  account.since = number;
}

void Lending::tick(Time now) {
  for (unsigned index = 0; index < kMaxCells; ++index) {
    Account& account = accounts_[index];
    if (account.promised != 0 && now >= account.promised_at + kFillLimit) {
      events_[index] = {Event::Kind::kShort, account.promised};
      account.promised = 0;
    }
    if (!account.overdue && now >= account.due) {
      account.overdue = true;
      events_[index] = {Event::Kind::kOverdue, account.lent() - account.granted};
    }
  }
  settle(now);
}

Time Lending::deadline() const {
  Time next = agree::kNever;
  for (const Account& account : accounts_) {
    if (account.promised != 0) next = std::min(next, account.promised_at + kFillLimit);
    if (!account.overdue) next = std::min(next, account.due);
  }
  return next;
}

Lending::Blocks Lending::take_uncovered() { return std::exchange(uncovered_, 0); }

Lending::Event Lending::take_event(CellId borrower) {
  return std::exchange(events_[agree::index_of(borrower)], {});
}

}  // namespace hive::sharing
