#include "cellmon/sharing/hint_gate.h"

#include <fmt/format.h>

#include <optional>
#include <utility>

namespace hive::sharing {

using policy::HintKind;

namespace {

bool has_peer(HintKind kind) {
  return kind == HintKind::kLend || kind == HintKind::kGiveBack || kind == HintKind::kMove;
}

/// What can be said of HINT's figures without knowing more.
std::optional<Refusal> fault_of_range(const policy::Hint& hint) {
  if (has_peer(hint.kind) && hint.peer == hint.cell) {
    return Refusal{Reason::kRange, "a cell cannot be its own peer"};
  }
  switch (hint.kind) {
    case HintKind::kLend:
    case HintKind::kGiveBack:
      if (hint.amount == 0) return Refusal{Reason::kRange, "no blocks"};
      break;
    case HintKind::kWeight:
      if (hint.amount < policy::kMinWeight || hint.amount > policy::kMaxWeight) {
        return Refusal{Reason::kRange, "the weight is not from 1 to 10000"};
      }
      break;
    case HintKind::kPlace:
    case HintKind::kMove:
      break;
  }
  return std::nullopt;
}

}  // namespace

void HintGate::set_author(CellId cell, const policy::Author& author) {
  has_author_ = true;
  author_cell_ = cell;
  author_ = author;
}

std::optional<Refusal> HintGate::fault_of(CellId from, const hive_wax_hint& words,
                                          policy::Hint& hint) const {
  if (!has_author_) return Refusal{Reason::kNotThePolicy, "no cell runs a policy now"};
  if (from != author_cell_) {
    return Refusal{Reason::kNotThePolicy,
                   fmt::format("cell {} does not run the policy", static_cast<unsigned>(from))};
  }
  if (!policy::read_hint(words, hint)) {
    return Refusal{Reason::kMalformed, "it is of no kind, or does not say what its kind has"};
  }
  if (words.epoch != author_.epoch) {
    return Refusal{Reason::kStaleEpoch, fmt::format("it is of epoch {}, the present one is {}",
                                                    words.epoch, author_.epoch)};
  }
  if (words.incarnation != author_.incarnation) {
    return Refusal{Reason::kStaleIncarnation,
                   fmt::format("it is of incarnation {}, the present one is {}", words.incarnation,
                               author_.incarnation)};
  }
  // Where new sections go is for every cell that makes some.
  if (hint.kind != HintKind::kPlace && hint.cell != static_cast<unsigned>(self_)) {
    return Refusal{Reason::kNotMine, fmt::format("it is for cell {}", hint.cell)};
  }
  return fault_of_range(hint);
}

std::variant<policy::Hint, Refusal> HintGate::check(CellId from, const hive_wax_hint& words,
                                                    agree::Time now) {
  policy::Hint hint;
  std::optional<Refusal> fault = fault_of(from, words, hint);
  // What is wrong anyway takes no other hint's turn.
  if (!fault) {
    TokenBucket& kind = kinds_[static_cast<std::size_t>(hint.kind) - 1];
    if (!kind.has(now) || !all_.has(now)) {
      fault = Refusal{Reason::kTooMany, "there were too many lately"};
    } else {
      (void)kind.take(now);
      (void)all_.take(now);
    }
  }
  if (fault) {
    refused_.add(fault->reason);
    return *std::move(fault);
  }
  ++passed_;
  return hint;
}

}  // namespace hive::sharing
