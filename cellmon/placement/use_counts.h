// How much a cell uses sections of global memory, as its programs say.
#pragma once

#include <cstdint>
#include <vector>

#include "guests/abi/state_page.h"
#include "vmm/base/ids.h"

namespace hive::placement {

/// Nanoseconds of a monotonic clock.
using Time = std::uint64_t;

/// Uses are the guest's word. A guest that lies has a section moved for nothing, no more.
///
/// Bounded, whatever is noted: only the kMost sections that are used most are kept. Pure, not
/// thread-safe.
class UseCounts {
 public:
  static constexpr unsigned kMost = HIVE_STATE_SECTIONS;
  /// Uses are counted for so long, and then are what is said of the next such time.
  static constexpr Time kWindow = 2'000'000'000;

  /// The cell has used section NUMBER of HOME, which is not 0, COUNT times more.
  void note(CellId home, std::uint32_t number, std::uint64_t count, Time now);
  /// What is to be published, but for its time. A section that was not used for a whole window is
  /// forgotten.
  void fill(hive_state_uses& uses, Time now);
  /// Another guest begins.
  void clear();

 private:
  struct Entry {
    CellId home{};
    std::uint32_t number = 0;
    std::uint64_t count = 0;  ///< In this window.
    std::uint32_t rate = 0;   ///< A second, in the last one.
  };

  void end_window(Time now);
  [[nodiscard]] static std::uint64_t weight(const Entry& entry);

  std::vector<Entry> entries_;
  Time began_ = 0;  ///< When this window did; 0: with the first use.
};

}  // namespace hive::placement
