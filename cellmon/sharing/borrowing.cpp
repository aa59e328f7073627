#include "cellmon/sharing/borrowing.h"

#include <algorithm>

namespace hive::sharing {

using agree::Time;

std::uint64_t Borrowing::held() const {
  std::uint64_t sum = 0;
  for (const Account& account : accounts_) sum += account.held;
  return sum;
}

Borrowing::Blocks Borrowing::room() const {
  const std::uint64_t taken = held();
  return taken < room_ ? static_cast<Blocks>(room_ - taken) : 0;
}

Borrowing::Blocks Borrowing::wish() const {
  Blocks sum = 0;  // At most the room: hear() sees to that.
  for (const Account& account : accounts_) sum += account.wanted;
  return sum;
}

void Borrowing::release() {
  const Blocks needed = std::max({plugged_, confirmed_, target_, wish()});
  const std::uint64_t sum = held();
  std::uint64_t over = sum > needed ? sum - needed : 0;
  // First who wants it back, then who gets it back without having asked for it.
  for (const bool recalled : {true, false}) {
    for (Account& account : accounts_) {
      const Blocks floor = recalled ? std::max(account.wanted, account.offered) : account.wanted;
      if (account.held <= floor) continue;
      const auto blocks = static_cast<Blocks>(std::min<std::uint64_t>(over, account.held - floor));
      account.held -= blocks;
      over -= blocks;
    }
  }
}

void Borrowing::settle(Time now) {
  release();
  if (!runs_ || target_ != confirmed_) return;
  const Blocks wished = wish();
  if (wished != target_) target_changed_ = now;
  target_ = wished;
}

void Borrowing::vmm_started(Time now) {
  vmm_ended(now);
  runs_ = true;
  plugged_changed_ = now;
}

void Borrowing::vmm_ended(Time now) {
  if (target_ != 0) target_changed_ = now;
  runs_ = false;
  target_ = confirmed_ = plugged_ = 0;
  accounts_ = {};
}

bool Borrowing::note_spare(Blocks target, Blocks plugged, Time now) {
  if (!runs_ || plugged > room_ || (target != target_ && target != confirmed_)) return false;
  if (target == target_) confirmed_ = target_;
  if (plugged != plugged_) plugged_changed_ = now;
  plugged_ = plugged;
  settle(now);
  return true;
}

bool Borrowing::hear(CellId lender, Blocks granted, Time now) {
  Account& account = accounts_[agree::index_of(lender)];
  const Blocks offered = runs_ ? std::min(granted, room_) : 0;
  if (offered > account.offered) {
    // By how much it has grown: what was given back meanwhile stays so.
    account.wanted += std::min(offered - account.offered, room_ - wish());
  }
  account.offered = offered;
  account.wanted = std::min(account.wanted, offered);
  account.held = std::max(account.held, account.wanted);
  settle(now);
  // What is on its way back when more is lent may be in it twice.
  return granted <= 2 * std::uint64_t{room_};
}

void Borrowing::give_back(CellId lender, Blocks blocks, Time now) {
  accounts_[agree::index_of(lender)].wanted -= blocks;
  settle(now);
}

Borrowing::Blocks Borrowing::tick(Time now) {
  if (now < deadline()) return 0;
  const Blocks unused = target_ - plugged_;
  Blocks left = unused;
  for (Account& account : accounts_) {
    const Blocks blocks = std::min(left, account.wanted);
    account.wanted -= blocks;
    left -= blocks;
  }
  settle(now);
  return unused;
}

Time Borrowing::deadline() const {
  const bool waits = runs_ && target_ == confirmed_ && target_ == wish() && plugged_ < target_;
  return waits ? std::max(target_changed_, plugged_changed_) + kPlugLimit : agree::kNever;
}

}  // namespace hive::sharing
