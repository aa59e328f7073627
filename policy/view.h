// What a policy sees of the machine.
#pragma once

#include <array>
#include <cstdint>

#include "guests/abi/global_memory.h"

namespace hive::policy {

/// A cell's number within its machine, in the order of the plan, from 0 to kMaxCells - 1.
using Cell = std::uint8_t;
inline constexpr unsigned kMaxCells = HIVE_GLOBAL_MAX_CELLS;
inline constexpr Cell kNoCell = 0xff;

/// Memory of guests is counted, and changes hands, in blocks of that many bytes.
inline constexpr std::uint64_t kBlockBytes = 2U << 20U;
using Blocks = std::uint32_t;

/// How many whole blocks BYTES are.
constexpr Blocks blocks_of(std::uint64_t bytes) {
  constexpr std::uint64_t kMost = 0xffff'ffff;
  const std::uint64_t blocks = bytes / kBlockBytes;
  return static_cast<Blocks>(blocks < kMost ? blocks : kMost);
}

/// A cell's memory. What its kernel says (hive_agent_load) is its word and may be a lie. Counts and
/// times are what was added in the view's interval.
struct MemoryView {
  Blocks own_blocks = 0;      ///< Its RAM by the plan.
  Blocks reserve_blocks = 0;  ///< It lends nothing that would leave it less RAM than that.
  Blocks room_blocks = 0;     ///< How much more it can be lent.
  /// A loan of this cell is under way; the kernel's figures do not show all of it.
  bool settling = false;

  Blocks total_blocks = 0;  ///< What its kernel has to hand out; 0: unknown, as is the rest.
  Blocks free_blocks = 0;
  Blocks available_blocks = 0;     ///< Free or easy to free, as what caches files.
  std::uint64_t stalled_us = 0;    ///< Time in which some task waited for memory.
  std::uint64_t swapped_in = 0;    ///< Pages.
  std::uint64_t swapped_out = 0;   ///< Pages.
  std::uint64_t major_faults = 0;  ///< That had to wait for a disk.
};

/// A cell's CPU time in the view's interval, and its share of the CPUs.
struct CpuView {
  std::uint32_t vcpus = 0;         ///< 0: unknown, as is the rest.
  std::uint64_t ran_ns = 0;        ///< Of all its vCPUs.
  std::uint64_t waited_ns = 0;     ///< For which they were ready to run and had no CPU.
  std::uint32_t weight = 0;        ///< As of cgroup v2, now.
  std::uint32_t usual_weight = 0;  ///< By hand, else by the plan.
};

struct CellView {
  /// It is a member, its figures could be read at both ends of the interval, and it was the same
  /// incarnation at both. Policies have nothing to do with other cells.
  bool live = false;
  std::uint32_t incarnation = 0;
  MemoryView memory;
  CpuView cpu;
  /// Of its contribution to global memory: in a row, in no section, and for others to have.
  Blocks unused_blocks = 0;
};

/// A section of global memory and who uses it.
struct SectionView {
  Cell home = kNoCell;
  std::uint32_t number = 0;  ///< Home's number for it.
  Blocks blocks = 0;         ///< Rounded up.
  bool moving = false;
  /// How often each cell used it in the interval; any measure will do that is the same for all.
  std::array<std::uint32_t, kMaxCells> uses{};
};

/// The machine at one time. Plain values: a policy has no memory but what it finds here, so that
/// each incarnation of Wax does as the last one would have.
struct View {
  static constexpr unsigned kMaxSections = 32;  ///< The most used ones, if there are more.

  std::uint64_t now_ns = 0;       ///< A monotonic clock.
  std::uint64_t interval_ns = 0;  ///< Between the two samples that differences are of; 0: none.
  std::uint64_t epoch = 0;
  std::uint32_t cpus = 0;  ///< Of the host, that the cells share; 0: unknown.
  std::array<CellView, kMaxCells> cells{};
  /// loans[lender][borrower]: blocks that were lent and not given back.
  std::array<std::array<Blocks, kMaxCells>, kMaxCells> loans{};
  Cell placement = kNoCell;  ///< The home that new sections are placed at.
  std::uint32_t section_count = 0;
  std::array<SectionView, kMaxSections> sections{};
};

/// Whether CELL is one that policies have to do with.
constexpr bool is_live(const View& view, Cell cell) {
  return cell < kMaxCells && view.cells[cell].live;
}

/// Whether what CELL's kernel says of its memory is known and makes sense.
constexpr bool knows_memory(const View& view, Cell cell) {
  if (!is_live(view, cell)) return false;
  const MemoryView& memory = view.cells[cell].memory;
  return memory.total_blocks != 0 && memory.free_blocks <= memory.total_blocks &&
         memory.available_blocks <= memory.total_blocks;
}

/// All that CELL has lent, to whomever. CELL is below kMaxCells.
std::uint64_t lent_by(const View& view, Cell cell);
/// All that CELL has borrowed. CELL is below kMaxCells.
std::uint64_t borrowed_by(const View& view, Cell cell);
/// The RAM that CELL has, by the accounts: its own, less what it lent, and what it borrowed. CELL
/// is below kMaxCells.
std::uint64_t ram_of(const View& view, Cell cell);

}  // namespace hive::policy
