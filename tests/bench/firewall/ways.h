// Ways to let a cell write pages and to stop it again, to compare.
#pragma once

#include <cstdint>
#include <span>

#include "cellmon/firewall/page_range.h"
#include "tests/kvm/harness/global_cells.h"

namespace hive::bench {

/// What each way costs, in microseconds of processor time of the thread that asks.
class Stopwatch {
 public:
  Stopwatch();
  [[nodiscard]] double us() const;

 private:
  double start_;
};

/// Home's gatekeeper, with its ledger. The cell's first write to each page opens it.
void grant_by_hive(test::Home& home, std::span<const firewall::PageRange> pattern);
void revoke_by_hive(test::Home& home, std::span<const firewall::PageRange> pattern);

/// UFFDIO_WRITEPROTECT of each range, and nothing else.
void grant_by_ioctl(test::Home& home, std::span<const firewall::PageRange> pattern);
void revoke_by_ioctl(test::Home& home, std::span<const firewall::PageRange> pattern);

/// mprotect of each range in the mapping that KVM uses. Each range splits it, so that a process has
/// some 32,000 ranges at most (vm.max_map_count).
void grant_by_mprotect(test::Home& home, std::span<const firewall::PageRange> pattern);
void revoke_by_mprotect(test::Home& home, std::span<const firewall::PageRange> pattern);

}  // namespace hive::bench
