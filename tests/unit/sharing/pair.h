// A lender and a borrower, whose words and reports pass at once.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>

#include "cellmon/sharing/loans.h"

namespace hive::sharing {

inline constexpr CellId kLender{0};
inline constexpr CellId kBorrower{1};
inline constexpr agree::Time kLimit = 12'000'000'000;  ///< Longer than any limit of Loans.

/// Why something was refused, as it had to be.
inline Reason reason_of(const std::optional<Refusal>& refusal) {
  EXPECT_TRUE(refusal);
  return refusal ? refusal->reason : Reason::kMalformed;
}

struct Pair {
  static constexpr std::uint64_t kLenderLife = 3;
  static constexpr std::uint64_t kBorrowerLife = 4;

  static Loans::Settings settings(CellId self) { return {self, 100, 20, 50}; }

  Pair() {
    lender.vmm_started(kLenderLife, now);
    borrower.vmm_started(kBorrowerLife, now);
    lender.joined(kBorrower, now);
    borrower.joined(kLender, now);
    join();
    talk();
  }

  void join() {
    linked = true;
    lender.link_up(kBorrower, now);
    borrower.link_up(kLender, now);
  }
  void cut() {
    linked = false;
    lender.link_lost(kBorrower, now);
    borrower.link_lost(kLender, now);
  }

  /// Words pass until there is nothing more to say.
  void talk() {
    for (bool more = true; more && linked;) {
      more = false;
      if (lender.needs_word(now)) {
        borrower.hear(kLender, lender.word_for(kBorrower, now), now);
        more = true;
      }
      if (borrower.needs_word(now)) {
        lender.hear(kBorrower, borrower.word_for(kLender, now), now);
        more = true;
      }
    }
  }
  /// Both guests do what they are asked for, as far as they will, and words pass.
  void exchange() {
    for (unsigned round = 0; round < 6; ++round) {
      const policy::Blocks balloon = lender.balloon_target();
      lender.note_balloon(balloon, std::min(balloon, most_given), now);
      const policy::Blocks spare = borrower.spare_target();
      const policy::Blocks most = std::min(spare, most_plugged);
      borrower.note_spare(spare, std::max(most, least_plugged), now);
      talk();
    }
  }
  /// The same for TIME.
  void settle(agree::Time time) {
    for (const agree::Time end = now + time; now < end; now += 100'000'000) {
      exchange();
      lender.tick(now);
      borrower.tick(now);
    }
    exchange();
  }
  /// Lends BLOCKS and waits until that is done.
  void lend(policy::Blocks blocks) {
    lender.lend(kBorrower, blocks, 50, now);
    settle(kLimit);
  }

  agree::Time now = 1'000'000'000;
  bool linked = false;
  policy::Blocks most_given = ~0U;
  policy::Blocks most_plugged = ~0U;
  policy::Blocks least_plugged = 0;
  Loans lender{settings(kLender)};
  Loans borrower{settings(kBorrower)};
};

}  // namespace hive::sharing
