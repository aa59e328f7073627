// What a survivor does to recover, in this order.
#pragma once

#include <cstdint>

namespace hive::recover {

/// One thing that a survivor does after a view that somebody failed in. Each can be done again, in
/// part or as a whole, without harm. docs/recovery.md says what each comes to.
enum class Step : std::uint8_t {
  kSuspend = 1,  ///< The own guest stands still, and recovery holds it.
  kStop,         ///< The failed incarnations reach this cell no more, by whatever way.
  kClose,        ///< Their cells' pages are closed to the own guest.
  kRevoke,       ///< They lose what they could write here; what is to be discarded is noted.
  // Barrier: kFenced.
  kDiscard,      ///< The content of the noted pages is dropped.
  kGenerations,  ///< Their generations are bumped, their marks taken.
  kLocks,        ///< The locks that they held are abandoned.
  kCalls,        ///< The calls that are under way with them fail.
  kAgents,       ///< The own guest's agent is told, before the guest runs.
  // Barrier: kClean.
  kAdmit,   ///< Members that are new are open to the own guest.
  kResume,  ///< Recovery holds the own guest no more.
  // Barrier: kResumed.
};
inline constexpr Step kFirstStep = Step::kSuspend;
inline constexpr Step kLastStep = Step::kResume;

/// The step after STEP, or one beyond kLastStep.
constexpr Step step_after(Step step) { return static_cast<Step>(static_cast<unsigned>(step) + 1); }

/// How far a survivor has come, and how far all have: the barriers.
enum class Phase : std::uint8_t {
  kNone,
  kFenced,   ///< What failed neither writes here nor is read here any more; the guest stands still.
  kClean,    ///< Nothing is left here of what it may have written.
  kResumed,  ///< The guest may run.
};

/// The barrier after STEP, or kNone.
constexpr Phase barrier_after(Step step) {
  switch (step) {
    case Step::kRevoke:
      return Phase::kFenced;
    case Step::kAgents:
      return Phase::kClean;
    case Step::kResume:
      return Phase::kResumed;
    default:
      return Phase::kNone;
  }
}

}  // namespace hive::recover
