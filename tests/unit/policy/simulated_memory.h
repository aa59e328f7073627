// A machine whose cells lend each other memory as a policy advises.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "policy/policy.h"
#include "tests/unit/policy/demand.h"

namespace hive::policy {

/// What a simulated cell is like. All memory in blocks.
struct CellModel {
  Blocks own = 128;
  Blocks reserve = 32;
  Blocks most_borrowed = 1024;
  Blocks kernel = 6;            ///< Taken by its kernel for good.
  Demand programs = steady(0);  ///< What programs use; more than there is goes to swap.
  Demand files = steady(0);     ///< What programs read again and again.
  Blocks cache_growth = 2;      ///< What other files fill the cache with, in a round...
  Blocks most_cache = 0;        ///< ...until there are so many of these.
};

/// Rounds of a quarter of a second. Loans take a while to get through. What a policy advises is
/// checked as monitors do.
class SimulatedMemory {
 public:
  static constexpr std::uint64_t kRound = 250'000'000;  ///< Nanoseconds.

  /// DELAY: rounds that a loan takes to get through.
  SimulatedMemory(std::vector<CellModel> cells, Rule rule, unsigned delay = 2);

  void run(unsigned rounds);
  /// CELL fails: it and what it lent and borrowed are gone until it is back, with its own memory.
  void fail(Cell cell);
  void bring_back(Cell cell);

  [[nodiscard]] const View& view() const { return view_; }
  [[nodiscard]] unsigned round() const { return round_; }
  [[nodiscard]] std::uint64_t borrowed(Cell cell) const { return borrowed_by(view_, cell); }
  [[nodiscard]] std::uint64_t lent(Cell cell) const { return lent_by(view_, cell); }
  [[nodiscard]] std::uint64_t all_lent() const;
  [[nodiscard]] std::uint32_t available_permille(Cell cell) const;
  /// What CELL's programs wanted in the last round and did not have.
  [[nodiscard]] std::uint64_t lacks(Cell cell) const { return states_[cell].lacks; }
  /// How often what CELL holds of others' memory, less what it has lent, began to grow after it had
  /// last shrunk, or the other way round.
  [[nodiscard]] unsigned turns(Cell cell) const { return states_[cell].turns; }
  /// The last round in which anything was advised.
  [[nodiscard]] unsigned last_hint() const { return last_hint_; }
  /// What went wrong, in words: accounts that do not balance, refused hints; empty: nothing.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }

 private:
  struct State {
    CellModel model;
    bool up = true;
    std::uint64_t ram = 0;  ///< That it really has.
    std::uint64_t cache = 0;
    std::uint64_t lacks = 0;
    std::int64_t net = 0;
    int direction = 0;
    unsigned turns = 0;
  };
  struct Transfer {
    Cell to;
    Cell from;
    std::uint64_t blocks;
    unsigned rounds;
  };

  void look();
  void look_at(Cell cell);
  void follow(const Hint& hint);
  void start(Cell from, Cell to, std::uint64_t blocks);
  void arrive();
  void count_turns();
  void check_accounts();
  void complain(const std::string& what);

  std::vector<State> states_;
  Rule rule_;
  unsigned delay_;
  View view_;
  std::vector<Transfer> transfers_;
  unsigned round_ = 0;
  unsigned last_hint_ = 0;
  std::string complaint_;
};

}  // namespace hive::policy
