// From state pages to views.
#pragma once

#include <array>
#include <cstdint>

#include "guests/abi/state_reading.h"
#include "policy/view.h"

namespace hive::policy {

/// The interval of the views that are made here: counts and times are as many as in a second,
/// whatever time lay between the samples that they are differences of.
inline constexpr std::uint64_t kViewInterval = 1'000'000'000;
/// How old the last figures of a guest, in nanoseconds, and of its memory may be: four times as old
/// as they become while all is well.
inline constexpr std::uint64_t kGuestStale = 2'000'000'000;
inline constexpr std::uint64_t kMemoryStale = 4'000'000'000;
/// The same for what it says of sections and of who uses them.
inline constexpr std::uint64_t kSectionsStale = 2'000'000'000;
/// Two samples further apart are no samples of one time.
inline constexpr std::uint64_t kLongestInterval = 10'000'000'000;

/// What a view has beside what pages say.
struct Moment {
  std::uint64_t now_ns = 0;  ///< The host's monotonic clock, as pages have it.
  std::uint64_t epoch = 0;
  std::uint32_t cpus = 0;  ///< Of the host; 0: unknown.
};

/// COUNT events in INTERVAL nanoseconds, as a number for kViewInterval, rounded down; the largest
/// number where it would be larger. INTERVAL is from 1 to kLongestInterval.
std::uint64_t in_view_interval(std::uint64_t count, std::uint64_t interval);

/// Remembers of each cell the last two samples of its figures that its page has shown. Pages are
/// read more often than they are written, and each at its own time.
///
/// A cell is live in a view only if its page was read whole, is of the view's epoch, names a VMM,
/// has figures that are not stale nor of the future, and two samples of one incarnation. Its memory
/// is known only if the same goes for that. What its page says then may still be a lie.
class Observer {
 public:
  /// Takes what CELL's page said in this round; null: nothing of use. CELL is below kMaxCells.
  void see(Cell cell, const StateReading* reading);

  /// Makes VIEW what was seen in this round and before.
  ///
  /// A loan is what the larger word of lender and borrower says, and while they differ both are
  /// settling; where one of them is not live it is the other's word.
  ///
  /// Sections are those that live homes tell of, each with what live cells say that they use it:
  /// the most used ones, if there are more than a view has room for. What is stale, never written
  /// or names the same section again does not count.
  void show(const Moment& moment, View& view) const;

 private:
  /// The last two samples of some figures; a time of 0: none.
  template <typename Figures>
  struct Samples {
    Figures before{};
    Figures last{};

    void take(const Figures& next);
    [[nodiscard]] bool are_good(std::uint64_t now, std::uint64_t stale) const;
    [[nodiscard]] std::uint64_t interval() const { return last.time_ns - before.time_ns; }
  };

  struct Seen {
    bool read = false;        ///< In this round, all but perhaps its memory.
    bool has_memory = false;  ///< In this round.
    std::uint32_t incarnation = 0;
    std::uint64_t epoch = 0;
    Samples<hive_state_guest> guest;
    Samples<hive_state_memory> memory;
    hive_state_shares shares{};
    hive_state_sections sections{};
    hive_state_uses uses{};
  };

  [[nodiscard]] static bool is_live(Cell cell, const Seen& seen, const Moment& moment);
  static void show_cpu(const Seen& seen, CpuView& cpu);
  static void show_memory(const Seen& seen, const Moment& moment, MemoryView& memory);
  void show_loans(View& view) const;
  void show_placement(View& view) const;
  void show_sections(View& view) const;

  std::array<Seen, kMaxCells> seen_{};
};

}  // namespace hive::policy
