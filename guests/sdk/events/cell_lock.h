// A lock among cells (guests/abi/cell_lock.h).
#pragma once

#include <cstdint>

#include "guests/abi/cell_lock.h"
#include "guests/sdk/events/events.h"
#include "guests/sdk/result.h"

namespace hive::sdk {

/// One boot of a cell.
struct LockOwner {
  std::uint32_t cell = 0;
  std::uint32_t incarnation = 0;
};

/// How a lock was got.
enum class Taken : std::uint8_t {
  kFree,
  kAbandoned,  ///< From an owner that failed: what the lock protects may be half-changed.
};

/// What a word says of its lock.
struct LockState {
  bool gone = false;
  bool held = false;
  bool abandoned = false;  ///< And free.
  LockOwner owner;         ///< Where it is held; the incarnation modulo 2^24.
};

constexpr LockState read_lock(std::uint32_t word) {
  LockState state;
  state.gone = word == HIVE_LOCK_GONE;
  const std::uint32_t owner = (word & HIVE_LOCK_OWNER_MASK) >> HIVE_LOCK_OWNER_SHIFT;
  state.held = owner != 0;
  state.abandoned = !state.held && (word & HIVE_LOCK_INCARNATION_MASK) != 0;
  if (state.held) state.owner = {owner - 1, word & HIVE_LOCK_INCARNATION_MASK};
  return state;
}

/// The lock in one word, as SELF sees it. It excludes threads of one cell from each other too, but
/// does not know which one holds it. Accesses may fault: HIVE_FAULT. Others may put anything into
/// the word; nothing loops for ever on that. Thread-safe.
class CellLock {
 public:
  /// WORD is where the word at KEY is mapped. EVENTS outlives the lock.
  CellLock(Events& events, unsigned char* word, const WaitKey& key, const LockOwner& self)
      : events_(events), word_(word), key_(key), self_(self) {}

  /// HIVE_DEADLINE: others had it until END. HIVE_GONE: the word's home is gone.
  Result<Taken> take(Clock::time_point end);
  /// HIVE_INVALID: this cell does not hold it. HIVE_BROKEN, here and below: somebody keeps changing
  /// the word.
  Result<Done> free();
  /// Takes it from OWNER, which failed; whoever gets it next is told. Does nothing where OWNER does
  /// not hold it.
  Result<Done> abandon(const LockOwner& owner);
  Result<LockState> state() const;

 private:
  [[nodiscard]] std::uint32_t own_word() const;
  /// Held by a boot that is over, which cannot free it any more: an earlier one of this very cell,
  /// or one of which the monitor has told so.
  [[nodiscard]] bool is_stale(const LockState& state) const;
  Result<bool> wait_for_change(std::uint32_t seen, Clock::time_point end);
  [[nodiscard]] Failure late(std::uint32_t seen) const;
  Result<bool> try_to_take(std::uint32_t& seen, std::uint32_t waiters, Taken& taken);
  Result<Done> replace(const LockOwner& owner, std::uint32_t replacement, bool needed);

  Events& events_;
  unsigned char* word_;
  WaitKey key_;
  LockOwner self_;
};

}  // namespace hive::sdk
