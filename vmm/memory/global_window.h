// Global memory as one VMM sees it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "vmm/base/range.h"
#include "vmm/base/unique_fd.h"
#include "vmm/memory/all_ones.h"
#include "vmm/memory/write_guard.h"

namespace hive::memory {

/// Where each cell's contribution lies within global memory, the same for every cell: one after the
/// other in the order of the cells, each at a multiple of 2 MiB. A cell that contributes nothing
/// has an empty range.
std::vector<Range> lay_out_global_memory(std::span<const std::uint64_t> contributions);

/// The end that a VMM gives away of its mapping of one home's contribution.
struct HomeGuard {
  unsigned home = 0;       ///< Index of the cell whose contribution it is.
  UniqueFd descriptor;     ///< Of protect_writes().
  std::uint64_t base = 0;  ///< Where this process has the contribution mapped.
  std::uint64_t size = 0;
};

/// All contributions to global memory, mapped once and in one piece. The cell's own can be written;
/// all others are protected against writes from the start.
///
/// The files are closed once mapped: a second mapping, or a write through the file, would pass the
/// firewall by. The object keeps a copy of each guard, unused, so that memory stays protected
/// when a monitor dies and its copy is closed; these have the highest descriptors of the process,
/// so that a sandbox can tell them by their numbers. Const after take_guards(), but for which homes
/// are closed.
class GlobalWindow {
 public:
  /// FILES[n] is the contribution of cell n, SIZES[n] bytes long (a multiple of 2 MiB, so that
  /// there are no gaps between; 0: none, and no file). OWN is the cell whose VMM this is. Throws
  /// Error.
  GlobalWindow(std::vector<UniqueFd> files, std::span<const std::uint64_t> sizes, unsigned own);
  GlobalWindow(const GlobalWindow&) = delete;
  GlobalWindow& operator=(const GlobalWindow&) = delete;
  ~GlobalWindow();

  [[nodiscard]] std::byte* base() const { return base_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] unsigned own() const { return own_; }
  /// Each cell's contribution, as offsets within the window.
  [[nodiscard]] std::span<const Range> contributions() const { return contributions_; }
  /// The cell whose contribution OFFSET is in, or -1 past the last.
  [[nodiscard]] int home_of(std::uint64_t offset) const;

  /// The lowest descriptor of the copies that are kept, or nothing where there are none.
  [[nodiscard]] std::optional<int> first_kept() const;

  /// The guards of all foreign contributions, for their homes' monitors. Once.
  std::vector<HomeGuard> take_guards();

  /// The homes that are closed from now on (bit n: cell n): the guest and its devices are to find
  /// all-ones in their contributions' place, and can write nothing there. The mapping itself stays
  /// as it is. The own one never is closed. Throws Error.
  void close(std::uint64_t homes);
  [[nodiscard]] std::uint64_t closed() const { return closed_.load(std::memory_order_acquire); }
  /// Whether a part of RANGE is closed. Thread-safe, as closed() is.
  [[nodiscard]] bool is_closed(const Range& range) const;
  /// What takes the place, as long as the longest foreign contribution.
  [[nodiscard]] const AllOnes& ones() const { return ones_; }

  /// Makes the foreign pages of RANGE, in whole pages, unwritable to this process, or writable
  /// again, beneath the firewall's own protection, which stays. Thread-safe. Throws Error.
  void forbid(const Range& range) { set_access(range, false); }
  void allow(const Range& range) { set_access(range, true); }
  /// Has the threads that wait to write a page of RANGE try again. Thread-safe.
  void wake(const Range& range);

 private:
  void map(unsigned cell, const UniqueFd& file, int least);
  void set_access(const Range& range, bool writable);
  /// What of RANGE is CELL's, and is foreign. Empty where nothing is.
  [[nodiscard]] Range foreign_part(const Range& range, unsigned cell) const;

  std::vector<Range> contributions_;
  std::uint64_t size_ = 0;
  unsigned own_;
  AllOnes ones_;
  std::atomic<std::uint64_t> closed_{0};
  std::byte* base_ = nullptr;
  std::vector<WriteGuard> kept_;  ///< One for each contribution; none for the cell's own.
  std::vector<HomeGuard> guards_;
};

}  // namespace hive::memory
