#include "tests/unit/policy/simulated_memory.h"

#include <algorithm>
#include <utility>

#include "policy/check.h"
#include "policy/permille.h"

namespace hive::policy {

SimulatedMemory::SimulatedMemory(std::vector<CellModel> cells, Rule rule, unsigned delay)
    : rule_(rule), delay_(delay) {
  view_.epoch = 1;
  view_.interval_ns = kRound;
  for (CellModel& model : cells) {
    State state;
    state.ram = model.own;
    CellView& cell = view_.cells[states_.size()];
    cell.live = true;
    cell.incarnation = 1;
    cell.memory.own_blocks = model.own;
    cell.memory.reserve_blocks = model.reserve;
    state.model = std::move(model);
    states_.push_back(std::move(state));
  }
  look();
}

void SimulatedMemory::run(unsigned rounds) {
  for (unsigned i = 0; i < rounds; ++i) {
    look();
    Hints hints;
    rule_(view_, hints);
    if (hints.size() != 0) last_hint_ = round_;
    for (const Hint& hint : hints) follow(hint);
    arrive();
    count_turns();
    check_accounts();
    ++round_;
    view_.now_ns += kRound;
  }
  look();
}

void SimulatedMemory::look() {
  for (Cell cell = 0; cell < states_.size(); ++cell) look_at(cell);
}

void SimulatedMemory::look_at(Cell cell) {
  State& state = states_[cell];
  CellView& seen = view_.cells[cell];
  seen.live = state.up;
  if (!state.up) return;
  const std::uint64_t total = state.ram - std::min<std::uint64_t>(state.ram, state.model.kernel);
  const std::uint64_t programs = state.model.programs(round_);
  const std::uint64_t files = state.model.files(round_);
  const std::uint64_t used = std::min(programs, total);
  const std::uint64_t other = std::min<std::uint64_t>(
      std::max<std::uint64_t>(state.cache, files) + state.model.cache_growth,
      state.model.most_cache);
  state.cache = std::min(std::max(files, other), total - used);
  state.lacks = programs - used + (files > state.cache ? files - state.cache : 0);

  MemoryView& memory = seen.memory;
  const auto borrowed = static_cast<Blocks>(borrowed_by(view_, cell));
  memory.room_blocks = state.model.most_borrowed - std::min(state.model.most_borrowed, borrowed);
  memory.total_blocks = static_cast<Blocks>(total);
  memory.free_blocks = static_cast<Blocks>(total - used - state.cache);
  memory.available_blocks = static_cast<Blocks>(total - used);
  // A task that touches memory at random waits the more often the more of it is not there.
  memory.stalled_us = permille(4 * state.lacks, programs + files) * (kRound / 1000) / kWhole;
  memory.swapped_in = state.lacks;
  memory.settling = std::any_of(transfers_.begin(), transfers_.end(), [cell](const Transfer& t) {
    return t.from == cell || t.to == cell;
  });
}

void SimulatedMemory::follow(const Hint& hint) {
  const std::string_view fault = fault_of(hint, view_);
  if (!fault.empty()) return complain("refused: " + std::string(fault));
  if (view_.cells[hint.cell].memory.available_blocks < hint.amount) {
    complain("a cell was asked for memory that it does not have");
  }
  if (hint.kind == HintKind::kLend) {
    view_.loans[hint.cell][hint.peer] += hint.amount;
    view_.cells[hint.peer].memory.room_blocks -= hint.amount;
    start(hint.cell, hint.peer, hint.amount);
  } else if (hint.kind == HintKind::kGiveBack) {
    view_.loans[hint.peer][hint.cell] -= hint.amount;
    start(hint.cell, hint.peer, hint.amount);
  } else {
    complain("not about memory");
  }
}

void SimulatedMemory::start(Cell from, Cell to, std::uint64_t blocks) {
  if (states_[from].ram < blocks) return complain("a cell gave what it has not");
  states_[from].ram -= blocks;
  view_.cells[from].memory.available_blocks -=
      std::min(view_.cells[from].memory.available_blocks, static_cast<Blocks>(blocks));
  transfers_.push_back({to, from, blocks, delay_});
}

void SimulatedMemory::arrive() {
  for (Transfer& transfer : transfers_) {
    if (transfer.rounds-- == 0) states_[transfer.to].ram += transfer.blocks;
  }
  std::erase_if(transfers_, [](const Transfer& t) { return t.rounds == ~0U; });
}

void SimulatedMemory::count_turns() {
  for (Cell cell = 0; cell < states_.size(); ++cell) {
    State& state = states_[cell];
    const auto net =
        static_cast<std::int64_t>(borrowed(cell)) - static_cast<std::int64_t>(lent(cell));
    if (net == state.net) continue;
    const int direction = net > state.net ? 1 : -1;
    if (state.direction == -direction) ++state.turns;
    state.direction = direction;
    state.net = net;
  }
}

void SimulatedMemory::check_accounts() {
  std::uint64_t own = 0;
  std::uint64_t there = 0;
  for (Cell cell = 0; cell < states_.size(); ++cell) {
    const State& state = states_[cell];
    if (!state.up) continue;
    std::uint64_t coming = 0;
    for (const Transfer& transfer : transfers_) coming += transfer.to == cell ? transfer.blocks : 0;
    own += state.model.own;
    there += state.ram + coming;
    if (ram_of(view_, cell) != state.ram + coming) complain("accounts and memory differ");
    if (ram_of(view_, cell) < state.model.reserve) complain("a reserve was touched");
    if (borrowed(cell) > state.model.most_borrowed) complain("a cell was lent too much");
  }
  if (own != there) complain("memory was lost or made");
}

void SimulatedMemory::fail(Cell cell) {
  states_[cell].up = false;
  std::erase_if(transfers_, [&](const Transfer& transfer) {
    const bool its = transfer.from == cell || transfer.to == cell;
    if (its) states_[transfer.to].ram += transfer.blocks;
    return its;
  });
  for (Cell other = 0; other < states_.size(); ++other) {
    states_[other].ram += view_.loans[other][cell];
    states_[other].ram -= view_.loans[cell][other];
    view_.loans[other][cell] = 0;
    view_.loans[cell][other] = 0;
  }
  states_[cell].ram = states_[cell].model.own;
  states_[cell].cache = 0;
}

void SimulatedMemory::bring_back(Cell cell) {
  states_[cell].up = true;
  ++view_.cells[cell].incarnation;
}

std::uint64_t SimulatedMemory::all_lent() const {
  std::uint64_t all = 0;
  for (Cell cell = 0; cell < states_.size(); ++cell) all += lent(cell);
  return all;
}

std::uint32_t SimulatedMemory::available_permille(Cell cell) const {
  const MemoryView& memory = view_.cells[cell].memory;
  return permille(memory.available_blocks, memory.total_blocks);
}

void SimulatedMemory::complain(const std::string& what) {
  if (complaint_.empty()) complaint_ = "round " + std::to_string(round_) + ": " + what;
}

}  // namespace hive::policy
