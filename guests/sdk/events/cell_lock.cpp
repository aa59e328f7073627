#include "guests/sdk/events/cell_lock.h"

#include <string>

#include "guests/sdk/guard.h"

namespace hive::sdk {
namespace {

/// Exchanges of one try: more are lost only to somebody who does nothing but change the word.
constexpr int kMostAttempts = 64;

Failure fault() { return {HIVE_FAULT, "the lock's word cannot be written by this cell"}; }

std::uint32_t word_of(const LockOwner& owner) {
  return (owner.cell + 1) << HIVE_LOCK_OWNER_SHIFT |
         (owner.incarnation & HIVE_LOCK_INCARNATION_MASK);
}

}  // namespace

std::uint32_t CellLock::own_word() const { return word_of(self_); }

bool CellLock::is_stale(const LockState& state) const {
  if (!state.held) return false;
  if (state.owner.cell == self_.cell) {
    return state.owner.incarnation != (self_.incarnation & HIVE_LOCK_INCARNATION_MASK);
  }
  return events_.areas().news().is_over(state.owner.cell, state.owner.incarnation);
}

/// False, with the word in SEEN: others hold it, or it changed all the time.
Result<bool> CellLock::try_to_take(std::uint32_t& seen, std::uint32_t waiters, Taken& taken) {
  seen = 0;
  std::uint32_t expected = 0;
  std::uint32_t desired = own_word() | waiters;
  taken = Taken::kFree;
  for (int attempt = 0; attempt < kMostAttempts; ++attempt) {
    if (!guarded_exchange_if(word_, seen, desired)) return fault();
    if (seen == expected) return true;
    const LockState state = read_lock(seen);
    if (state.gone) return failure_of(HIVE_GONE);
    const bool stale = is_stale(state);
    if (state.held && !stale) return false;
    taken = state.abandoned || stale ? Taken::kAbandoned : Taken::kFree;
    expected = seen;
    desired = own_word() | waiters | (seen & HIVE_LOCK_WAITERS);
  }
  return false;
}

/// Marks the word, which was SEEN, and waits until END for it to change. Whether it was marked.
Result<bool> CellLock::wait_for_change(std::uint32_t seen, Clock::time_point end) {
  const std::uint32_t marked = seen | HIVE_LOCK_WAITERS;
  std::uint32_t found = seen;
  if (found != marked && !guarded_exchange_if(word_, found, marked)) return fault();
  if (found != seen) return false;
  const Events::Look changed = [this, marked] {
    std::uint32_t now = 0;
    return !guarded_load_word(word_, now) || now != marked || is_stale(read_lock(now));
  };
  (void)events_.wait(key_, changed, end);
  return true;
}

Failure CellLock::late(std::uint32_t seen) const {
  const LockState state = read_lock(seen);
  if (!state.held || is_stale(state)) {
    return {HIVE_DEADLINE, "the lock's word kept changing until the deadline"};
  }
  return {HIVE_DEADLINE,
          "cell " + std::to_string(state.owner.cell) + " held the lock until the deadline"};
}

Result<Taken> CellLock::take(Clock::time_point end) {
  std::uint32_t waiters = 0;
  std::uint32_t seen = 0;
  Taken taken = Taken::kFree;
  while (true) {
    const auto got = try_to_take(seen, waiters, taken);
    if (!got.ok()) return got.failure();
    if (got.value()) return taken;
    const LockState state = read_lock(seen);
    // Who frees a lock wakes; nobody does where it is free.
    if (state.held && !is_stale(state)) {
      const auto waited = wait_for_change(seen, end);
      if (!waited.ok()) return waited.failure();
      // Whoever has slept may not be the only one: it takes the lock as one that is waited for.
      if (waited.value()) waiters = HIVE_LOCK_WAITERS;
    }
    if (Clock::now() >= end) {
      const auto last = try_to_take(seen, waiters, taken);
      if (!last.ok()) return last.failure();
      if (last.value()) return taken;
      return late(seen);
    }
  }
}

/// Where OWNER holds the lock, the word becomes REPLACEMENT. NEEDED: it is a failure if not.
Result<Done> CellLock::replace(const LockOwner& owner, std::uint32_t replacement, bool needed) {
  const std::uint32_t held = word_of(owner);
  std::uint32_t seen = held;
  std::uint32_t expected = held;
  for (int attempt = 1;; ++attempt) {
    if (!guarded_exchange_if(word_, seen, replacement)) return fault();
    if (seen == expected) break;
    if (attempt == kMostAttempts) {
      return Failure{HIVE_BROKEN, "somebody keeps changing the lock's word"};
    }
    if ((seen & ~HIVE_LOCK_WAITERS) != held || read_lock(seen).gone) {
      if (!needed) return Done{};
      return Failure{HIVE_INVALID, "this cell does not hold the lock"};
    }
    expected = seen;
  }
  if ((expected & HIVE_LOCK_WAITERS) != 0) events_.wake(key_);
  return Done{};
}

Result<Done> CellLock::free() { return replace(self_, 0, true); }

Result<Done> CellLock::abandon(const LockOwner& owner) {
  return replace(owner, HIVE_LOCK_ABANDONED, false);
}

Result<LockState> CellLock::state() const {
  std::uint32_t word = 0;
  if (!guarded_load_word(word_, word)) return fault();
  return read_lock(word);
}

}  // namespace hive::sdk
