// Views with any figures in them at all, and whether what a policy advises on them can be followed.
#pragma once

#include <cstdint>
#include <string_view>

#include "policy/check.h"
#include "policy/policy.h"

namespace hive::policy {

/// A view whose figures come from WORD, which returns 32 bits each time.
template <typename Word>
View any_view(Word&& word) {
  const auto wide = [&] { return std::uint64_t{word()} << 32U | word(); };
  View view;
  const std::uint32_t kind = word();
  view.interval_ns = (kind & 1U) != 0 ? wide() : word();
  view.cpus = word();
  view.placement = static_cast<Cell>(word());
  view.section_count = word() % (View::kMaxSections + 2);
  for (CellView& cell : view.cells) {
    MemoryView& memory = cell.memory;
    const std::uint32_t flags = word();
    cell.live = (flags & 3U) != 0;
    memory.settling = (flags & 28U) == 0;
    for (Blocks* blocks :
         {&memory.own_blocks, &memory.reserve_blocks, &memory.room_blocks, &memory.total_blocks,
          &memory.free_blocks, &memory.available_blocks, &cell.unused_blocks}) {
      *blocks = word();
    }
    memory.stalled_us = (flags & 32U) != 0 ? wide() : word();
    memory.swapped_in = word();
    CpuView& cpu = cell.cpu;
    cpu.vcpus = word();
    cpu.ran_ns = (flags & 64U) != 0 ? wide() : word();
    cpu.waited_ns = (flags & 64U) != 0 ? wide() : word();
    cpu.weight = word();
    cpu.usual_weight = word();
  }
  for (std::uint32_t number = 0; number < View::kMaxSections; ++number) {
    SectionView& section = view.sections[number];
    section.home = static_cast<Cell>(word() % (kMaxCells + 1));
    section.number = number;
    section.blocks = word();
    for (unsigned cell = 0; cell < 4; ++cell) section.uses[word() % kMaxCells] = word();
  }
  if ((kind & 2U) == 0) return view;
  for (auto& loans : view.loans) {
    for (Blocks& loan : loans) loan = word();
  }
  return view;
}

/// Why a hint of RULE on VIEW, after those before it, cannot be followed; nothing where all can be.
inline std::string_view fault_of_advice(Rule rule, View view) {
  Hints hints;
  rule(view, hints);
  for (const Hint& hint : hints) {
    const std::string_view fault = fault_of(hint, view);
    if (!fault.empty()) return fault;
    if (hint.kind == HintKind::kLend) {
      view.loans[hint.cell][hint.peer] += hint.amount;
      view.cells[hint.peer].memory.room_blocks -= hint.amount;
    } else if (hint.kind == HintKind::kGiveBack) {
      view.loans[hint.peer][hint.cell] -= hint.amount;
    }
  }
  return {};
}

}  // namespace hive::policy
