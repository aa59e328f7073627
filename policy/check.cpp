#include "policy/check.h"

namespace hive::policy {
namespace {

std::string_view fault_of_lend(const Hint& hint, const View& view) {
  const MemoryView& lender = view.cells[hint.cell].memory;
  if (hint.amount == 0) return "no blocks";
  if (ram_of(view, hint.cell) < std::uint64_t{lender.reserve_blocks} + hint.amount) {
    return "it would leave the lender less than its reserve";
  }
  if (view.cells[hint.peer].memory.room_blocks < hint.amount) {
    return "the borrower has no room for so much";
  }
  return {};
}

std::string_view fault_of_give_back(const Hint& hint, const View& view) {
  if (hint.amount == 0) return "no blocks";
  if (view.loans[hint.peer][hint.cell] < hint.amount) return "more than was lent";
  return {};
}

std::string_view fault_of_move(const Hint& hint, const View& view) {
  for (unsigned i = 0; i < view.section_count && i < View::kMaxSections; ++i) {
    const SectionView& section = view.sections[i];
    if (section.home != hint.cell || section.number != hint.section) continue;
    if (section.moving) return "the section is being moved";
    if (view.cells[hint.peer].unused_blocks < section.blocks) {
      return "the new home has no room for the section";
    }
    return {};
  }
  return "no such section";
}

}  // namespace

std::string_view fault_of(const Hint& hint, const View& view) {
  if (!is_live(view, hint.cell)) return "no such cell, or it is down";
  if (hint.kind == HintKind::kWeight) {
    const std::uint32_t usual = view.cells[hint.cell].cpu.usual_weight;
    const bool in_range =
        hint.amount >= std::max(usual, kMinWeight) && hint.amount <= most_weight(usual);
    return in_range ? std::string_view{}
                    : "the weight is below the usual one, or above four times that, or above 10000";
  }
  if (hint.kind == HintKind::kPlace) return {};
  if (!is_live(view, hint.peer)) return "no such peer, or it is down";
  if (hint.peer == hint.cell) return "a cell cannot be its own peer";
  switch (hint.kind) {
    case HintKind::kLend:
      return fault_of_lend(hint, view);
    case HintKind::kGiveBack:
      return fault_of_give_back(hint, view);
    case HintKind::kMove:
      return fault_of_move(hint, view);
    default:
      return "no such kind of hint";
  }
}

}  // namespace hive::policy
