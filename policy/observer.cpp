#include "policy/observer.h"

#include <algorithm>
#include <limits>

#include "policy/hint.h"

namespace hive::policy {
namespace {

/// Whether NEXT can come after LAST: its VMM counts up.
bool goes_on(const hive_state_guest& last, const hive_state_guest& next) {
  return next.ran_ns >= last.ran_ns && next.waited_ns >= last.waited_ns;
}

bool goes_on(const hive_state_memory& last, const hive_state_memory& next) {
  return next.load.some_stalled_us >= last.load.some_stalled_us &&
         next.load.swapped_in >= last.load.swapped_in &&
         next.load.swapped_out >= last.load.swapped_out &&
         next.load.major_faults >= last.load.major_faults;
}

/// Whether SHARES are such as CELL can have.
bool make_sense(Cell cell, const hive_state_shares& shares) {
  if (shares.time_ns == 0 || shares.settling > 1) return false;
  if (shares.weight > kMaxWeight || shares.usual_weight > kMaxWeight) return false;
  if (shares.lent[cell] != 0 || shares.borrowed[cell] != 0) return false;
  std::uint64_t lent = 0;
  for (const std::uint32_t blocks : shares.lent) lent += blocks;
  return lent <= shares.own_blocks;
}

}  // namespace

std::uint64_t in_view_interval(std::uint64_t count, std::uint64_t interval) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const std::uint64_t whole = count / interval;
  const std::uint64_t rest = count % interval * kViewInterval / interval;
  return whole > (kMost - rest) / kViewInterval ? kMost : whole * kViewInterval + rest;
}

template <typename Figures>
void Observer::Samples<Figures>::take(const Figures& next) {
  if (next.time_ns == last.time_ns) return;
  const bool follows = last.time_ns != 0 && next.time_ns > last.time_ns && goes_on(last, next);
  before = follows ? last : Figures{};
  last = next;
}

template <typename Figures>
bool Observer::Samples<Figures>::are_good(std::uint64_t now, std::uint64_t stale) const {
  return before.time_ns != 0 && last.time_ns <= now && now - last.time_ns <= stale &&
         interval() <= kLongestInterval;
}

void Observer::see(Cell cell, const StateReading* reading) {
  Seen& seen = seen_[cell];
  seen.read = seen.has_memory = false;
  if (reading == nullptr || reading->incarnation == 0) return;
  if (reading->incarnation != seen.incarnation) seen = Seen{};
  seen.incarnation = reading->incarnation;
  seen.epoch = reading->epoch;
  if (reading->has_guest) seen.guest.take(reading->guest);
  if (reading->has_memory) seen.memory.take(reading->memory);
  if (reading->has_shares) seen.shares = reading->shares;
  if (reading->has_sections) seen.sections = reading->sections;
  if (reading->has_uses) seen.uses = reading->uses;
  seen.read = reading->has_guest && reading->has_shares;
  seen.has_memory = reading->has_memory;
}

bool Observer::is_live(Cell cell, const Seen& seen, const Moment& moment) {
  return seen.read && seen.epoch == moment.epoch && make_sense(cell, seen.shares) &&
         seen.guest.are_good(moment.now_ns, kGuestStale);
}

void Observer::show_cpu(const Seen& seen, CpuView& cpu) {
  const hive_state_guest& before = seen.guest.before;
  const hive_state_guest& last = seen.guest.last;
  const std::uint64_t interval = seen.guest.interval();
  cpu.vcpus = seen.shares.vcpus;
  cpu.ran_ns = in_view_interval(last.ran_ns - before.ran_ns, interval);
  cpu.waited_ns = in_view_interval(last.waited_ns - before.waited_ns, interval);
  cpu.weight = seen.shares.weight;
  cpu.usual_weight = seen.shares.usual_weight;
}

void Observer::show_memory(const Seen& seen, const Moment& moment, MemoryView& memory) {
  memory.own_blocks = seen.shares.own_blocks;
  memory.reserve_blocks = seen.shares.reserve_blocks;
  memory.room_blocks = seen.shares.room_blocks;
  memory.settling = seen.shares.settling != 0;
  if (!seen.has_memory || !seen.memory.are_good(moment.now_ns, kMemoryStale)) return;
  const hive_agent_load& before = seen.memory.before.load;
  const hive_agent_load& last = seen.memory.last.load;
  const std::uint64_t interval = seen.memory.interval();
  const auto added = [interval](std::uint64_t from, std::uint64_t to) {
    return in_view_interval(to - from, interval);
  };
  memory.total_blocks = blocks_of(last.total);
  memory.free_blocks = blocks_of(last.free);
  memory.available_blocks = blocks_of(last.available);
  memory.stalled_us = added(before.some_stalled_us, last.some_stalled_us);
  memory.swapped_in = added(before.swapped_in, last.swapped_in);
  memory.swapped_out = added(before.swapped_out, last.swapped_out);
  memory.major_faults = added(before.major_faults, last.major_faults);
}

void Observer::show_loans(View& view) const {
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (!policy::is_live(view, cell)) continue;
    const hive_state_shares& own = seen_[cell].shares;
    for (Cell peer = 0; peer < kMaxCells; ++peer) {
      const bool peer_is_live = policy::is_live(view, peer);
      const Blocks lent = own.lent[peer];
      const Blocks borrowed = peer_is_live ? seen_[peer].shares.borrowed[cell] : lent;
      view.loans[cell][peer] = std::max(lent, borrowed);
      if (!peer_is_live) view.loans[peer][cell] = own.borrowed[peer];
      if (lent == borrowed) continue;
      view.cells[cell].memory.settling = true;
      view.cells[peer].memory.settling = true;
    }
  }
}

void Observer::show_placement(View& view) const {
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    if (!policy::is_live(view, cell)) continue;
    const std::uint32_t home = seen_[cell].shares.placement;
    view.placement = home < kMaxCells ? static_cast<Cell>(home) : kNoCell;
    return;
  }
}

void Observer::show(const Moment& moment, View& view) const {
  view = View{};
  view.now_ns = moment.now_ns;
  view.epoch = moment.epoch;
  view.cpus = moment.cpus;
  view.interval_ns = kViewInterval;
  for (Cell cell = 0; cell < kMaxCells; ++cell) {
    const Seen& seen = seen_[cell];
    if (!is_live(cell, seen, moment)) continue;
    CellView& shown = view.cells[cell];
    shown.live = true;
    shown.incarnation = seen.incarnation;
    shown.unused_blocks = seen.shares.unused_blocks;
    show_cpu(seen, shown.cpu);
    show_memory(seen, moment, shown.memory);
  }
  show_loans(view);
  show_placement(view);
  show_sections(view);
}

}  // namespace hive::policy
