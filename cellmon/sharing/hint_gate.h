// Which hints get through to what a monitor does: the checks that need nothing but the hint.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <variant>

#include "cellmon/agree/port.h"
#include "cellmon/sharing/refusal.h"
#include "guests/abi/wax.h"
#include "policy/hint_words.h"
#include "vmm/base/ids.h"
#include "vmm/base/token_bucket.h"

namespace hive::sharing {

/// Checks the hints that reach a cell's monitor, whoever sends them: author, form, address, rate.
/// Whether a hint can be followed is its follower's to say (Loans). Pure, not thread-safe.
class HintGate {
 public:
  /// Hints of all kinds together, and those of each kind, a second and at once: more than a policy
  /// gives in its rounds of a quarter of a second for one cell. Weights are set by writing files,
  /// and policies move them once a round at most.
  static constexpr unsigned kRate = HIVE_WAX_HINT_RATE;
  static constexpr unsigned kBurst = 64;
  static constexpr unsigned kWeightRate = 4;
  static constexpr unsigned kWeightBurst = 8;
  static constexpr unsigned kMoveRate = 4;
  static constexpr unsigned kMoveBurst = 8;

  explicit HintGate(CellId self) : self_(self) {}

  /// From now on hints are AUTHOR's, and come from CELL's monitor.
  void set_author(CellId cell, const policy::Author& author);
  /// There is no Wax now.
  void clear_author() { has_author_ = false; }

  /// WORDS, which may be anything, came from FROM's monitor at NOW: the hint, or why it is refused,
  /// which is counted.
  std::variant<policy::Hint, Refusal> check(CellId from, const hive_wax_hint& words,
                                            agree::Time now);
  /// One that was let through was refused by who was to follow it.
  void count(Reason reason) { refused_.add(reason); }
  [[nodiscard]] const RefusalCounts& refused() const { return refused_; }
  /// Hints that were let through.
  [[nodiscard]] std::uint64_t passed() const { return passed_; }

 private:
  static constexpr std::size_t kKinds = 5;

  [[nodiscard]] std::optional<Refusal> fault_of(CellId from, const hive_wax_hint& words,
                                                policy::Hint& hint) const;

  CellId self_;
  bool has_author_ = false;
  CellId author_cell_{};
  policy::Author author_;
  TokenBucket all_{kRate, kBurst};
  std::array<TokenBucket, kKinds> kinds_{{{kRate, kBurst},
                                          {kRate, kBurst},
                                          {kWeightRate, kWeightBurst},
                                          {kRate, kBurst},
                                          {kMoveRate, kMoveBurst}}};
  RefusalCounts refused_;
  std::uint64_t passed_ = 0;
};

}  // namespace hive::sharing
