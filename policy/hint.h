// What a policy advises. Monitors decide.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "policy/view.h"

namespace hive::policy {

inline constexpr std::uint32_t kMinWeight = 1;  ///< As of cgroup v2.
inline constexpr std::uint32_t kMaxWeight = 10'000;
/// A cell's weight is at most its usual one times that, and never less than the usual one: what
/// weighs beside the cells, Wax among it, gets no more than the plan has it get, whatever is
/// advised.
inline constexpr std::uint32_t kMostRaise = 4;

/// The most weight that can be advised for a cell whose usual one is USUAL.
constexpr std::uint32_t most_weight(std::uint32_t usual) {
  return std::min(std::min(usual, kMaxWeight) * kMostRaise, kMaxWeight);
}

enum class HintKind : std::uint8_t {
  kLend = 1,      ///< `cell` lends `amount` blocks to `peer`.
  kGiveBack = 2,  ///< `cell` gives `amount` blocks back to `peer`, which had lent them.
  kWeight = 3,    ///< `amount` becomes the CPU weight of `cell`.
  kPlace = 4,     ///< New sections are placed at home `cell`.
  kMove = 5       ///< Section `section` of home `cell` moves to home `peer`.
};

/// One piece of advice. Members that its kind does not name are as they are here.
struct Hint {
  HintKind kind{};
  Cell cell = kNoCell;
  Cell peer = kNoCell;
  std::uint32_t amount = 0;
  std::uint32_t section = 0;

  friend constexpr bool operator==(const Hint&, const Hint&) = default;
};

/// What a policy advises in one round, in the order in which it is to be done. Advice for which
/// there is no room is lost: the next round will have it again.
class Hints {
 public:
  static constexpr unsigned kCapacity = 256;

  [[nodiscard]] const Hint* begin() const { return list_.data(); }
  [[nodiscard]] const Hint* end() const { return list_.data() + size_; }
  [[nodiscard]] unsigned size() const { return size_; }
  [[nodiscard]] bool full() const { return size_ == kCapacity; }
  void clear() { size_ = 0; }

  // Each returns false where there was no room. Blocks for the same pair of cells are added up.
  bool lend(Cell lender, Cell borrower, Blocks blocks) {
    return add_blocks({HintKind::kLend, lender, borrower, blocks});
  }
  bool give_back(Cell borrower, Cell lender, Blocks blocks) {
    return add_blocks({HintKind::kGiveBack, borrower, lender, blocks});
  }
  bool weight(Cell cell, std::uint32_t weight) {
    return add({HintKind::kWeight, cell, kNoCell, weight});
  }
  bool place(Cell home) { return add({HintKind::kPlace, home}); }
  bool move(Cell from, std::uint32_t section, Cell to) {
    return add({HintKind::kMove, from, to, 0, section});
  }

 private:
  bool add(const Hint& hint);
  bool add_blocks(const Hint& hint);

  std::array<Hint, kCapacity> list_{};
  unsigned size_ = 0;
};

}  // namespace hive::policy
