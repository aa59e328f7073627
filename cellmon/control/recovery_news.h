// What this monitor tells programs in its guest of other cells' failures.
#pragma once

#include <array>
#include <cstdint>

#include "cellmon/agree/cell_set.h"
#include "cellmon/agree/view.h"
#include "cellmon/firewall/page_range.h"
#include "guests/abi/recovery_news.h"
#include "vmm/base/ids.h"

namespace hive::control {

/// Writes guests/abi/recovery_news.h in its cell's contribution. The guest may read it at any time,
/// and may put anything there: nothing is read back. Not thread-safe.
class RecoveryNews {
 public:
  /// FILE, of SIZE bytes, is the contribution, which has a system area. Throws Error.
  RecoveryNews(int file, std::uint64_t size);
  RecoveryNews(const RecoveryNews&) = delete;
  RecoveryNews& operator=(const RecoveryNews&) = delete;
  RecoveryNews(RecoveryNews&&) = delete;
  RecoveryNews& operator=(RecoveryNews&&) = delete;
  ~RecoveryNews();

  /// A VMM of INCARNATION starts: its guest has heard of no discards yet.
  void begin(Incarnation incarnation);
  /// CELL runs INCARNATION: all before it is over.
  void note_up(CellId cell, Incarnation incarnation);
  /// All of CELL up to INCARNATION is over.
  void note_end(CellId cell, Incarnation incarnation);
  /// CELL is out of the view, and so what it runs.
  void note_out(CellId cell) { note_end(cell, up_[agree::index_of(cell)]); }
  /// What VIEW says of the past: a monitor that is started later hears it from nobody else.
  void note_view(const agree::View& view);
  /// PAGES were dropped, after CELLS had failed in EPOCH.
  void add(const firewall::PageRange& pages, agree::CellSet cells, std::uint64_t epoch);

 private:
  void* base_;
  hive_recovery_news* news_;
  // What was written: the guest's copy is not to be relied on.
  std::uint32_t last_ = 0;
  std::array<Incarnation, HIVE_NEWS_CELLS> over_{};
  std::array<Incarnation, HIVE_NEWS_CELLS> up_{};  ///< The last that has run.
};

}  // namespace hive::control
