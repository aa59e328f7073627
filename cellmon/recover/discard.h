// Which pages of a home are to be discarded when cells have failed.
#pragma once

#include <cstdint>
#include <vector>

#include "cellmon/agree/cell_set.h"
#include "cellmon/firewall/contribution.h"
#include "cellmon/firewall/page_set.h"

namespace hive::recover {

/// What a failed cell may have corrupted.
enum class DiscardPolicy : std::uint8_t {
  kWritable,  ///< All that it could write when it lost its rights (preemptive discard).
  kWritten,   ///< What it has opened by a write since it was last allowed to.
};

/// The pages of LEDGER's home that are to be discarded when the cells FAILED have, in ascending
/// order, each once. Where home itself failed, all. The time follows the number of pages that these
/// cells could write, or have written.
firewall::PageRanges plan_discard(const firewall::Ledger& ledger, agree::CellSet failed,
                                  DiscardPolicy policy);

/// The pages of one home that wait for their discard. They are noted when a failed cell loses its
/// rights, which the ledger forgets then, and stay noted until they were discarded, however often
/// recovery starts anew. Pure. Not thread-safe.
class DoomedPages {
 public:
  /// For a contribution of PAGES pages.
  DoomedPages(DiscardPolicy policy, std::uint64_t pages) : policy_(policy), pages_(pages) {}

  /// Takes from CONTRIBUTION all that the cells FAILED hold of it, and notes what is to be
  /// discarded: everything, where home is one of them. The hardware has to follow what is returned,
  /// before Step::kRevoke is done. Nothing is returned for a cell that has lost all before.
  [[nodiscard]] std::vector<firewall::CellRevocation> condemn(firewall::Contribution& contribution,
                                                              agree::CellSet failed);
  /// A cell lost LOST of its rights when its VMM ended, which may be a failure: notes the same
  /// pages as condemn() would have then. Not for a cell that is shut down.
  void note(const firewall::Revocation& lost);
  /// RANGE was handed out anew, or dropped: nothing of the failed cells is left in it.
  void forget(const firewall::PageRange& range);
  /// RANGES, which pages() gave, were discarded.
  void discarded(const firewall::PageRanges& ranges);

  /// What is to be discarded, in ascending order.
  [[nodiscard]] firewall::PageRanges pages() const;
  [[nodiscard]] std::uint64_t count() const { return doomed_.count(); }
  [[nodiscard]] DiscardPolicy policy() const { return policy_; }

 private:
  DiscardPolicy policy_;
  std::uint64_t pages_;
  firewall::PageSet doomed_{pages_};
};

}  // namespace hive::recover
